/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * word.c: the lock on a shared word.  t/model/lock.pml is its model.
 *
 * The owner's id is one word, 0 when it is free.  Another, on the same line,
 * has three flags, a count and an epoch:
 *   W  somebody sleeps, or is about to: the release posts a token
 *   S  reserved: somebody waits too long; a lock that is free and S is for
 *      those who were woken or who set S, not for who comes along
 *   D  a holder died, and nobody who was told has released yet
 *   owed   how many may sleep beside the one who was woken last
 *   epoch  goes up whenever somebody raises W
 *
 * The owner changes by compare-and-swap, but for the release by the owner
 * itself where no flag is up and nothing is owed.  That is a store, and a look
 * at the flags which the processor may do before the store is seen: half the
 * price.  The order is made by who waits: W, then a barrier on all processes,
 * then a look at the owner.  A release whose look came before the barrier is
 * seen by ours.
 *
 * Why two never hold it: it is taken from no owner, or from an owner whose
 * alive bit was seen down after its id was read (exit_sem runs when the last
 * thread has stopped, and the seat's generation tells a later holder of the
 * seat apart).
 * Why nobody sleeps for ever: who sleeps has raised W and then seen an owner
 * alive.  A release that finds W posts a token, and only then takes W down, if
 * the epoch is still what it was: nobody has raised W since.  So a process
 * that stops or is refused between the two leaves W to the next release.  Who
 * was woken takes with W raised, as others may sleep; who leaves with a token
 * in hand posts; and if one of these dies instead, its bell does.  A dead
 * owner's bell wakes one, too, who takes the lock over.
 * Why one who was woken and does not run holds up nobody: beside taking W down
 * the release notes how many others have announced a sleep.  As long as that
 * is owed, and nobody has raised W anew, later releases post for them, each
 * process once in a tick of the clock.
 * Why who reserved it and does not run holds up nobody: who finds it free and S
 * for RESERVED_NS takes it all the same.
 * What the kernel refuses: a release that may not post takes the lock back, and
 * answers the code; where somebody else was faster, that one finds W at its
 * release, as it took the lock after W was raised.
 * Why a death is told: D is set while the lock is had, and looked at by who
 * gets it next, after that.
 */
#include "internal.h"

#include <time.h>

#include "arena.h"
#include "callback.h"
#include "membarrier.h"
#include "error.h"
#include "hooks.h"
#include "member.h"
#include "sysv.h"
#include "word.h"

#define W WORD_WAITED
#define S WORD_RESERVED
#define D WORD_DEAD

#define OWED_ONE UINT64_C(0x100)
#define OWED_MAX (WORD_OWED / OWED_ONE)

/* A spinner that came too short for so long reserves the next turn. */
#define STARVING_NS  5000
/* Between two looks of a spinner at most: some 3 us. */
#define PAUSES_MAX   64
/* So many wake-ups in vain, and a sleeper does. */
#define STARVING_WAKES 2
/* Longest sleep of who can't make the order of a release's steps sure; and at
 * a lock of our own, which is held for some 50 ns: longer than that tells that
 * its holder does not run, or could not wake anybody. */
#define UNSURE_NS 10000000
/* A lock that is free, but reserved, is left to others for so long. */
#define RESERVED_NS 100000

/* One acquire under way. */
struct attempt {
    struct word *word;
    uint64_t me;
    struct deadline deadline;
    bool spinning;      /* may still spin */
    int pauses;         /* before the next look */
    int64_t spin_until; /* 0: the clock was not asked yet */
    int64_t starving_at;
    int64_t reserved_since; /* seen free, but reserved; 0: not yet */
    bool own;           /* the lock is one of our own: word_enter() */
    bool announced;     /* counted among the sleepers */
    bool woken;         /* has taken a token: entitled to a reserved word */
    bool reserved;      /* has set S, or lost its patience: likewise */
    int in_vain;        /* times woken and found it held */
};

/*
 * Wakes one.  -EAGAIN: a token is out already, and its taker will pass it on.
 * Any other code is a refusal.  That includes -ERANGE: there is no token, so
 * that there could not be too many.
 */
