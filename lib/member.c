/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * member.c: seats.
 *
 * A seat is claimed by raising its bit in the home block with SEM_UNDO; the
 * kernel lowers it at death, however the process died.  A used seat whose bit
 * is down is retired first: its generation goes up while it is dead, so an
 * owner id that is still in some lock word can never mean the next holder.
 * Retiring and claiming are under the arena lock.
 *
 * A seat for a child is reserved by its parent before the fork, so that the
 * start of a process can be refused where there is none.  The child claims it
 * under the lock like any other seat.
 */
#include "internal.h"

#include <unistd.h>

#include "error.h"
#include "member.h"
#include "sysv.h"

struct member *
member_at(const struct arena *arena, uint32_t seat)
{
    return arena_entry(arena, &arena->head->members, seat);
}

int
member_raise(int semaphores, uint32_t seat, int value,
    const struct sembuf *more, size_t n)
{
    int semaphore = alive_semaphore(seat);
    struct sembuf operations[4 + MEMBER_RAISE_MORE];
    int error;

    for (;;) {
        if (value < 0)
            value = sysv_sem_value(semaphores, semaphore);
        if (value < 0)
            return value;
        if (value & alive_bit(seat))
            return -EBUSY;
        /* Only if the other bits are as we saw them: +bit would carry into
         * the next one if ours were up. */
        operations[0] = sem_operation(semaphore, -value, IPC_NOWAIT);
        operations[1] = sem_operation(semaphore, 0, IPC_NOWAIT);
        operations[2] = sem_operation(semaphore, value, 0);
        operations[3] = sem_operation(semaphore, alive_bit(seat), SEM_UNDO);
        if (value == 0)
            operations[2] = operations[1];
        for (size_t i = 0; i < n; i++)
            operations[4 + i] = more[i];
        error = sysv_semop(semaphores, operations, 4 + n);
        if (error != -EAGAIN)
            return error;
        value = -1;
    }
}

/* Of a reserved seat: has who reserved it died?  `alive` was read under the
 * arena lock, so who is down there was a member before, and is no more. */
static bool
keeper_dead(const struct arena *arena, const struct member *member,
    const unsigned short *alive)
{
    uint64_t keeper = shm_load(&member->keeper);
    uint32_t seat = owner_seat(keeper);

    return seat >= MEMBERS_MAX ||
        (alive[alive_semaphore(seat)] & alive_bit(seat)) == 0 ||
        shm_load(&member_at(arena, seat)->generation) !=
        keeper >> OWNER_GENERATION_SHIFT;
}

/*
 * Is it free?  A used one whose bit is down is retired on the way; but not
 * while its bit is up in another block, as its holder is just dying: who waits
 * for any of several must be able to see that (watch.c).  One that a dead
 * process has reserved is free: a child of it that comes later sees that under
 * the arena lock, and looks for another.
 */
static bool
seat_free(const struct arena *arena, uint32_t seat,
    const unsigned short *alive)
{
    struct member *member = member_at(arena, seat);
    uint32_t state = shm_load(&member->state);

    if ((alive[alive_semaphore(seat)] & alive_bit(seat)) != 0)
        return false;
    if (state == MEMBER_FREE)
        return true;
    if (state == MEMBER_RESERVED)
        return keeper_dead(arena, member, alive);
    if (block_seat_used(arena, seat))
        return false;
    if (shm_load(&member->swept) != shm_load(&member->generation))
        shm_store(&arena->head->heap_words.unswept, 1);
    shm_add(&member->generation, 1);
    shm_store(&member->state, MEMBER_FREE);
    return true;
}

static int
find_seat(const struct arena *arena, uint32_t *seat, int *value)
{
    unsigned short values[BLOCK_SEMAPHORES];
    int error = sysv_sem_values(arena->home, values, BLOCK_SEMAPHORES);

    if (error < 0)
        return error;
    for (*seat = 0; *seat < MEMBERS_MAX; ++*seat) {
        *value = values[alive_semaphore(*seat)];
        if (seat_free(arena, *seat, values))
            return 0;
    }
    return error_detail(-ENOSPC,
        "no room for another process: this program has %d already, which is "
        "as many as it can have at once", MEMBERS_MAX);
}

/* What a free seat needs before its state changes. */
static void
prepare_seat(const struct arena *arena, uint32_t seat)
{
    struct member *member = member_at(arena, seat);

    if (shm_load(&member->generation) == 0)
        shm_store(&member->generation, 1);
    if (seat >= shm_load(&arena->head->seats))
        shm_store(&arena->head->seats, seat + 1);
}

static void
take_seat(struct arena *arena, uint32_t seat, int64_t now)
{
    struct member *member = member_at(arena, seat);

    shm_store(&member->pid, getpid());
    shm_store(&member->entered, now);
    shm_store(&member->state, MEMBER_USED);
    self.seat = seat;
}

static size_t
add_bell(struct sembuf *operations, int semaphore)
{
    operations[0] = sem_operation(semaphore, 1, 0);
    operations[1] = sem_operation(semaphore, -1, SEM_UNDO);
    return 2;
}

