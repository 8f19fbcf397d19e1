/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * barrier-wait.c: Barrier: a word, a table of who waits, and a place to sleep.
 * t/model/barrier.pml is its model.
 *
 * The word is the number of the generation, what it is at, and how many have
 * come.  Each step is one compare-and-swap of it: to arrive, to complete the
 * generation, to break it.  The number goes up when a generation is over.
 *
 * Each wait has an entry of the table, which says of which generation it is;
 * that is written before it arrives.  So who finds the entry of a dead one
 * with the number of this generation breaks it: who waits is woken by the
 * bell of each who dies; and the last to come looks before all are let go.
 *
 * Whose generation is over has his result from his own entry, however late he
 * comes for it: it was completed, unless the entry is marked CANCELLED.  So a
 * reset marks all of its generation before the number goes up, and whoever
 * comes upon an unfinished reset does the same.
 *
 * Why nobody sleeps for ever: who changes the word wakes all, or his bell
 * does.  A process that the kernel would not let wake the others is told so
 * before it changes what they wait for, and has not arrived.  If it is refused
 * all the same, as one has gone to sleep since or it has lost the right since,
 * it gets the code, and the next call of another process that completes,
 * breaks, resets or finds the barrier broken wakes them.
 */
#include "internal.h"

#include "arena.h"
#include "barrier.h"
#include "callback.h"
#include "hooks.h"

/* The word: generation, phase, and how many have come, which is less than the
 * table has room for. */
enum { FILLING, ACTION, BROKEN, RESETTING };
#define COUNT_BITS 20
#define COUNT_MASK ((UINT64_C(1) << COUNT_BITS) - 1)
#define PHASE_MASK (UINT64_C(3) << COUNT_BITS)
#define GENERATION_SHIFT (COUNT_BITS + 2)

#define NAP_NS 1000000 /* of one who may not sleep there */

/* An entry's word: its generation, and this. */
#define MARK_BITS 2
enum { ARRIVED = 1, CANCELLED = 2 };

/* One wait. */
struct arrival {
    struct sysvmp_barrier *b;
    struct waiter *entry;
    uint64_t generation;
    int index;
    bool counted; /* we are one of those that have come */
};

static uint64_t
generation_of(uint64_t state)
{
    return state >> GENERATION_SHIFT;
}

static unsigned
phase_of(uint64_t state)
{
    return (unsigned) ((state & PHASE_MASK) >> COUNT_BITS);
}

static unsigned
count_of(uint64_t state)
{
    return (unsigned) (state & COUNT_MASK);
}

static uint64_t
in_phase(uint64_t state, unsigned phase)
{
    return (state & ~PHASE_MASK) | (uint64_t) phase << COUNT_BITS;
}

/* The next generation, with nobody there yet. */
static uint64_t
next_of(uint64_t state)
{
    return (generation_of(state) + 1) << GENERATION_SHIFT;
}

static uint64_t
arrived_in(uint64_t generation)
{
    return generation << MARK_BITS | ARRIVED;
}

/* Is it still open whether all come? */
static bool
pending(uint64_t state)
{
    return phase_of(state) == FILLING || phase_of(state) == ACTION;
}

/*
 * To break it.
 */

/* false: it is not in that state any more.  *woken: 0, or why the kernel would
 * not let us wake those who wait. */
static bool
break_from(const struct sysvmp_barrier *b, uint64_t state, int *woken)
{
    if (!shm_cas(b->state, &state, in_phase(state, BROKEN)))
        return false;
    *woken = broadcast_wake(&b->broadcast);
    return true;
}

/* Is one of that generation dead?  1, 0, or a code. */
static int
anybody_dead(const struct sysvmp_barrier *b, uint64_t generation)
{
    struct roll roll = { .called = false };
    struct waiters_walk walk;
    struct waiter *waiter;
    int dead = 0;

    waiters_walk(&b->waiters, &walk);
    while (dead == 0 && (waiter = waiters_next(&walk)) != NULL)
        if (shm_load(&waiter->word) == arrived_in(generation))
            dead = waiters_dead(&b->waiters, &roll,
                shm_load(&waiter->owner));
    return dead;
}