static int
post(const struct word *word)
{
    struct sembuf one_token[2] = {
        sem_operation(word->gate, 0, IPC_NOWAIT),
        sem_operation(word->gate, 1, 0),
    };

    return sysv_semop(word->semaphores, one_token, 2);
}

static bool
posted(int result)
{
    return result == 0 || result == -EAGAIN;
}

static void
raise_flags(struct word *word, uint64_t flags)
{
    if ((shm_load(&word->words->state) & flags) != flags)
        (void) shm_or(&word->words->state, flags);
}

static void
lower_flags(struct word *word, uint64_t flags)
{
    if (shm_load(&word->words->state) & flags)
        (void) shm_and(&word->words->state, ~flags);
}

/* Raises W, in an epoch of its own even if W is up: whoever has posted a token
 * for an earlier one must not take W down any more. */
static void
raise_waited(struct word *word, uint64_t flags)
{
    uint64_t seen = shm_load(&word->words->state);
    bool done;

    do
        done = shm_cas(&word->words->state, &seen,
            (seen + WORD_EPOCH) | W | flags);
    while (!done);
}

/*
 * Takes W down after a post, with so many wake-ups owed; `seen` is the state
 * before that post.  In another epoch it does nothing, as that token may have
 * been taken before W was raised.
 */
static void
settle(struct word *word, uint64_t seen, uint64_t owed)
{
    uint64_t now = seen;
    bool done = false;

    while (!done && now / WORD_EPOCH == seen / WORD_EPOCH)
        done = shm_cas(&word->words->state, &now,
            (now & ~(W | WORD_OWED)) | owed * OWED_ONE);
}

/* How many may sleep beside the one who has just been woken. */
static uint64_t
others_asleep(const struct word *word)
{
    uint64_t sleepers = shm_load(&word->words->sleepers);

    if (sleepers > OWED_MAX)
        return OWED_MAX;
    return sleepers > 0 ? sleepers - 1 : 0;
}

/* The clock's tick, for a fifth of what the time itself costs. */
static int64_t
tick(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

/* One more token, whatever is there. */
static int
post_beside(const struct word *word)
{
    struct sembuf one_token = sem_operation(word->gate, 1, 0);

    return sysv_semop(word->semaphores, &one_token, 1);
}

/*
 * W is down, and who was woken last has not been heard of: it may not be
 * running.  One more is woken, once in a tick, as most often it is only on its
 * way.  A token that is still there means that nobody sleeps in the kernel, but
 * several may be about to, and one of them finds that token: the next one finds
 * another beside it.  (If they are dead, some tokens are left, in vain.)  What
 * is refused stays owed, which does no harm to anybody who counts on us.
 */
static void
wake_another(struct word *word, uint64_t seen)
{
    uint64_t owed = (seen & WORD_OWED) / OWED_ONE;
    int64_t now = tick();
    int result;

    if (own_peek(&word->owed_at) == now)
        return;
    own_poke(&word->owed_at, now);
    result = post(word);
    if (result == -EAGAIN)
        result = post_beside(word);
    if (result == 0)
        settle(word, seen, owed - 1);
}

/* After a release: somebody who sleeps shall look.  0, or the code with which
 * the kernel has refused that; then W is up as it was. */
static int
wake(struct word *word)
{
    uint64_t seen = shm_load(&word->words->state);
    int result;

    if (seen & W) {
        result = post(word);
        if (!posted(result))
            return result;
        settle(word, seen, others_asleep(word));
    } else if (seen & WORD_OWED) {
        wake_another(word, seen);
    }
    return 0;
}

/*
 * We may not wake anybody, so the lock is not released.  It is where it was
 * unless somebody else has it by now, or has woken who sleeps.  (One who took
 * it and gave it back in between, and is about to post, can't be seen; the
 * lock changed hands twice then, and whom it wakes finds it held.)
 */
static int
take_back(struct word *word, uint64_t owner, int refusal)
{
    uint64_t nobody = 0;

    if (!(shm_load(&word->words->state) & W) ||
        !shm_cas(&word->words->owner, &nobody, owner))
        return 0;
    if (refusal == -EIDRM)
        return refusal;
    return error_detail(refusal == -ERANGE ? -ENOSYS : refusal,
        "the kernel does not let this process wake those who wait for the "
        "lock (%s): it is not released",
        refusal == -ERANGE ? "ERANGE" : sysvmp_strerror(refusal));
}

int
word_hand_on(struct word *word, uint64_t owner)
{
    int refusal = wake(word);

    return LIKELY(refusal == 0) ? 0 : take_back(word, owner, refusal);
}

/* We own it now: what the last owner's end has to say. */
int
word_taken(struct word *word)
{
    return shm_load(&word->words->state) & D ? SYSVMP_OWNER_DEAD : 0;
}

static bool
entitled(const struct attempt *attempt)
{
    return attempt->woken || attempt->reserved;
}

/* It is free, but has been reserved for others all the time: they had their
 * turn.  Asked before a call gives up, too. */
static bool
out_of_patience(struct attempt *attempt)
{
    int64_t now = deadline_now();

    if (attempt->reserved_since == 0)
        attempt->reserved_since = now;
    attempt->reserved = now - attempt->reserved_since >= RESERVED_NS;
    return attempt->reserved;
}

/* A free lock: may we take it? */
static bool
for_us(const struct word *word, struct attempt *attempt)
{
    return entitled(attempt) || !(shm_load(&word->words->state) & S) ||
        out_of_patience(attempt);
}

static bool
take_from(struct word *word, const struct attempt *attempt, uint64_t owner)
{
    if (attempt->woken)
        raise_waited(word, 0); /* we took the token of all who sleep */
    if (!shm_cas(&word->words->owner, &owner, attempt->me))
        return false;
    if (entitled(attempt))
        lower_flags(word, S);
    return true;
}

/*
 * true: look at the lock again; false: spinning is over.  The looks get rarer:
 * each takes the line away from the holder, who could take and release the
 * lock five times meanwhile.
 */
static bool
spin(struct word *word, struct attempt *attempt)
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
        spin_in_vain(&word->spin);
        attempt->spinning = false;
        return false;
    }
    if (now >= attempt->starving_at) {
        attempt->reserved = true;
        attempt->pauses = 1; /* the next release is for us */
        raise_flags(word, S);
    } else if (attempt->pauses < PAUSES_MAX) {
        attempt->pauses *= 2;
    }
    return true;
}

