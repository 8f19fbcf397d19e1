/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mutex-word.c: the lock on a shared word.  t/model/lock.pml is its model.
 *
 * The owner's id is one word, 0 when it is free, and three flags are another,
 * on the same line:
 *   W  somebody sleeps, or is about to: the release posts a token
 *   S  reserved: somebody waits too long; a lock that is free and S is for
 *      those who were woken or who set S, not for who comes along
 *   D  a holder died, and nobody who was told has released yet
 *
 * The owner changes by compare-and-swap, but for the release by the owner
 * itself where no flag is up.  That is a store, and a look at the flags which
 * the processor may do before the store is seen: half the price.  The order
 * is made by who waits: W, then a barrier on all processes, then a look at
 * the owner.  A release whose look came before the barrier is seen by ours.
 *
 * Why two never hold it: it is taken from no owner, or from an owner whose
 * alive bit was seen down after its id was read (exit_sem runs when the last
 * thread has stopped, and the seat's generation tells a later holder of the
 * seat apart).
 * Why nobody sleeps for ever: who sleeps has set W and then seen an owner
 * alive, or S.  A release that finds W posts a token.  Who was woken takes
 * with W set, as others may sleep; who leaves with a token in hand, or with S
 * set, posts; and if one of these dies instead, its bell does.  A dead
 * owner's bell wakes one, too, who takes the lock over.  S stands until one
 * of those it is for has the lock.
 * Why a death is told: D is set while the lock is had, and looked at by who
 * gets it next, after that.
 */
#include "internal.h"

#include "barrier.h"
#include "error.h"
#include "hooks.h"
#include "mutex.h"
#include "sysv.h"

#ifndef SYSVMP_PLAIN_LOCK

#    define W 1u
#    define S 2u
#    define D 4u

/* A spinner that came too short for so long reserves the next turn. */
#    define STARVING_NS  5000
/* Between two looks of a spinner at most: some 3 us. */
#    define PAUSES_MAX   64
/* So many wake-ups in vain, and a sleeper does. */
#    define STARVING_WAKES 2
/* Longest sleep of who can't make the order of a release's steps sure. */
#    define UNSURE_NS 10000000

const struct object_wish mutex_wish = {
    .slots = 1,
    .reference = 0,
};

/* One acquire under way. */
struct attempt {
    uint64_t me;
    struct deadline deadline;
    bool spinning;      /* may still spin */
    int pauses;         /* before the next look */
    int64_t spin_until; /* 0: the clock was not asked yet */
    int64_t starving_at;
    bool woken;         /* has taken a token: entitled to a reserved word */
    bool reserved;      /* has set S: likewise */
    int in_vain;        /* times woken and found it held */
};

void
mutex_begin(struct mutex *mutex)
{
    mutex->swift = barrier_join();
}

int
mutex_prepare(struct mutex *mutex)
{
    mutex->gate = mutex->handle.holding[0].place.gate;
    shm_store(&mutex->words->owner, 0);
    shm_store(&mutex->words->flags, 0);
    return 0;
}

uint64_t
mutex_owner(const struct mutex *mutex)
{
    return shm_load(&mutex->words->owner);
}

static void
post(const struct mutex *mutex)
{
    struct sembuf one_token[2] = {
        sem_operation(mutex->gate, 0, IPC_NOWAIT),
        sem_operation(mutex->gate, 1, 0),
    };

    /* EAGAIN: a token is out already, and its taker will pass it on. */
    (void) sysv_semop(mutex->semaphores, one_token, 2);
}

/* After a release: somebody who sleeps shall look. */
void
mutex_hand_on(struct mutex *mutex)
{
    if ((shm_load(&mutex->words->flags) & W) &&
        (shm_and(&mutex->words->flags, ~W) & W))
        post(mutex);
}

static void
raise_flags(struct mutex *mutex, uint32_t flags)
{
    if ((shm_load(&mutex->words->flags) & flags) != flags)
        (void) shm_or(&mutex->words->flags, flags);
}

static void
lower_flags(struct mutex *mutex, uint32_t flags)
{
    if (shm_load(&mutex->words->flags) & flags)
        (void) shm_and(&mutex->words->flags, ~flags);
}

/* We own it now: what the last owner's end has to say. */
int
mutex_taken(struct mutex *mutex)
{
    return shm_load(&mutex->words->flags) & D ? SYSVMP_OWNER_DEAD : 0;
}

static bool
entitled(const struct attempt *attempt)
{
    return attempt->woken || attempt->reserved;
}

static bool
reserved_for_others(const struct mutex *mutex, const struct attempt *attempt)
{
    return !entitled(attempt) && (shm_load(&mutex->words->flags) & S) != 0;
}

static bool
take_from(struct mutex *mutex, const struct attempt *attempt, uint64_t owner)
{
    if (attempt->woken)
        raise_flags(mutex, W); /* we took the token of all who sleep */
    if (!shm_cas(&mutex->words->owner, &owner, attempt->me))
        return false;
    if (entitled(attempt))
        lower_flags(mutex, S);
    return true;
}

/*
 * true: look at the lock again; false: spinning is over.  The looks get rarer:
 * each takes the line away from the holder, who could take and release the
 * lock five times meanwhile.
 */
