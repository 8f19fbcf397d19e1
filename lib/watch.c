/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * watch.c: lanes, marks and rings.  t/model/watch.pml is the model.
 *
 * semop can't sleep for any of several sets, so who waits for several objects
 * sleeps at a broadcast in the home block, where each member has a bell.
 *
 * Why nobody sleeps for ever.  A watcher sees the turn of its lane, leaves its
 * mark, looks, and sleeps for the next turn.  A process that has changed an
 * object looks for marks after that, so one of the two sees the other.  It
 * notes in the word which lanes it fires, raises the turn of each, and only
 * then takes their marks off; or its bell wakes them when it dies before.  All
 * who watch in those lanes are woken then and mark the object again before
 * they look at it.
 *
 * The marks are taken off only if the word is what it was when these lanes
 * were noted.  A watcher that finds a lane noted as being fired takes the note
 * off as it marks: so that process leaves the mark, which is older than the
 * watcher's look.  And another one that changes the object meanwhile finds the
 * marks, fires as well and notes it, which changes the count in the word.  So
 * a process that is stopped (SIGSTOP) anywhere in there, or is refused by the
 * kernel, hides no mark: the next change wakes.  (With the marks taken off
 * first they were gone as long as such a process was stopped.)  The count
 * comes round after 16,777,216 firings, all of them within the stop.
 *
 * What a watcher that is gone has left costs one wake-up too many.
 * The ring says which objects were fired, so that who is woken looks at these
 * alone; where it does not say so for sure, and after a death, which the side
 * tells, at all.
 * A death is undone set by set, and the bells of the home block may ring
 * before the counts of holders in another block are lowered: as long as a seat
 * is down there and up in that block, who watches looks again soon.  (Linux
 * undoes the home block last, as it was used first; nothing here counts on
 * that.)
 */
#include "internal.h"

#include "block.h"
#include "member.h"
#include "sysv.h"
#include "watch.h"

static struct broadcast
lane_at(const struct arena *arena, int lane)
{
    return (struct broadcast){ &arena->head->watch[lane].sleepers,
        arena->home, BLOCK_WATCH + lane, BLOCK_SIDES + lane };
}

static int
post_lane(const struct arena *arena, int lane, uint32_t index)
{
    struct watch_words *words = &arena->head->watch[lane];
    struct broadcast broadcast = lane_at(arena, lane);
    uint32_t n = shm_add(&words->fired, 1);

    shm_store(&words->ring[n % WATCH_RING],
        (uint64_t) n << 32 | (index + 1));
    return broadcast_wake(&broadcast);
}

/* Each lane whose bit is there; 0, or the code of one that was refused. */
static int
post_lanes(const struct arena *arena, uint32_t lanes, uint32_t index)
{
    int error = 0;

    for (int lane = 0; lane < WATCH_LANES; lane++) {
        int posted = (lanes & 1u << lane) != 0
            ? post_lane(arena, lane, index)
            : 0;

        if (posted < 0)
            error = posted;
    }
    return error;
}

int
watch_post(const struct arena *arena, _Atomic uint32_t *marks, uint32_t index)
{
    uint32_t word = shm_load(marks), lanes, noted;
    int error;

    do {
        lanes = word & WATCH_MARKS;
        if (lanes == 0)
            return 0; /* another one has fired, after our change */
        noted = (word | lanes * WATCH_FIRING) + WATCH_ONCE;
    } while (!shm_cas(marks, &word, noted));
    error = post_lanes(arena, lanes, index);
    if (error == 0)
        (void) shm_cas(marks, &noted,
            noted & ~(lanes | lanes * WATCH_FIRING));
    return error;
}

int
watch_ask(const struct arena *arena, _Atomic uint32_t *marks)
{
    uint32_t lanes = shm_load(marks) & WATCH_MARKS;

    for (int lane = 0; lane < WATCH_LANES; lane++)
        if ((lanes & 1u << lane) != 0 &&
            shm_load(&arena->head->watch[lane].sleepers) > 0)
            return sysv_sem_may(arena->home, BLOCK_WATCH + lane);
    return 0;
}

void
watch_set_mark(_Atomic uint32_t *marks, uint32_t mark)
{
    uint32_t word = shm_load(marks);

    while (!shm_cas(marks, &word, (word | mark) & ~(mark * WATCH_FIRING)))
        continue;
}

