/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * handle.c: the registry, and the semaphore operations that make what this
 * process holds known to the kernel.
 *
 * References are +1 with SEM_UNDO; a bell leaves the value as it is but adds
 * one at our death.  Both are gathered into few calls.  A bell is undone only
 * when its handle is destroyed: while it may be used, another thread may owe
 * a wake-up.
 */
#include "internal.h"

#include "block.h"
#include "handle.h"
#include "member.h"
#include "sysv.h"
#include "watch.h"

#define BATCH       32 /* many a guide sets kernel.sem's SEMOPM to that */
#define HOLDING_MAX 13 /* operations of one holding at most */

struct handle *registry;

struct batch {
    int semaphores;
    uint64_t sides; /* a bit for each counter that is a broadcast's side */
    size_t n;
    struct sembuf operations[BATCH];
    unsigned added, held; /* holdings in it, and in those that were done */
};

void
registry_lock(void)
{
    pthread_mutex_lock(&self.registry_mutex);
}

void
registry_unlock(void)
{
    pthread_mutex_unlock(&self.registry_mutex);
}

void
handle_add(struct handle *handle)
{
    handle->previous = NULL;
    handle->next = registry;
    if (registry != NULL)
        registry->previous = handle;
    registry = handle;
}

void
handle_remove(struct handle *handle)
{
    if (handle->previous != NULL)
        handle->previous->next = handle->next;
    else
        registry = handle->next;
    if (handle->next != NULL)
        handle->next->previous = handle->previous;
    handle->magic = 0;
}

/* A count that is lower than what we added to it, as somebody wrote to the
 * set or to its table: the rest is given up all the same, and nobody sleeps
 * for a count that will not come. */
static void
each_alone(const struct batch *batch)
{
    for (size_t i = 0; i < batch->n; i++) {
        struct sembuf one = batch->operations[i];

        (void) sysv_semop(batch->semaphores, &one, 1);
    }
}

static uint64_t
side_bit(int counter)
{
    return UINT64_C(1) << (counter - BLOCK_COUNTERS);
}

/* Bells have rung in vain until there is no room for another. */
static void
drain(const struct batch *batch)
{
    for (size_t i = 0; i < batch->n; i++) {
        int semaphore = batch->operations[i].sem_num;

        if (semaphore < BLOCK_GATES &&
            (batch->sides & side_bit(semaphore)) != 0)
            block_lower(batch->semaphores, semaphore);
        else
            block_drain(batch->semaphores, semaphore);
    }
}

static int
batch_flush(struct batch *batch)
{
    int error = 0;

    if (batch->n > 0)
        error = sysv_semop(batch->semaphores, batch->operations, batch->n);
    if (error == -ERANGE) {
        drain(batch);
        error = sysv_semop(batch->semaphores, batch->operations, batch->n);
    }
    if (error == -EAGAIN)
        each_alone(batch);
    if (error == 0)
        batch->held += batch->added;
    batch->added = 0;
    batch->n = 0;
    batch->sides = 0;
    return error == -ERANGE ? -ENOSPC : error;
}

static int
batch_for(struct batch *batch, int semaphores)
{
    int error = 0;

    if (batch->semaphores != semaphores || batch->n + HOLDING_MAX > BATCH)
        error = batch_flush(batch);
    batch->semaphores = semaphores;
    return error;
}

static void
batch_add(struct batch *batch, int semaphore, int value, int flags)
{
    batch->operations[batch->n++] = sem_operation(semaphore, value, flags);
}

static void
add_bell(struct batch *batch, int semaphore)
{
    if (semaphore < 0)
        return;
    batch_add(batch, semaphore, 1, 0);
    batch_add(batch, semaphore, -1, SEM_UNDO);
}

static void
add_side(struct batch *batch, int semaphore)
{
    if (semaphore >= 0)
        batch->sides |= side_bit(semaphore);
}

static void
add_hold(struct batch *batch, const struct holding *h)
{
    for (int i = 0; i < HOLDING_BELLS; i++)
        add_bell(batch, h->bells[i]);
    add_bell(batch, h->side);
    add_side(batch, h->side);
    for (int i = 0; i < HOLDING_REFERENCES; i++)
        if (h->references[i] >= 0)
            batch_add(batch, h->references[i], 1, SEM_UNDO);
    batch->added++;
}

/* As the kernel would do it at our death: references first, then bells. */
static void
add_release(struct batch *batch, const struct holding *h)
{
    for (int i = 0; i < HOLDING_REFERENCES; i++)
        if (h->references[i] >= 0)
            batch_add(batch, h->references[i], -1, SEM_UNDO | IPC_NOWAIT);
    for (int i = 0; i < HOLDING_BELLS; i++)
        if (h->bells[i] >= 0)
            batch_add(batch, h->bells[i], 1, SEM_UNDO);
    if (h->side >= 0)
        batch_add(batch, h->side, 1, SEM_UNDO);
    add_side(batch, h->side);
}