/* Bells have rung in vain until there is no room for another. */
void
member_drain(const struct arena *arena)
{
    block_drain(arena->home, BLOCK_HEAP);
    for (int lane = 0; lane < WATCH_LANES; lane++)
        (void) block_lower(arena->home, BLOCK_SIDES + lane);
}

/* Raises our bit there, counts us, rings no bell yet, and unlocks the arena,
 * in one step. */
static int
raise_home(const struct arena *arena, uint32_t seat, int value)
{
    struct sembuf more[MEMBER_RAISE_MORE];
    size_t n = 0;
    int error;

    more[n++] = sem_operation(BLOCK_MEMBERS, 1, SEM_UNDO);
    n += add_bell(&more[n], BLOCK_HEAP);
    for (int lane = 0; lane < WATCH_LANES; lane++)
        n += add_bell(&more[n], BLOCK_SIDES + lane);
    more[n++] = sem_operation(BLOCK_LOCK, 1, SEM_UNDO);
    error = member_raise(arena->home, seat, value, more, n);
    if (error == -ERANGE) {
        member_drain(arena);
        error = member_raise(arena->home, seat, -1, more, n);
    }
    return error;
}

/* Is it still as it was reserved?  Asked under the arena lock by the child,
 * or by the keeper when there is none. */
static bool
still_reserved(const struct member *member,
    const struct reservation *reserved)
{
    return reserved->keeper != 0 &&
        shm_load(&member->state) == MEMBER_RESERVED &&
        shm_load(&member->keeper) == reserved->keeper &&
        shm_load(&member->generation) == reserved->generation;
}

static int
choose_seat(const struct arena *arena, const struct reservation *reserved,
    uint32_t *seat, int *value)
{
    int error;

    if (reserved != NULL &&
        still_reserved(member_at(arena, reserved->seat), reserved)) {
        *seat = reserved->seat;
        *value = reserved->value;
        return 0;
    }
    error = find_seat(arena, seat, value);
    if (error == 0)
        prepare_seat(arena, *seat);
    return error;
}

int
member_enter(struct arena *arena, int64_t now,
    const struct reservation *reserved)
{
    uint32_t seat;
    int value;
    int error = arena_lock(arena);

    if (error < 0)
        return error;
    error = choose_seat(arena, reserved, &seat, &value);
    if (error == 0) {
        take_seat(arena, seat, now);
        error = raise_home(arena, seat, value);
    }
    if (error < 0) {
        arena_unlock(arena);
        return error;
    }
    self.joined[0] |= 1;
    own_store(&self.id,
        owner_id(seat, shm_load(&member_at(arena, seat)->generation)));
    own_store(&self.me, self_id());
    return 0;
}

/*
 * A kill before the state is stored leaves a seat that is free.  After it, the
 * seat is free as soon as we are seen dead, unless the child has claimed it.
 */
int
member_reserve(struct arena *arena, struct reservation *reserved)
{
    struct member *member;
    int error = arena_lock(arena);

    if (error < 0)
        return error;
    error = find_seat(arena, &reserved->seat, &reserved->value);
    if (error == 0) {
        prepare_seat(arena, reserved->seat);
        member = member_at(arena, reserved->seat);
        reserved->generation = shm_load(&member->generation);
        reserved->keeper = self_id();
        shm_store(&member->keeper, reserved->keeper);
        shm_store(&member->state, MEMBER_RESERVED);
    }
    arena_unlock(arena);
    return error;
}

/* The generation goes up first, so that what is noted of this reservation fits
 * no later one of ours. */
void
member_unreserve(const struct arena *arena, struct reservation *reserved)
{
    struct member *member = member_at(arena, reserved->seat);

    if (still_reserved(member, reserved)) {
        shm_add(&member->generation, 1);
        shm_store(&member->state, MEMBER_FREE);
    }
    reserved->keeper = 0;
}

void
member_withdraw(struct arena *arena)
{
    for (uint32_t i = arena->head->blocks.count; i-- > 0;)
        block_leave(arena, i);
    own_store(&self.me, 0);
    own_store(&self.id, 0);
}

int
member_dead(const struct arena *arena, int semaphores, uint64_t owner)
{
    uint32_t seat = owner_seat(owner);
    int alive;

    if (seat >= MEMBERS_MAX)
        return 1; /* no such seat: nobody can be waiting to release it */
    alive = sysv_sem_value(semaphores, alive_semaphore(seat));
    if (alive < 0)
        return alive;
    if ((alive & alive_bit(seat)) == 0)
        return 1;
    return shm_load(&member_at(arena, seat)->generation) !=
        owner >> OWNER_GENERATION_SHIFT;
}

int
member_others(const struct arena *arena)
{
    unsigned short values[BLOCK_SEMAPHORES];
    int error = sysv_sem_values(arena->home, values, BLOCK_SEMAPHORES);

    if (error < 0)
        return error;
    for (uint32_t seat = 0; seat < MEMBERS_MAX; seat++)
        if ((values[alive_semaphore(seat)] & alive_bit(seat)) != 0 &&
            seat != self.seat &&
            shm_load(&member_at(arena, seat)->state) != MEMBER_LEAVING)
            return 1;
    return 0;
}
