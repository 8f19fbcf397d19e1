/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mutex-word.c: the lock on a shared word.  t/model/lock.pml is its model.
 *
 * The word has the owner's id and three flags:
 *   W  somebody sleeps, or is about to: the release posts a token
 *   S  reserved: somebody waits too long; a free word that is S is for those
 *      who were woken or who set S, not for who comes along
 *   D  a holder died, and nobody who was told has released yet
 * It changes by CAS from the value that was judged, and by nothing else.
 *
 * Why two never hold it: it is taken from a word without an owner, or from an
 * owner whose alive bit was seen down after the word was read (exit_sem runs
 * when the last thread has stopped, and the seat's generation tells a later
 * holder of the seat apart).
 * Why nobody sleeps for ever: who sleeps has set W on the word it judged.  A
 * release of a word with W posts a token.  Who was woken takes with W set, as
 * others may sleep; who leaves with a token in hand, or with S set, posts;
 * and if one of these dies instead, its bell does.  A dead owner's bell wakes
 * one, too, who takes the word over.
 */
#include "internal.h"

#include "error.h"
#include "hooks.h"
#include "mutex.h"
#include "sysv.h"

#ifndef SYSVMP_PLAIN_LOCK

#    define W           UINT64_C(1)
#    define S           UINT64_C(2)
#    define D           UINT64_C(4)
#    define OWNER(word) ((word) & ~OWNER_FLAGS)

/* A spinner that came too short for so long reserves the next turn. */
#    define STARVING_NS  5000
/* Between two looks of a spinner at most: some 3 us. */
#    define PAUSES_MAX   64
/* So many wake-ups in vain, and a sleeper does. */
#    define STARVING_WAKES 2

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

int
mutex_prepare(struct mutex *mutex)
{
    mutex->gate = mutex->handle.holding[0].place.gate;
    shm_store(&mutex->words->word, 0);
    return 0;
}

uint64_t
mutex_owner(const struct mutex *mutex)
{
    return OWNER(shm_load(&mutex->words->word));
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

/* The word has no owner.  0 or SYSVMP_OWNER_DEAD: taken.  -EAGAIN: it has
 * changed, or it is reserved for others. */
static int
take_free(struct mutex *mutex, const struct attempt *attempt, uint64_t word)
{
    uint64_t mine = attempt->me | (word & (D | W));

    if ((word & S) && !attempt->woken && !attempt->reserved)
        return -EAGAIN;
    if (attempt->woken)
        mine |= W; /* we took the token of all who sleep */
    if (!shm_cas(&mutex->words->word, &word, mine))
        return -EAGAIN;
    return word & D ? SYSVMP_OWNER_DEAD : 0;
}

/*
 * true: look at the word again; false: spinning is over.  The looks get rarer:
 * each takes the word's line away from the holder, who could take and release
 * the lock five times meanwhile.
 */
static bool
spin(struct mutex *mutex, struct attempt *attempt, uint64_t word)
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
        if ((word & S) == 0)
            (void) shm_cas(&mutex->words->word, &word, word | S);
    } else if (attempt->pauses < PAUSES_MAX) {
        attempt->pauses *= 2;
    }
    return true;
}

/* Takes over from a dead owner: as take_free(), or a code. */
static int
take_over(struct mutex *mutex, const struct attempt *attempt, uint64_t word)
{
    int dead = member_dead(mutex->handle.arena, mutex->semaphores, word);

    if (dead < 0)
        return dead;
    if (!dead ||
        !shm_cas(&mutex->words->word, &word, attempt->me | W | D))
        return -EAGAIN;
    return SYSVMP_OWNER_DEAD;
}

/* Sleeps, having set W on the word: 0 when woken. */
static int
sleep_at_gate(struct mutex *mutex, struct attempt *attempt)
{
    struct sembuf take = sem_operation(mutex->gate, -1, 0);
    int error = sysv_semwait(mutex->semaphores, &take, 1, &attempt->deadline);

    if (error == 0) {
        attempt->woken = true;
        attempt->in_vain++;
    }
    return error;
}

/* The word can't be had now.  0: look again; else what the call answers. */
static int
wait_for_turn(struct mutex *mutex, struct attempt *attempt, uint64_t word)
{
    bool starving = attempt->reserved || attempt->in_vain >= STARVING_WAKES;
    uint64_t wanted = word;
    int result;

    if (attempt->deadline.timeout_ms != SYSVMP_NOWAIT)
        wanted |= W | (starving ? S : 0);
    if (wanted != word && !shm_cas(&mutex->words->word, &word, wanted))
        return 0;
    if (OWNER(word) != 0) {
        result = take_over(mutex, attempt, wanted);
        if (result != -EAGAIN)
            return result == 0 ? -EAGAIN : result;
        if (shm_load(&mutex->words->word) != wanted)
            return 0;
        if (attempt->deadline.timeout_ms == SYSVMP_NOWAIT)
            return -EAGAIN;
    }
    result = sleep_at_gate(mutex, attempt);
    return result == -EAGAIN ? deadline_code(&attempt->deadline) : result;
}

static int
acquire(struct mutex *mutex, struct attempt *attempt)
{
    for (;;) {
        uint64_t word = shm_load(&mutex->words->word);
        int result;

        if (OWNER(word) == 0) {
            result = take_free(mutex, attempt, word);
            if (result >= 0)
                return result;
            if ((word & S) == 0 || attempt->woken || attempt->reserved)
                continue;
        }
        if (spin(mutex, attempt, word))
            continue;
        result = wait_for_turn(mutex, attempt, word);
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
    if (result < 0 && (attempt.woken || attempt.reserved))
        post(mutex);
    return result;
}

/* What the word becomes.  D goes with a release by the one who was told; a
 * release of what a dead process held tells nobody. */
static uint64_t
freed(const struct mutex *mutex, uint64_t word)
{
    if (OWNER(word) == own_load(&self.me))
        return word & S;
    if (member_dead(mutex->handle.arena, mutex->semaphores, word) == 1)
        return (word & S) | D;
    return word & (S | D);
}

int
mutex_release_slow(struct mutex *mutex)
{
    uint64_t word;

    if (arena_me(mutex->handle.arena) == 0)
        return arena_gone(mutex->handle.arena);
    word = shm_load(&mutex->words->word);
    do
        if (OWNER(word) == 0)
            return -EOVERFLOW;
    while (!shm_cas(&mutex->words->word, &word, freed(mutex, word)));
    if (word & W)
        post(mutex);
    return 0;
}

/* Destroyed while we hold it: that is a holder's end. */
void
mutex_give_up(struct mutex *mutex)
{
    uint64_t word = shm_load(&mutex->words->word);

    while (OWNER(word) == own_load(&self.me))
        if (shm_cas(&mutex->words->word, &word, (word & S) | D)) {
            post(mutex);
            return;
        }
}

#endif /* !SYSVMP_PLAIN_LOCK */