/* Breaks it, if one of those that have come is dead: 1: look at the state
 * again; 0: nobody is; or a code. */
static int
break_if_dead(const struct sysvmp_barrier *b, uint64_t state)
{
    int dead = anybody_dead(b, generation_of(state));
    int woken; /* by the bell of the dead one, if the kernel refuses us */

    if (dead == 1)
        (void) break_from(b, state, &woken);
    return dead;
}

/* The entry of one who is dead, while there is no other that is free. */
int
barrier_bury(struct waiters *waiters, struct waiter *waiter, uint64_t owner)
{
    const struct sysvmp_barrier *b = (void *)
        ((char *) waiters - offsetof(struct sysvmp_barrier, waiters));
    uint64_t state;
    int woken; /* as in break_if_dead() */

    if (!waiter_inherit(waiter, owner))
        return 0;
    do
        state = shm_load(b->state);
    while (pending(state) &&
        shm_load(&waiter->word) == arrived_in(generation_of(state)) &&
        !break_from(b, state, &woken));
    waiter_free(waiter);
    return 0;
}

/* Does what is left to do of a reset; anybody may, and more than one.  Each
 * wakes, as the others may be stopped before they do.  0, or why the kernel
 * would not let us. */
static int
finish_reset(const struct sysvmp_barrier *b, uint64_t state)
{
    uint64_t generation = generation_of(state);
    struct waiters_walk walk;
    struct waiter *waiter;

    waiters_walk(&b->waiters, &walk);
    while ((waiter = waiters_next(&walk)) != NULL) {
        uint64_t arrived = arrived_in(generation);

        if (shm_load(&waiter->word) == arrived)
            (void) shm_cas(&waiter->word, &arrived,
                generation << MARK_BITS | CANCELLED);
    }
    (void) shm_cas(b->state, &state, next_of(state));
    return broadcast_wake(&b->broadcast);
}

/*
 * To wait.
 */

static bool
decided(const void *context)
{
    const struct arrival *a = context;
    uint64_t state = shm_load(a->b->state);

    return generation_of(state) != a->generation || !pending(state);
}

/* How a generation ended that is not the present one. */
static int
outcome(const struct arrival *a)
{
    uint64_t cancelled = a->generation << MARK_BITS | CANCELLED;

    return shm_load(&a->entry->word) == cancelled ? -ECANCELED : a->index;
}

static ssize_t
look(void *context, bool woken)
{
    const struct arrival *a = context;

    (void) woken;
    for (;;) {
        uint64_t state = shm_load(a->b->state);
        int dead;

        if (generation_of(state) != a->generation)
            return outcome(a);
        if (!pending(state))
            return -ECANCELED;
        dead = break_if_dead(a->b, state);
        if (dead <= 0)
            return dead < 0 ? dead : -EAGAIN;
    }
}

/* It is not for us to wait any longer, unless it has been decided. */
static int
give_up(const struct arrival *a, int code)
{
    int woken;

    for (;;) {
        uint64_t state = shm_load(a->b->state);

        if (generation_of(state) != a->generation)
            return outcome(a);
        if (!pending(state))
            return -ECANCELED;
        if (break_from(a->b, state, &woken))
            return woken < 0 ? woken : code;
    }
}

/* We have not arrived after all: false, if others have since, whose numbers
 * count us, or it has been decided. */
static bool
take_back(const struct arrival *a)
{
    uint64_t state = shm_load(a->b->state);

    while (generation_of(state) == a->generation &&
        phase_of(state) == FILLING &&
        count_of(state) == (unsigned) a->index + 1)
        if (shm_cas(a->b->state, &state, state - 1))
            return true;
    return false;
}

/*
 * The kernel refuses to let us sleep, so it will not let us wake those whom we
 * would leave behind either.  We take our coming back; where others count on
 * it, we wait without sleeping there.
 */