void
watch_begin(struct watch *watch, const struct arena *arena)
{
    int lane = (int) ((self.seat + self_thread()) % WATCH_LANES);

    watch->arena = arena;
    watch->mark = 1u << lane;
    watch->words = &arena->head->watch[lane];
    watch->lane = lane_at(arena, lane);
    watch->any = false;
    shm_add(watch->lane.sleepers, 1);
}

void
watch_end(const struct watch *watch)
{
    shm_sub(watch->lane.sleepers, 1);
}

int
watch_see(struct watch *watch, uint32_t *from)
{
    int side = watch->seen.side;
    bool again = watch->any;
    int error = broadcast_see(&watch->lane, &watch->seen);

    if (error < 0)
        return error;
    *from = watch->fired;
    watch->fired = shm_load(&watch->words->fired);
    watch->any = true;
    return again && side == watch->seen.side &&
        watch->fired - *from <= WATCH_RING ? WATCH_FIRED : WATCH_ALL;
}

int64_t
watch_fired(const struct watch *watch, uint32_t n)
{
    uint64_t entry = shm_load(&watch->words->ring[n % WATCH_RING]);

    if (entry >> 32 != n || (uint32_t) entry == 0)
        return -1;
    return (int64_t) (uint32_t) entry - 1;
}

/* The alive bits of all blocks but the first.  One that is gone has nobody to
 * wait for; the look at its objects will say so. */
static void
gather(const struct arena *arena, unsigned short *up)
{
    uint32_t blocks = block_count(arena);

    for (uint32_t i = 1; i < blocks; i++) {
        unsigned short there[BLOCK_SEMAPHORES];

        if (sysv_sem_values(block_semaphores(arena, i), there,
                BLOCK_SEMAPHORES) < 0)
            continue;
        for (int k = 0; k < BLOCK_ALIVE_COUNT; k++)
            up[k] |= there[BLOCK_ALIVE + k];
    }
}

/* Is somebody's bit up in a block and down in the home block?  The home block
 * is looked at last, or one who has just come would look so. */
static bool
somebody_dying(const struct arena *arena)
{
    unsigned short up[BLOCK_ALIVE_COUNT] = { 0 }, home[BLOCK_SEMAPHORES];

    gather(arena, up);
    if (sysv_sem_values(arena->home, home, BLOCK_SEMAPHORES) < 0)
        return false; /* it is gone, as every look will say */
    for (int k = 0; k < BLOCK_ALIVE_COUNT; k++)
        if ((up[k] & ~home[BLOCK_ALIVE + k]) != 0)
            return true;
    return false;
}

/* The side of a lane.  It may be one that nobody watches in, and at its end
 * would not tell of a death. */
static int
any_side(const struct arena *arena)
{
    int side, error = 0;

    while ((side = sysv_sem_value(arena->home, BLOCK_SIDES)) >= TURNS &&
        error == 0)
        error = block_lower(arena->home, BLOCK_SIDES);
    return error < 0 ? error : side;
}

/*
 * As long as the side of a lane is the same nobody has died, so nobody who was
 * not dying is now.  It comes round after 16,384 deaths, and what was known
 * then may be kept for long; but these were born before, and the registrations
 * do not come round.
 */
uint64_t
watch_now(struct arena *arena)
{
    uint32_t grown = shm_load(&arena->head->drops) +
        shm_load(&arena->head->registrations);
    int side = any_side(arena);
    uint64_t now = (uint64_t) (uint32_t) (side + 1) << 32 | grown;

    if (side < 0)
        return 0;
    if (own_peek(&arena->calm) != now && somebody_dying(arena))
        return 0;
    own_poke(&arena->calm, now);
    return now;
}

void
watch_leave(const struct arena *arena)
{
    struct sembuf ring[WATCH_LANES];

    for (int lane = 0; lane < WATCH_LANES; lane++)
        ring[lane] = sem_operation(BLOCK_SIDES + lane, 1, SEM_UNDO);
    if (sysv_semop(arena->home, ring, WATCH_LANES) != -ERANGE)
        return;
    member_drain(arena);
    (void) sysv_semop(arena->home, ring, WATCH_LANES);
}