/* Takes over from an owner that is dead: 1 if so, 0, or a code. */
static int
take_over(struct word *word, const struct attempt *attempt, uint64_t owner)
{
    int dead = member_dead(word->arena, word->semaphores, owner);

    if (dead != 1)
        return dead;
    if (!take_from(word, attempt, owner))
        return 0;
    raise_flags(word, D);
    return 1;
}

/* Sleeps, having announced it: 0 when there is reason to look again. */
static int
sleep_at_gate(struct word *word, struct attempt *attempt, int64_t at_most_ns)
{
    struct sembuf take = sem_operation(word->gate, -1, 0);
    struct deadline *until = &attempt->deadline;
    struct deadline brief;
    int error;

    if (at_most_ns < INT64_MAX) {
        brief = deadline_brief(&attempt->deadline, at_most_ns);
        until = &brief;
    }
    error = sysv_semwait(word->semaphores, &take, 1, until);
    if (error == 0) {
        attempt->woken = true;
        attempt->in_vain++;
    }
    if (error == -EAGAIN && deadline_left(&attempt->deadline) > 0)
        return 0;
    return error == -EAGAIN ? deadline_code(&attempt->deadline) : error;
}

/* Raises W, so that the lock's release from now on is told: is that sure? */
static bool
announce(struct word *word, struct attempt *attempt)
{
    bool starving = attempt->reserved || attempt->in_vain >= STARVING_WAKES;

    if (!attempt->announced)
        shm_add(&word->words->sleepers, 1);
    attempt->announced = true;
    raise_waited(word, starving ? S : 0);
    return !word->swift || membarrier_all();
}

/* It is held.  0: look at it again; else what the call answers. */
static int
wait_for_owner(struct word *word, struct attempt *attempt, uint64_t owner,
    bool sure)
{
    int result = take_over(word, attempt, owner);

    if (result != 0)
        return result < 0 ? result : SYSVMP_OWNER_DEAD;
    if (attempt->deadline.timeout_ms == SYSVMP_NOWAIT) {
        attempt->reserved_since = 0;
        return -EAGAIN;
    }
    if (shm_load(&word->words->owner) != owner)
        return 0;
    return sleep_at_gate(word, attempt,
        sure && !attempt->own ? INT64_MAX : UNSURE_NS);
}

