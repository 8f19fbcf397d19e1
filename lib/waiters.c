/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * waiters.c: who waits at a condition or a barrier, without a lock.
 *
 * An entry is taken by a compare-and-swap of its owner from 0, and given back
 * by two stores, the word and then the owner; so where the owner is 0 the word
 * is 0, too.  Between the two it is its owner's: others change the word by
 * compare-and-swap alone, from a value that no other use of the entry has.
 *
 * What a dead process has left is found by who looks for it, and dealt with
 * by whoever changes the owner from the dead one to himself.  If he dies as
 * well it is found again, under his name.
 *
 * The first entries are in the object; then come blocks of the heap, each
 * twice as long as the one before.  None is given back before the object is
 * gone, so an entry's address is good as long as the handle.
 */
#include "internal.h"

#include <string.h>

#include "error.h"
#include "heap.h"
#include "member.h"
#include "memory.h"
#include "waiters.h"

#define PER_UNIT (UNIT_SIZE / (uint32_t) sizeof(struct waiter))

void
waiters_open(struct waiters *waiters, struct arena *arena,
    const struct place *place)
{
    waiters->arena = arena;
    waiters->words = object_waiters(place->object);
    waiters->semaphores = place->semaphores;
    waiters->listed =
        heap_listed(place->index, shm_load(&place->object->generation));
}

/* Where block i of them is; NULL: there is none. */
static struct waiter *
block_at(const struct waiters *waiters, int i)
{
    uint32_t unit = shm_load(&waiters->words->blocks[i]);

    /* The table may be the work of a wild pointer. */
    if (unit == 0 || heap_run(waiters->arena, unit - 1) < UINT32_C(1) << i ||
        shm_load(&heap_unit(waiters->arena, unit - 1)->tag) !=
            waiters->listed)
        return NULL;
    return heap_address(waiters->arena, unit - 1);
}

static uint32_t
room(const struct waiters *waiters)
{
    uint32_t n = WAITERS_FIRST;

    for (int i = 0; i < WAITERS_BLOCKS && block_at(waiters, i) != NULL; i++)
        n += PER_UNIT << i;
    return n;
}

void
waiters_walk(const struct waiters *waiters, struct waiters_walk *walk)
{
    *walk = (struct waiters_walk){
        .waiters = waiters,
        .left = shm_load(&waiters->words->high),
        .next = waiters->words->first,
        .end = waiters->words->first + WAITERS_FIRST,
    };
}

struct waiter *
waiters_next(struct waiters_walk *walk)
{
    if (walk->left == 0)
        return NULL;
    if (walk->next == walk->end) {
        if (walk->block == WAITERS_BLOCKS)
            return NULL;
        walk->next = block_at(walk->waiters, walk->block);
        if (walk->next == NULL)
            return NULL;
        walk->end = walk->next + (PER_UNIT << walk->block++);
    }
    walk->left--;
    return walk->next++;
}

/*
 * The dead.
 */

/*
 * The roll may be older than the entry.  Who is alive there may be dead by
 * now: his bell rings after the roll was called, and we look again.  Who is
 * not may have come since, so that is asked again.
 */
int
waiters_dead(const struct waiters *waiters, struct roll *roll, uint64_t owner)
{
    const struct arena *arena = waiters->arena;
    uint32_t seat = owner_seat(owner);
    int error;

    if (owner == self_id() || owner == 0)
        return 0; /* or it was given back just now */
    if (seat >= MEMBERS_MAX ||
        shm_load(&member_at(arena, seat)->generation) !=
            owner >> OWNER_GENERATION_SHIFT)
        return 1;
    if (!roll->called) {
        error = sysv_sem_values(waiters->semaphores, roll->alive,
            BLOCK_SEMAPHORES);
        if (error < 0)
            return error;
        roll->called = true;
    }
    if ((roll->alive[alive_semaphore(seat)] & alive_bit(seat)) != 0)
        return 0;
    return member_dead(arena, waiters->semaphores, owner);
}