static int
wait_awake(const struct arrival *a, int code, struct deadline *deadline)
{
    while (!decided(a)) {
        int seen = (int) look((void *) a, false); /* for the dead, too */

        if (seen >= 0 || seen == -ECANCELED)
            return seen;
        if (take_back(a))
            return code;
        if (code == -EIDRM)
            return give_up(a, code);
        if (deadline_left(deadline) == 0)
            return give_up(a, deadline_code(deadline));
        if (hooks_interrupted())
            return give_up(a, -EINTR);
        deadline_nap(deadline, NAP_NS);
    }
    return (int) look((void *) a, false);
}

static bool
refused(int code)
{
    return code == -EACCES || code == -ENOSYS || code == -EIDRM;
}

static int
wait_for_others(struct arrival *a, struct deadline *deadline)
{
    struct gate_wait wait = { .look = look, .context = a, .done = decided };
    int seen;

    if (deadline->timeout_ms != SYSVMP_NOWAIT &&
        spin_wait(&a->b->spin, deadline, decided, a))
        seen = (int) look(a, false);
    else
        seen = (int) broadcast_sleep(&a->b->broadcast, &wait, deadline);
    if (seen >= 0 || seen == -ECANCELED)
        return seen;
    if (!refused(seen))
        return give_up(a, seen);
    return a->counted ? wait_awake(a, seen, deadline) : seen;
}

/* All are there, and state is what we have made of it. */
static int
let_go(const struct arrival *a, uint64_t state)
{
    const struct sysvmp_barrier *b = a->b;
    bool failed = false;
    int woken;

    if (phase_of(state) == ACTION) {
        failed = callback_call_watched(b->action, b->arg) != 0;
        if (!shm_cas(b->state, &state,
                failed ? in_phase(state, BROKEN) : next_of(state)))
            return -ECANCELED;
    }
    woken = broadcast_wake(&b->broadcast);
    if (woken < 0)
        return woken;
    return failed ? -ECANCELED : a->index;
}

/* The state after our coming. */
static uint64_t
with_us(const struct sysvmp_barrier *b, uint64_t state)
{
    if (count_of(state) + 1 < b->parties)
        return state + 1;
    return b->action != NULL ? in_phase(state + 1, ACTION) : next_of(state);
}

/* -EINPROGRESS: the state has changed. */
static int
arrive(struct arrival *a, uint64_t state, struct deadline *deadline)
{
    struct sysvmp_barrier *b = a->b;
    uint64_t next = with_us(b, state);
    int dead = 0;

    if (count_of(state) == COUNT_MASK)
        return -ENOSPC;
    a->generation = generation_of(state);
    a->index = (int) count_of(state);
    a->counted = true;
    shm_store(&a->entry->word, arrived_in(a->generation));
    if (next != state + 1)
        dead = break_if_dead(b, state);
    if (next != state + 1 && dead == 0)
        dead = broadcast_may(&b->broadcast);
    if (dead != 0)
        return dead < 0 ? dead : -EINPROGRESS;
    if (!shm_cas(b->state, &state, next))
        return -EINPROGRESS;
    return next != state + 1 ? let_go(a, next) : wait_for_others(a, deadline);
}

/* An action is running: we are for the generation after that. */
static int
wait_for_action(struct arrival *a, uint64_t state, struct deadline *deadline)
{
    int result;

    shm_store(&a->entry->word, 0);
    a->generation = generation_of(state);
    a->index = 0;
    a->counted = false;
    result = wait_for_others(a, deadline);
    return result < 0 ? result : -EINPROGRESS;
}

/* A reset by another one, who may be stopped. */
static int
help_reset(const struct sysvmp_barrier *b, uint64_t state)
{
    int error = broadcast_may(&b->broadcast);

    if (error == 0)
        error = finish_reset(b, state);
    return error < 0 ? error : -EINPROGRESS;
}

