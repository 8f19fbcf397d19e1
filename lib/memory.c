/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * memory.c: blocks of the heap, and the sweep of what the dead have left.
 *
 * A block belongs to a process, which frees it, or to a list, whose blocks are
 * free when its object is gone; or to all, until one of them frees it, and
 * then the sweep leaves it alone.  It looks for owners that are no more, and
 * holds the arena lock, so that objects neither come nor go meanwhile, and
 * the heap's.  A block whose owner died with a list's tag on it was on its way
 * into that list or out of it, and may be there.  t/model/heap.pml is the
 * model.
 */
#include "internal.h"

#include <string.h>

#include "error.h"
#include "heap.h"
#include "list.h"
#include "member.h"
#include "memory.h"
#include "object.h"
#include "pages.h"
#include "slab.h"
#include "waiters.h"

#define RESERVE 64u
/* How long one waits for what another gives back to the system, and naps. */
#define BACK_MS 100
#define NAP_NS  200000
/* Smaller blocks get their memory when they are touched. */
#define FILL_LEAST 65536

#define INDEX_OF(listed) ((uint32_t) ((listed) >> 4) & 0xffff)

/*
 * Whose death the heap does not know of yet.
 */

/* Calls fn for each seat whose holder is dead and not swept after: so many. */
static uint32_t
unswept_seats(const struct arena *arena, const unsigned short *alive,
    void (*fn)(struct member *member))
{
    uint32_t seats = shm_load(&arena->head->seats);
    uint32_t n = 0;

    for (uint32_t seat = 0; seat < seats && seat < MEMBERS_MAX; seat++) {
        struct member *member = member_at(arena, seat);

        if ((alive[alive_semaphore(seat)] & alive_bit(seat)) != 0 ||
            !member_held(member) ||
            shm_load(&member->swept) == shm_load(&member->generation))
            continue;
        n++;
        if (fn != NULL)
            fn(member);
    }
    return n;
}

static void
note_swept(struct member *member)
{
    shm_store(&member->swept, shm_load(&member->generation));
}

static bool
worth_a_sweep(const struct arena *arena)
{
    unsigned short alive[BLOCK_SEMAPHORES];

    if (shm_load(&arena->head->heap_words.unswept) != 0)
        return true;
    return sysv_sem_values(arena->home, alive, BLOCK_SEMAPHORES) == 0 &&
        unswept_seats(arena, alive, NULL) > 0;
}

/*
 * The sweep.
 */

/* The object whose list that is, or NULL where it is gone. */
static struct object *
object_listed(const struct arena *arena, uint64_t listed)
{
    uint32_t index = INDEX_OF(listed);
    struct object *object = object_live(arena, index);

    if (!heap_is_listed(listed) || object == NULL ||
        heap_listed(index, shm_load(&object->generation)) != listed)
        return NULL;
    return object;
}

/*
 * Its owner is dead, but it may be in a list.  Its lock is not for us: where
 * we do not use the object nobody sees us alive.  So first what the list has,
 * then the owner again: it is written before the commit that takes a block
 * off.  What is left in the list has another owner when it is taken, or
 * another is put behind it.  false: the list was changed meanwhile.
 */
static bool
settle(struct arena *arena, uint32_t i, uint64_t owner)
{
    struct unit *unit = heap_unit(arena, i);
    struct object *object = object_listed(arena, shm_load(&unit->tag));
    struct list list = { .arena = arena };
    int has = 0;

    if (object != NULL && object_has_list(object)) {
        list.words = &object->channel.list;
        has = list_has(&list, i);
    } else if (object != NULL && object_waiters(object) != NULL) {
        has = waiters_have(object_waiters(object), i);
    }
    if (has == 0 && shm_load(&unit->owner) == owner)
        heap_free(arena, i);
    return has >= 0;
}

/* One run in use: false, if it is to be looked at again. */
static bool
sweep_run(struct arena *arena, uint32_t i)
{
    uint64_t owner = shm_load(&heap_unit(arena, i)->owner);

    if (owner == 0) {
        heap_free(arena, i);
    } else if (heap_is_shared(owner)) {
        slab_sweep(arena, i);
    } else if (heap_is_listed(owner)) {
        if (object_listed(arena, owner) == NULL)
            heap_free(arena, i);
    } else if (owner != self_id() &&
        member_dead(arena, arena->home, owner) == 1) {
        return settle(arena, i, owner);
    }
    return true;
}

/* *cools: some run is out of reach while its memory is given back. */
static bool
sweep_runs(struct arena *arena, bool *cools)
{
    uint32_t high = shm_load(&arena->head->heap_words.high);
    bool all = true;
    uint32_t i = 0;

    if (high > heap_units(arena))
        high = heap_units(arena);
    while (i < high) {
        uint64_t run = shm_load(&heap_unit(arena, i)->run);

        if (run >> 1 == 0 || run >> 1 > high - i)
            break;
        /* What is freed may become a part of the run before. */
        if ((run & RUN_USED) != 0 && !sweep_run(arena, i))
            all = false;
        if (heap_run(arena, i) != 0 &&
            shm_load(&heap_unit(arena, i)->tag) == RUN_COOLS)
            *cools = true;
        i += (uint32_t) (run >> 1);
    }
    return all;
}