bool
waiter_inherit(struct waiter *waiter, uint64_t owner)
{
    return shm_cas(&waiter->owner, &owner, self_id());
}

/* Buries all that are dead: how many there were, or a code. */
static int
bury_all(struct waiters *waiters)
{
    struct roll roll = { .called = false };
    struct waiters_walk walk;
    struct waiter *waiter;
    int n = 0;

    waiters_walk(waiters, &walk);
    while ((waiter = waiters_next(&walk)) != NULL) {
        uint64_t owner = shm_load(&waiter->owner);
        int result = waiters_dead(waiters, &roll, owner);

        if (result == 1) {
            n++;
            result = waiters->bury(waiters, waiter, owner);
        }
        if (result < 0)
            return result;
    }
    return n;
}

/*
 * To claim one.
 */

static bool
take(struct waiter *waiter)
{
    uint64_t nobody = 0;

    return shm_peek(&waiter->owner) == 0 &&
        shm_cas(&waiter->owner, &nobody, self_id());
}

static struct waiter *
take_any(struct waiters *waiters)
{
    struct waiter *waiter = own_peek(&waiters->last);
    struct waiters_walk walk;

    if (waiter != NULL && take(waiter))
        return waiter;
    waiters_walk(waiters, &walk);
    while ((waiter = waiters_next(&walk)) != NULL)
        if (take(waiter))
            break;
    if (waiter != NULL)
        own_poke(&waiters->last, waiter);
    return waiter;
}

/* Makes a block ours for good.  The tag goes before it, and the owner after:
 * so the sweep does not free it when we die in between. */
static void
add_block(struct waiters *waiters, int i, uint32_t unit)
{
    struct unit *head = heap_unit(waiters->arena, unit);
    uint32_t none = 0;

    memset(heap_address(waiters->arena, unit), 0, (size_t) UNIT_SIZE << i);
    shm_store(&head->tag, waiters->listed);
    if (shm_cas(&waiters->words->blocks[i], &none, unit + 1)) {
        shm_store(&head->owner, waiters->listed);
    } else {
        shm_store(&head->tag, 0);
        heap_give(waiters->arena, unit);
    }
}

static int
grow(struct waiters *waiters, struct deadline *deadline)
{
    uint32_t unit;
    int error;
    int i = 0;

    while (i < WAITERS_BLOCKS && shm_load(&waiters->words->blocks[i]) != 0)
        i++;
    if (i == WAITERS_BLOCKS)
        return error_detail(-ENOSPC,
            "no room for another who waits: %u do so already",
            room(waiters));
    error = memory_take(waiters->arena, (uint64_t) UNIT_SIZE << i, 0,
        deadline, &unit);
    if (error == 0)
        add_block(waiters, i, unit);
    return error;
}

/* All that were ever used are taken. */
static int
make_room(struct waiters *waiters, struct deadline *deadline)
{
    uint32_t high = shm_load(&waiters->words->high);
    int buried;

    if (high < room(waiters)) {
        (void) shm_cas(&waiters->words->high, &high, high + 1);
        return 0;
    }
    buried = bury_all(waiters);
    if (buried != 0)
        return buried < 0 ? buried : 0;
    return grow(waiters, deadline);
}

int
waiters_claim(struct waiters *waiters, struct deadline *deadline,
    struct waiter **waiter)
{
    int error;

    while ((*waiter = take_any(waiters)) == NULL) {
        error = make_room(waiters, deadline);
        if (error < 0)
            return error;
    }
    return 0;
}

void
waiter_free(struct waiter *waiter)
{
    shm_store(&waiter->word, 0);
    shm_store(&waiter->owner, 0);
}

bool
waiters_have(const struct waiters_words *words, uint32_t unit)
{
    for (int i = 0; i < WAITERS_BLOCKS; i++)
        if (shm_load(&words->blocks[i]) == unit + 1)
            return true;
    return false;
}