/* The lock can't be had now.  0: look again; else what the call answers. */
static int
wait_for_turn(struct word *word, struct attempt *attempt)
{
    bool may_wait = attempt->deadline.timeout_ms != SYSVMP_NOWAIT;
    bool sure = may_wait && announce(word, attempt);
    uint64_t owner = shm_load(&word->words->owner);

    if (owner != 0)
        return wait_for_owner(word, attempt, owner, sure);
    if (for_us(word, attempt))
        return 0;
    /* One that can't wait takes a token, too, if the dead have left one. */
    return sleep_at_gate(word, attempt, RESERVED_NS);
}

static int
acquire(struct word *word, struct attempt *attempt)
{
    for (;;) {
        int result;

        if (shm_load(&word->words->owner) == 0 && for_us(word, attempt)) {
            if (take_from(word, attempt, 0))
                return word_taken(word);
            continue;
        }
        if (spin(word, attempt))
            continue;
        result = wait_for_turn(word, attempt);
        if (result != 0)
            return result;
    }
}

/*
 * Who goes away empty-handed hands on what others count on: the token that it
 * took.  Where the kernel refuses that by now, W tells the next release
 * instead, after the same barrier as before a sleep; and a lock that is free
 * is ours all the same, as no release of it is due.
 */
static int
leave_empty_handed(struct word *word, struct attempt *attempt, int result)
{
    struct deadline forever = DEADLINE(SYSVMP_FOREVER);

    if (entitled(attempt))
        lower_flags(word, S);
    if (!attempt->woken || posted(post(word)))
        return result;
    if (!announce(word, attempt))
        deadline_nap(&forever, UNSURE_NS);
    if (shm_load(&word->words->owner) == 0 && take_from(word, attempt, 0))
        return word_taken(word);
    return result;
}

/* The interrupt function has left the sleep by an exception. */
static void
word_abandon(void *arg)
{
    struct attempt *attempt = arg;
    struct word *word = attempt->word;

    int result = leave_empty_handed(word, attempt, -EINTR);

    if (result == SYSVMP_OWNER_DEAD)
        word_give_up(word); /* the next one shall be told, too */
    else if (result == 0)
        word_drop(word);
    if (attempt->announced)
        shm_sub(&word->words->sleepers, 1);
}

static int
acquire_slow(struct word *word, struct deadline deadline, bool own)
{
    bool may_wait = deadline.timeout_ms != SYSVMP_NOWAIT;
    struct attempt attempt = {
        .word = word,
        .me = arena_me(word->arena),
        .deadline = deadline,
        .own = own,
        .pauses = 1,
        .reserved_since = may_wait ? 0 : own_peek(&word->reserved_since),
    };
    struct undo undo;
    int result;

    if (attempt.me == 0)
        return arena_gone(word->arena);
    attempt.spinning = may_wait && spin_worth(&word->spin);
    undo_push(&undo, word_abandon, &attempt);
    result = acquire(word, &attempt);
    undo_pop(&undo);
    if (result >= 0 && attempt.spinning)
        spin_paid(&word->spin);
    /* The patience of a call that can't wait goes on with the next. */
    if (!may_wait)
        own_poke(&word->reserved_since,
            result < 0 ? attempt.reserved_since : 0);
    if (result < 0)
        result = leave_empty_handed(word, &attempt, result);
    if (attempt.announced)
        shm_sub(&word->words->sleepers, 1);
    return result;
}

int
word_acquire_slow(struct word *word, struct deadline deadline)
{
    return acquire_slow(word, deadline, false);
}

/*
 * D goes before a release by the one who was told.  What a dead process held
 * is released by becoming its next owner, who tells nobody.  1: it is free; 0:
 * the owner has changed; or a code: that owner can't be judged.
 */