bool
memory_sweep(struct arena *arena)
{
    GUARDED; /* it may nap */
    struct deadline patience = DEADLINE(SYSVMP_NOWAIT);
    unsigned short alive[BLOCK_SEMAPHORES];
    bool all = false, cools = false;

    patience.deaf = true; /* it waits with the arena lock in hand */
    if (!arena_lock_soon(arena))
        return false;
    if (sysv_sem_values(arena->home, alive, BLOCK_SEMAPHORES) == 0 &&
        heap_lock(arena, &patience) == 0) {
        shm_store(&arena->head->heap_words.unswept, 0);
        shm_store(&arena->head->heap_words.slabs_stale, 1);
        all = sweep_runs(arena, &cools);
        if (all)
            (void) unswept_seats(arena, alive, note_swept);
        else
            shm_store(&arena->head->heap_words.unswept, 1);
        heap_unlock(arena);
    }
    arena_unlock(arena);
    heap_trim(arena);
    return all && !cools;
}

void
memory_settle(struct arena *arena)
{
    if (arena_me(arena) != 0 &&
        shm_load(&arena->head->heap_words.unswept) != 0)
        (void) memory_sweep(arena);
}

/*
 * To take a block.
 */

/* Units, 256 KiB or an eighth. */
static uint32_t
reserve_of(const struct arena *arena)
{
    uint32_t part = heap_units(arena) / 8;

    return part < RESERVE ? part : RESERVE;
}

static int
no_room(const struct arena *arena, uint64_t bytes)
{
    uint32_t used, all;

    heap_state(arena, &used, &all);
    return error_detail(-ENOMEM,
        "no room for %llu bytes: this program's shared memory has %llu bytes "
        "for messages and shared blocks, of which %llu are in use; receive or "
        "free some, or allow it more (half of the memory, kernel.shmmax and "
        "ulimit -v, as they were when its first object was made)",
        (unsigned long long) bytes, (unsigned long long) all * UNIT_SIZE,
        (unsigned long long) used * UNIT_SIZE);
}

/*
 * Has memory for all of a block that is ours, and zero there, as `how` says.
 * The heap's lock is not held: nobody else touches what is ours, and what dies
 * with us is swept when none of our threads runs any more.
 */
static int
prepare(const struct arena *arena, uint32_t unit, uint64_t bytes, unsigned how,
    bool cold)
{
    void *address = heap_address(arena, unit);
    size_t length =
        (size_t) ((bytes + UNIT_SIZE - 1) / UNIT_SIZE * UNIT_SIZE);
    bool fill = cold && bytes >= FILL_LEAST;
    bool zero = (how & MEMORY_ZERO) != 0;
    int error = 0;

    /* What is cold may still have some of its memory. */
    if (zero && fill && pages_drop(address, length))
        zero = false;
    if (fill && (how & (MEMORY_FILL | MEMORY_ZERO)) != 0)
        error = pages_fill(address, length);
    if (error == 0 && zero)
        memset(address, 0, (size_t) bytes);
    return error;
}

/*
 * There is no room: but what the dead have left, and what another process has
 * taken out for a moment, to give its memory back.  Whoever is killed there is
 * one of the dead; for who is stopped there we don't wait long.  We hold
 * nothing while we nap, and nobody has to wake us.
 */
static int
take_the_last(struct arena *arena, uint64_t bytes, uint32_t spare,
    struct deadline *deadline, uint32_t *unit, bool *cold)
{
    GUARDED; /* it naps */
    struct deadline soon = DEADLINE(BACK_MS);

    for (;;) {
        bool all = memory_sweep(arena); /* first: it may come back now */
        int error =
            heap_take(arena, bytes, spare, true, deadline, unit, cold);

        if (error != -ENOMEM || all || deadline_left(&soon) == 0)
            return error;
        deadline_nap(&soon, NAP_NS);
    }
}

int
memory_take(struct arena *arena, uint64_t bytes, unsigned how,
    struct deadline *deadline, uint32_t *unit)
{
    uint32_t spare = (how & MEMORY_RESERVE) ? 0 : reserve_of(arena);
    bool cold;
    int error = heap_take(arena, bytes, spare, false, deadline, unit, &cold);

    if (error == -ENOBUFS) {
        if (worth_a_sweep(arena))
            (void) memory_sweep(arena);
        error = heap_take(arena, bytes, spare, true, deadline, unit, &cold);
    }
    if (error == -ENOMEM)
        error = take_the_last(arena, bytes, spare, deadline, unit, &cold);
    if (error == 0) {
        error = prepare(arena, *unit, bytes, how, cold);
        if (error < 0)
            heap_give(arena, *unit);
    }
    return error == -ENOMEM ? no_room(arena, bytes) : error;
}