void
holding_clear(struct holding *h)
{
    for (int i = 0; i < HOLDING_REFERENCES; i++)
        h->references[i] = -1;
    for (int i = 0; i < HOLDING_BELLS; i++)
        h->bells[i] = -1;
    h->side = -1;
}

int
handle_hold(const struct holding *h)
{
    struct batch batch = { .semaphores = h->place.semaphores };

    add_hold(&batch, h);
    return batch_flush(&batch);
}

void
handle_drop(struct holding *h, int reference, int gate)
{
    struct sembuf drop[2] = {
        sem_operation(h->references[reference], -1, SEM_UNDO | IPC_NOWAIT),
        sem_operation(gate, 1, 0),
    };
    int error;

    if (h->references[reference] < 0)
        return;
    error = sysv_semop(h->place.semaphores, drop, 2);
    if (error == -ERANGE) /* the gate is full of tokens: enough of them */
        (void) sysv_semop(h->place.semaphores, drop, 1);
    if (error == -EAGAIN) /* nothing to drop: wake them all the same */
        (void) sysv_semop(h->place.semaphores, &drop[1], 1);
    h->references[reference] = -1;
}

static void
close_beacons(const struct handle *handle)
{
    for (int i = 0; i < handle->holdings; i++)
        beacon_close(handle->holding[i].beacon);
}

void
handle_release(struct handle *handle)
{
    struct arena *arena = handle->arena;
    struct batch batch = { .n = 0 };

    if (arena_me(arena) == 0)
        return;
    if (handle->give_up != NULL)
        handle->give_up(handle);
    for (int i = 0; i < handle->holdings; i++) {
        (void) batch_for(&batch, handle->holding[i].place.semaphores);
        add_release(&batch, &handle->holding[i]);
    }
    (void) batch_flush(&batch);
    close_beacons(handle);
    for (int i = 0; i < handle->holdings; i++)
        object_unref(arena, &handle->holding[i].place);
}

void
handle_forget(struct handle *handle)
{
    for (int i = 0; i < handle->holdings; i++)
        holding_clear(&handle->holding[i]);
    close_beacons(handle);
}

static int
inherit(struct arena *arena, struct handle *handle, struct batch *batch)
{
    int error = 0;

    if (own_load(&handle->receivers) != 0 || own_load(&handle->senders) != 0 ||
        own_load(&handle->permits) != 0) {
        own_store(&handle->receivers, 0);
        own_store(&handle->senders, 0);
        own_store(&handle->permits, 0);
    }
    if (handle->arena != arena || own_load(&handle->closed)) {
        /* What we never registered we must not give up, either. */
        handle_forget(handle);
        return 0;
    }
    for (int i = 0; i < handle->holdings && error == 0; i++) {
        struct holding *h = &handle->holding[i];

        error = block_join(arena, h->place.block);
        if (error == 0)
            error = batch_for(batch, h->place.semaphores);
        if (error == 0)
            add_hold(batch, h);
    }
    return error;
}

/* Gives up what was registered of them, of so many holdings: first we are
 * dead, then the bells ring, as the kernel does it at a death. */
static void
withdraw(struct arena *arena, unsigned held)
{
    struct batch batch = { .n = 0 };

    member_withdraw(arena);
    for (const struct handle *h = registry; h != NULL; h = h->next)
        for (int i = 0; h->arena == arena && !own_load(&h->closed) &&
             i < h->holdings && held > 0; i++, held--) {
            (void) batch_for(&batch, h->holding[i].place.semaphores);
            add_release(&batch, &h->holding[i]);
        }
    (void) batch_flush(&batch);
    watch_leave(arena);
    shm_store(&arena->head->garbage, 1);
}

int
handle_inherit_all(struct arena *arena)
{
    struct batch batch = { .n = 0 };
    int error = 0;

    for (struct handle *h = registry; h != NULL && error == 0; h = h->next)
        error = inherit(arena, h, &batch);
    if (error == 0)
        error = batch_flush(&batch);
    if (error < 0)
        withdraw(arena, batch.held);
    return error;
}

void
handle_disown_all(const struct arena *arena)
{
    for (struct handle *h = registry; h != NULL; h = h->next)
        if (h->arena == arena) {
            own_store(&h->closed, true);
            handle_forget(h);
        }
}

void
handle_give_up_all(struct arena *arena)
{
    for (struct handle *h = registry; h != NULL; h = h->next)
        if (h->arena == arena && h->give_up != NULL)
            h->give_up(h);
}

void
handle_abandon_all(struct arena *arena)
{
    struct batch batch = { .n = 0 };

    for (struct handle *h = registry; h != NULL; h = h->next)
        for (int i = 0; h->arena == arena && i < h->holdings; i++) {
            (void) batch_for(&batch, h->holding[i].place.semaphores);
            add_release(&batch, &h->holding[i]);
        }
    (void) batch_flush(&batch);
}

void
handle_close_all(const struct arena *arena)
{
    for (const struct handle *h = registry; h != NULL; h = h->next)
        if (h->arena == arena)
            close_beacons(h);
}
