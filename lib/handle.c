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

#include <stdlib.h>

#include "block.h"
#include "handle.h"
#include "member.h"
#include "sysv.h"
#include "watch.h"

#define BATCH       32 /* many a guide sets kernel.sem's SEMOPM to that */
#define HOLDING_MAX 13 /* operations of one holding at most */

struct handle *registry;

/* What a handle held that is destroyed, and the kernel did not let us give up,
 * as this process was another user then (seteuid).  It is given up as soon as
 * the kernel allows it, or by our death.  Under the registry's mutex. */
struct owed {
    struct owed *next;
    struct arena *arena;
    struct holding holding;
};

static struct owed *owed;

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
    own_mutex_lock(&self.registry_mutex);
}

bool
registry_lock_at_end(void)
{
    return own_mutex_lock_at_end(&self.registry_mutex);
}

void
registry_unlock(void)
{
    own_mutex_unlock(&self.registry_mutex);
}

/* From `registry` on the list can be walked at any instant: exit() may come in
 * a signal handler, amid this. */
void
handle_add(struct handle *handle)
{
    handle->previous = NULL;
    handle->next = registry;
    if (registry != NULL)
        registry->previous = handle;
    own_before_signal();
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
            (void) block_lower(batch->semaphores, semaphore);
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

int
handle_drop(struct holding *h, int reference, int gate, int tokens)
{
    struct sembuf drop[2] = {
        sem_operation(h->references[reference], -1, SEM_UNDO | IPC_NOWAIT),
        sem_operation(gate, tokens, 0),
    };
    int error;

    if (h->references[reference] < 0)
        return 0;
    error = sysv_semop(h->place.semaphores, drop, 2);
    if (error == -ERANGE) { /* the gate is full of tokens: make room */
        block_drain(h->place.semaphores, gate);
        error = sysv_semop(h->place.semaphores, drop, 2);
    }
    if (error == -EAGAIN) /* nothing to drop: wake them all the same */
        error = sysv_semop(h->place.semaphores, &drop[1], 1);
    if (error < 0 && error != -EIDRM)
        return error;
    h->references[reference] = -1;
    return 0;
}

static void
close_beacons(const struct handle *handle)
{
    for (int i = 0; i < handle->holdings; i++)
        beacon_close(handle->holding[i].beacon);
}

/* Where there is no memory to note it, it is left to our death. */
static void
owe(struct arena *arena, const struct holding *h)
{
    struct owed *more = malloc(sizeof(*more));

    if (more == NULL)
        return;
    *more = (struct owed){ .next = owed, .arena = arena, .holding = *h };
    owed = more;
}

/* Gives up what lies in the set of holding i, in one step; returns the first
 * holding that lies in another. */
static int
release_set(const struct handle *handle, int i)
{
    int first = i, error;
    struct batch batch = {
        .semaphores = handle->holding[i].place.semaphores,
    };

    for (; i < handle->holdings &&
        handle->holding[i].place.semaphores == batch.semaphores; i++)
        add_release(&batch, &handle->holding[i]);
    error = batch_flush(&batch);
    if (error < 0 && error != -EIDRM)
        while (first < i)
            owe(handle->arena, &handle->holding[first++]);
    return i;
}

/* false: the kernel still does not let us. */
static bool
pay(struct arena *arena, const struct holding *h)
{
    struct batch batch = { .semaphores = h->place.semaphores };
    int error;

    add_release(&batch, h);
    error = batch_flush(&batch);
    if (error < 0 && error != -EIDRM)
        return false;
    object_unref(arena, &h->place);
    return true;
}

void
handle_pay_owed(void)
{
    for (struct owed **at = &owed; *at != NULL;) {
        struct owed *one = *at;

        if (arena_me(one->arena) != 0 && !pay(one->arena, &one->holding)) {
            at = &one->next;
            continue;
        }
        *at = one->next;
        free(one);
    }
}

/* In a child, which has never registered it. */
static void
forget_owed(void)
{
    while (owed != NULL) {
        struct owed *one = owed;

        owed = one->next;
        free(one);
    }
}

void
handle_release(struct handle *handle)
{
    struct arena *arena = handle->arena;

    if (arena_me(arena) == 0)
        return;
    if (handle->give_up != NULL)
        handle->give_up(handle);
    for (int i = 0; i < handle->holdings;)
        i = release_set(handle, i);
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
    if (handle->given != 0)
        handle->given = 0; /* to children of our parent */
    if (own_load(&handle->parting) != 0)
        handle->holding[0].references[own_load(&handle->parting) - 1] = -1;
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

    forget_owed();
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

bool
handle_resign_all(struct arena *arena, bool alone, struct deadline *deadline)
{
    bool all = true;

    for (struct handle *h = registry; h != NULL; h = h->next)
        if (h->arena == arena && h->resign != NULL)
            all = h->resign(h, alone, deadline) && all;
    return all;
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