static int
free_from(struct word *word, uint64_t owner, uint64_t me)
{
    int dead = 0;

    if (owner == me)
        lower_flags(word, D);
    else
        dead = member_dead(word->arena, word->semaphores, owner);
    if (dead < 0)
        return dead;
    if (dead == 1) {
        if (!shm_cas(&word->words->owner, &owner, me))
            return 0;
        raise_flags(word, D);
        owner = me;
    }
    return shm_cas(&word->words->owner, &owner, 0);
}

int
word_release_slow(struct word *word)
{
    /* Also when another thread has ended the process meanwhile. */
    uint64_t me = UNLIKELY(word->arena->left) ? 0 : self_id();
    uint64_t owner;
    bool told;
    int result;

    if (me == 0)
        return arena_gone(word->arena);
    do {
        owner = shm_load(&word->words->owner);
        if (owner == 0)
            return -EOVERFLOW;
        told = (shm_load(&word->words->state) & D) != 0;
        result = free_from(word, owner, me);
    } while (result == 0);
    if (result > 0)
        result = word_hand_on(word, owner);
    if (result < 0 && told)
        raise_flags(word, D); /* it is as it was */
    return result;
}

/*
 * Destroyed while we hold it: that is a holder's end.  Where we may not wake
 * who sleeps the lock is free all the same: who comes next does, as W is up, or
 * our bell, which the kernel does not let us take away either.
 */
void
word_give_up(struct word *word)
{
    uint64_t owner = self_id();

    if (owner == 0 || shm_load(&word->words->owner) != owner)
        return;
    raise_flags(word, D);
    if (shm_cas(&word->words->owner, &owner, 0))
        (void) wake(word);
}

#define PATIENCE_NS 100000000
#define TIRED_NS    1000000000

/* The lock for which this thread's patience was in vain, and until when it has
 * no more: a call may come to the same lock a dozen times. */
static _Thread_local struct {
    const struct lock_words *words;
    int64_t until;
} tired;

static bool
patient(const struct word *word)
{
    return tired.words != word->words || deadline_now() >= tired.until;
}

/* With what is left of the deadline, but not less than the patience. */
static int
acquire_patiently(struct word *word, struct deadline *deadline)
{
    struct deadline longer = DEADLINE(SYSVMP_FOREVER);
    int result;

    longer.deaf = deadline->deaf;
    if (deadline_left(deadline) >= PATIENCE_NS || !patient(word))
        return acquire_slow(word, *deadline, true);
    longer = deadline_brief(&longer, PATIENCE_NS);
    result = acquire_slow(word, longer, true);
    if (result != -ETIMEDOUT)
        return result;
    tired.words = word->words;
    tired.until = deadline_now() + TIRED_NS;
    return deadline_code(deadline);
}

/*
 * A list must not stay locked because the kernel refuses one process to wake
 * others.  W is up then, so the next release does it; and nobody sleeps for
 * long at a lock of our own.
 */
void
word_drop(struct word *word)
{
    struct lock_words *words = word->words;
    uint64_t me = self_id();

    if (UNLIKELY(!word_free_swiftly(word, words, me)))
        (void) free_from(word, me, me);
    if (UNLIKELY((uint32_t) shm_peek(&words->state) != 0))
        (void) wake(word);
}

static void
word_outside(void *ignored)
{
    (void) ignored;
    own_sub(&self.inside, 1);
}

static int
enter_patiently(struct word *word, struct deadline *deadline)
{
    struct undo undo;
    int result;

    undo_push(&undo, word_outside, NULL);
    result = acquire_patiently(word, deadline);
    undo_pop(&undo);
    return result;
}

int
word_enter(struct word *word, struct deadline *deadline)
{
    int result;

    own_add(&self.inside, 1);
    result = word_try(word);
    if (UNLIKELY(result < 0))
        result = enter_patiently(word, deadline);
    if (UNLIKELY(result >= 0 && own_load(&self.leaving))) {
        if (result == SYSVMP_OWNER_DEAD)
            word_give_up(word); /* the next one shall be told, too */
        else
            word_drop(word);
        result = -EBADF;
    }
    if (UNLIKELY(result < 0))
        own_sub(&self.inside, 1);
    return result;
}

void
word_leave(struct word *word)
{
    word_drop(word);
    own_sub(&self.inside, 1);
}
