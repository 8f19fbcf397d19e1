/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * member.c: seats.
 *
 * A seat is claimed by raising its bit in the home block with SEM_UNDO; the
 * kernel lowers it at death, however the process died.  A used seat whose bit
 * is down is retired first: its generation goes up while it is dead, so an
 * owner id that is still in some lock word can never mean the next holder.
 * Retiring and claiming are under the arena lock.
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

/*
 * Is it free?  A used one whose bit is down is retired on the way; but not
 * while its bit is up in another block, as its holder is just dying: who waits
 * for any of several must be able to see that (watch.c).
 */
static bool
seat_free(const struct arena *arena, uint32_t seat, bool alive)
{
    struct member *member = member_at(arena, seat);

    if (alive)
        return false;
    if (shm_load(&member->state) == MEMBER_FREE)
        return true;
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
        if (seat_free(arena, *seat, (*value & alive_bit(*seat)) != 0))
            return 0;
    }
    return error_detail(-ENOSPC,
        "no room for another process: this program has %d already, which is "
        "as many as it can have at once", MEMBERS_MAX);
}

static void
take_seat(struct arena *arena, uint32_t seat, int64_t now)
{
    struct member *member = member_at(arena, seat);

    if (shm_load(&member->generation) == 0)
        shm_store(&member->generation, 1);
    shm_store(&member->pid, getpid());
    shm_store(&member->entered, now);
    shm_store(&member->state, MEMBER_USED);
    if (seat >= shm_load(&arena->head->seats))
        shm_store(&arena->head->seats, seat + 1);
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
        block_lower(arena->home, BLOCK_SIDES + lane);
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

int
member_enter(struct arena *arena, int64_t now)
{
    uint32_t seat;
    int value;
    int error = arena_lock(arena);

    if (error < 0)
        return error;
    error = find_seat(arena, &seat, &value);
    if (error == 0) {
        take_seat(arena, seat, now);
        error = raise_home(arena, seat, value);
    }
    if (error < 0) {
        arena_unlock(arena);
        return error;
    }
    self.joined[0] |= 1;
    own_store(&self.me,
        owner_id(seat, shm_load(&member_at(arena, seat)->generation)));
    return 0;
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