static bool
spin(struct mutex *mutex, struct attempt *attempt)
{
    int64_t now;

    if (!attempt->spinning)
        return false;
    for (int i = 0; i < attempt->pauses; i++)
        cpu_relax();
    now = deadline_now();
    if (attempt->spin_until == 0) {
        attempt->spin_until = spin_until(&attempt->deadline);
        attempt->starving_at = now + STARVING_NS;
    }
    if (now >= attempt->spin_until) {
        spin_in_vain(&mutex->spin);
        attempt->spinning = false;
        return false;
    }
    if (now >= attempt->starving_at) {
        attempt->reserved = true;
        attempt->pauses = 1; /* the next release is for us */
        raise_flags(mutex, S);
    } else if (attempt->pauses < PAUSES_MAX) {
        attempt->pauses *= 2;
    }
    return true;
}

/* Takes over from an owner that is dead: 1 if so, 0, or a code. */
static int
take_over(struct mutex *mutex, const struct attempt *attempt, uint64_t owner)
{
    int dead = member_dead(mutex->handle.arena, mutex->semaphores, owner);

    if (dead != 1)
        return dead;
    if (!take_from(mutex, attempt, owner))
        return 0;
    raise_flags(mutex, D);
    return 1;
}

/* Sleeps, having announced it: 0 when there is reason to look again. */
static int
sleep_at_gate(struct mutex *mutex, struct attempt *attempt, bool sure)
{
    struct sembuf take = sem_operation(mutex->gate, -1, 0);
    struct deadline brief = deadline_brief(&attempt->deadline, UNSURE_NS);
    int error = sysv_semwait(mutex->semaphores, &take, 1,
        sure ? &attempt->deadline : &brief);

    if (error == 0) {
        attempt->woken = true;
        attempt->in_vain++;
    }
    if (error == -EAGAIN && deadline_left(&attempt->deadline) > 0)
        return 0;
    return error == -EAGAIN ? deadline_code(&attempt->deadline) : error;
}

/* Sets W, so that the lock's release from now on is told: is that sure? */
static bool
announce(struct mutex *mutex, const struct attempt *attempt)
{
    bool starving = attempt->reserved || attempt->in_vain >= STARVING_WAKES;

    raise_flags(mutex, W | (starving ? S : 0));
    return !mutex->swift || barrier_all();
}

/* The lock can't be had now.  0: look again; else what the call answers. */
static int
wait_for_turn(struct mutex *mutex, struct attempt *attempt)
{
    bool may_wait = attempt->deadline.timeout_ms != SYSVMP_NOWAIT;
    bool sure = may_wait && announce(mutex, attempt);
    uint64_t owner = shm_load(&mutex->words->owner);
    int result;

    if (owner != 0) {
        result = take_over(mutex, attempt, owner);
        if (result != 0)
            return result < 0 ? result : SYSVMP_OWNER_DEAD;
        if (!may_wait)
            return -EAGAIN;
        if (shm_load(&mutex->words->owner) != owner)
            return 0;
    } else if (!reserved_for_others(mutex, attempt)) {
        return 0;
    }
    return sleep_at_gate(mutex, attempt, sure);
}

static int
acquire(struct mutex *mutex, struct attempt *attempt)
{
    for (;;) {
        int result;

        if (shm_load(&mutex->words->owner) == 0 &&
            !reserved_for_others(mutex, attempt)) {
            if (take_from(mutex, attempt, 0))
                return mutex_taken(mutex);
            continue;
        }
        if (spin(mutex, attempt))
            continue;
        result = wait_for_turn(mutex, attempt);
        if (result != 0)
            return result;
    }
}

int
mutex_acquire_slow(struct mutex *mutex, int timeout_ms)
{
    struct attempt attempt = {
        .me = arena_me(mutex->handle.arena),
        .deadline = DEADLINE(timeout_ms),
        .pauses = 1,
    };
    int result;

    if (attempt.me == 0)
        return arena_gone(mutex->handle.arena);
    attempt.spinning =
        timeout_ms != SYSVMP_NOWAIT && spin_worth(&mutex->spin);
    result = acquire(mutex, &attempt);
    if (result >= 0 && attempt.spinning)
        spin_paid(&mutex->spin);
    /* Who goes away empty-handed hands on what others count on. */
    if (result < 0 && entitled(&attempt))
        post(mutex);
    return result;
}

/*
 * D goes before a release by the one who was told.  What a dead process held
 * is released by becoming its next owner, who tells nobody.  false: the owner
 * has changed.
 */
static bool
free_from(struct mutex *mutex, uint64_t owner, uint64_t me)
{
    if (owner == me) {
        lower_flags(mutex, D);
    } else if (member_dead(mutex->handle.arena, mutex->semaphores, owner)
        == 1) {
        if (!shm_cas(&mutex->words->owner, &owner, me))
            return false;
        raise_flags(mutex, D);
        owner = me;
    }
    return shm_cas(&mutex->words->owner, &owner, 0);
}

int
mutex_release_slow(struct mutex *mutex)
{
    uint64_t me = arena_me(mutex->handle.arena);
    uint64_t owner;

    if (me == 0)
        return arena_gone(mutex->handle.arena);
    do {
        owner = shm_load(&mutex->words->owner);
        if (owner == 0)
            return -EOVERFLOW;
    } while (!free_from(mutex, owner, me));
    mutex_hand_on(mutex);
    return 0;
}

/* Destroyed while we hold it: that is a holder's end. */
void
mutex_give_up(struct mutex *mutex)
{
    uint64_t owner = own_load(&self.me);

    if (owner == 0 || shm_load(&mutex->words->owner) != owner)
        return;
    raise_flags(mutex, D);
    if (shm_cas(&mutex->words->owner, &owner, 0))
        mutex_hand_on(mutex);
}

#endif /* !SYSVMP_PLAIN_LOCK */
