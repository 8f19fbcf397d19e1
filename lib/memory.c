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
#include "hooks.h"
#include "list.h"
#include "member.h"
#include "memory.h"
#include "object.h"
#include "pages.h"
#include "slab.h"
#include "waiters.h"

#define RESERVE 64u
/* As long, at least, one waits for what another gives back to the system, or
 * for the arena's lock: as word_enter() does for a lock.  And naps. */
#define PATIENCE_NS 100000000
#define NAP_NS      200000
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

/* If that can't be asked: yes, so that the sweep tells why. */
static bool
worth_a_sweep(const struct arena *arena)
{
    unsigned short alive[BLOCK_SEMAPHORES];

    if (shm_load(&arena->head->heap_words.unswept) != 0)
        return true;
    return sysv_sem_values(arena->home, alive, BLOCK_SEMAPHORES) < 0 ||
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
    int dead = 0;

    if (owner == 0) {
        heap_free(arena, i);
    } else if (heap_is_shared(owner)) {
        slab_sweep(arena, i);
    } else if (heap_is_listed(owner)) {
        if (object_listed(arena, owner) == NULL)
            heap_free(arena, i);
    } else if (owner != self_id()) {
        dead = member_dead(arena, arena->home, owner);
    }
    return dead == 1 ? settle(arena, i, owner) : dead == 0;
}

static bool
sweep_runs(struct arena *arena)
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
        i += (uint32_t) (run >> 1);
    }
    return all;
}

/* What came of a sweep: nothing of the dead is left, or some may be.  A code,
 * which is less than these, says why nothing could be looked at. */
enum { SWEPT_SOME, SWEPT_ALL };

/* With the arena's lock in hand. */
static int
sweep(struct arena *arena)
{
    struct deadline patience = DEADLINE_SOON; /* with the arena's lock */
    unsigned short alive[BLOCK_SEMAPHORES];
    int error = sysv_sem_values(arena->home, alive, BLOCK_SEMAPHORES);
    bool all;

    if (error == 0)
        error = heap_lock(arena, &patience);
    if (error < 0)
        return error;
    shm_store(&arena->head->heap_words.unswept, 0);
    shm_store(&arena->head->heap_words.slabs_stale, 1);
    all = sweep_runs(arena);
    if (all)
        (void) unswept_seats(arena, alive, note_swept);
    else
        shm_store(&arena->head->heap_words.unswept, 1);
    heap_unlock(arena);
    return all ? SWEPT_ALL : SWEPT_SOME;
}

void
memory_sweep(struct arena *arena)
{
    GUARDED; /* it may nap */

    if (!arena_lock_soon(arena))
        return;
    (void) sweep(arena);
    arena_unlock(arena);
    heap_trim(arena);
}

void
memory_settle(struct arena *arena)
{
    if (arena_me(arena) != 0 &&
        shm_load(&arena->head->heap_words.unswept) != 0)
        memory_sweep(arena);
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
 * There is no room.  But there may be soon:
 *   - the dead may have left some.  Only a sweep can tell, so this one waits
 *     for the arena's lock as others do, and where it can't look, or finds
 *     lists that change under its eyes, that is no lack;
 *   - another process may be giving memory back to the system, which is out of
 *     reach meanwhile: heap.c.  It is waited for as long as it is alive: it
 *     finishes, or dies, and then the sweep takes what it had.
 * Where neither comes to an end, as a process is stopped, the call waits up to
 * its deadline, as it would for a lock that this process holds, and answers as
 * then.  -ENOMEM is only told when nothing is left to wait for.
 *
 * We hold nothing while we nap, and nobody has to wake us.
 */

/* With the arena's lock, however long that takes. */
static int
sweep_surely(struct arena *arena, struct deadline *patience)
{
    int result = arena_lock_within(arena, patience);

    if (result == 0) {
        result = sweep(arena);
        arena_unlock(arena);
    }
    /* Who has one of the locks is slow, or stopped. */
    return result == -EAGAIN || result == -ETIMEDOUT ? SWEPT_SOME : result;
}

/* Before the next look: 0, or what the call answers. */
static int
nap(struct deadline *patience, const struct deadline *deadline)
{
    if (!deadline->deaf && hooks_interrupted())
        return -EINTR;
    if (deadline_left(patience) == 0)
        return error_detail(deadline_code(deadline),
            "no room now: some shared memory of this program is on its way "
            "back, but a process that has it, or a lock, does not go on; it "
            "may be stopped");
    deadline_nap(patience, NAP_NS);
    return 0;
}

static int
take_the_last(struct arena *arena, uint64_t bytes, uint32_t spare,
    struct deadline *deadline, uint32_t *unit, bool *cold)
{
    GUARDED; /* it naps */
    struct deadline patience = deadline_patient(deadline, PATIENCE_NS);
    int swept = sweep_surely(arena, &patience); /* first: it may be enough */
    int error;

    for (;;) {
        error = heap_take(arena, bytes, spare, true, deadline, unit, cold);
        if (error == -ENOMEM && swept != SWEPT_ALL)
            error = swept < 0 ? swept : -EINPROGRESS;
        if (error != -EINPROGRESS)
            break;
        error = nap(&patience, deadline);
        if (error < 0)
            break;
        if (swept != SWEPT_ALL || worth_a_sweep(arena))
            swept = sweep_surely(arena, &patience);
    }
    heap_trim(arena); /* as others may have stopped doing so for us */
    return error;
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
            memory_sweep(arena);
        error = heap_take(arena, bytes, spare, true, deadline, unit, &cold);
    }
    if (error == -ENOMEM || error == -EINPROGRESS)
        error = take_the_last(arena, bytes, spare, deadline, unit, &cold);
    if (error == 0) {
        error = prepare(arena, *unit, bytes, how, cold);
        if (error < 0)
            heap_give(arena, *unit);
    }
    return error == -ENOMEM ? no_room(arena, bytes) : error;
}

int
memory_busy(int error)
{
    if (error != -ETIMEDOUT)
        return error;
    return error_detail(-EAGAIN,
        "this program's shared memory was busy for a second: a process that "
        "has its lock, or is giving memory of it back to the system, is "
        "stopped or gets no CPU");
}