/* Who has broken it may be stopped before the wake-up, or was refused it. */
static int
find_broken(const struct sysvmp_barrier *b)
{
    int woken = broadcast_wake(&b->broadcast);

    return woken < 0 ? woken : -ECANCELED;
}

static int
pass(struct arrival *a, struct deadline *deadline)
{
    int result = -EINPROGRESS;

    while (result == -EINPROGRESS) {
        uint64_t state = shm_load(a->b->state);

        if (phase_of(state) == FILLING)
            result = arrive(a, state, deadline);
        else if (phase_of(state) == ACTION)
            result = wait_for_action(a, state, deadline);
        else if (phase_of(state) == BROKEN)
            result = find_broken(a->b);
        else
            result = help_reset(a->b, state);
    }
    return result;
}

/* The present state, after who is dead has broken it.  0, or a code. */
int
barrier_settled(const struct sysvmp_barrier *b, uint64_t *state)
{
    int dead = 1;

    if (arena_me(b->handle.arena) == 0)
        return arena_gone(b->handle.arena);
    while (dead == 1) {
        *state = shm_load(b->state);
        dead = pending(*state) ? break_if_dead(b, *state) : 0;
    }
    return dead;
}

int
barrier_break(const struct sysvmp_barrier *b)
{
    int error = broadcast_may(&b->broadcast);

    while (error == 0) {
        uint64_t state = shm_load(b->state);
        int woken;

        if (phase_of(state) == BROKEN)
            return broadcast_wake(&b->broadcast); /* as in find_broken() */
        if (phase_of(state) == RESETTING)
            error = finish_reset(b, state);
        else if (break_from(b, state, &woken))
            return woken;
    }
    return error;
}

/* Does a thread of this process wait there, in that generation? */
static bool
we_wait(const struct sysvmp_barrier *b, uint64_t generation)
{
    uint64_t me = own_load(&self.me);
    struct waiters_walk walk;
    struct waiter *waiter;

    waiters_walk(&b->waiters, &walk);
    while ((waiter = waiters_next(&walk)) != NULL)
        if (shm_load(&waiter->owner) == me &&
            shm_load(&waiter->word) == arrived_in(generation))
            return true;
    return false;
}

void
barrier_resign(const struct sysvmp_barrier *b)
{
    uint64_t state;
    int woken; /* refused: our death wakes them */

    do
        state = shm_load(b->state);
    while (pending(state) && we_wait(b, generation_of(state)) &&
        !break_from(b, state, &woken));
}

int
barrier_renew(const struct sysvmp_barrier *b)
{
    uint64_t state = shm_load(b->state);
    int error = broadcast_may(&b->broadcast);

    if (error < 0)
        return error;
    while (phase_of(state) != RESETTING)
        if (shm_cas(b->state, &state, in_phase(state, RESETTING)))
            state = in_phase(state, RESETTING);
    return finish_reset(b, state);
}

int
barrier_waiting(uint64_t state)
{
    return pending(state) ? (int) count_of(state) : 0;
}

bool
barrier_is_broken(uint64_t state)
{
    return phase_of(state) == BROKEN;
}

/* The action, or the interrupt function, did not return. */
static void
barrier_abandon(void *arg)
{
    const struct arrival *a = arg;

    (void) give_up(a, 0);
    waiter_free(a->entry);
}

int
barrier_pass(struct sysvmp_barrier *b, int timeout_ms)
{
    struct deadline deadline = DEADLINE(timeout_ms);
    struct arrival a = { .b = b };
    struct undo undo;
    int result;

    if (arena_me(b->handle.arena) == 0)
        return arena_gone(b->handle.arena);
    result = waiters_claim(&b->waiters, &deadline, &a.entry);
    if (result == -EAGAIN || result == -ETIMEDOUT || result == -EINTR)
        (void) barrier_break(b); /* refused: ours is no part of it */
    if (result < 0)
        return result;
    undo_push(&undo, barrier_abandon, &a);
    result = pass(&a, &deadline);
    undo_pop(&undo);
    waiter_free(a.entry);
    return result;
}
