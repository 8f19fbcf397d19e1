/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * word.c: the lock on a shared word.  t/model/lock.pml is its model.
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

#include "arena.h"
#include "callback.h"
#include "membarrier.h"
#include "error.h"
#include "hooks.h"
#include "member.h"
#include "sysv.h"
#include "word.h"

#define W 1u
#define S 2u
#define D 4u

/* A spinner that came too short for so long reserves the next turn. */
#define STARVING_NS  5000
/* Between two looks of a spinner at most: some 3 us. */
#define PAUSES_MAX   64
/* So many wake-ups in vain, and a sleeper does. */
#define STARVING_WAKES 2
/* Longest sleep of who can't make the order of a release's steps sure. */
#define UNSURE_NS 10000000

/* One acquire under way. */
struct attempt {
    struct word *word;
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

static void
post(const struct word *word)
{
    struct sembuf one_token[2] = {
        sem_operation(word->gate, 0, IPC_NOWAIT),
        sem_operation(word->gate, 1, 0),
    };

    /* EAGAIN: a token is out already, and its taker will pass it on. */
    (void) sysv_semop(word->semaphores, one_token, 2);
}

/* After a release: somebody who sleeps shall look. */
void
word_hand_on(struct word *word)
{
    if ((shm_load(&word->words->flags) & W) &&
        (shm_and(&word->words->flags, ~W) & W))
        post(word);
}

static void
raise_flags(struct word *word, uint32_t flags)
{
    if ((shm_load(&word->words->flags) & flags) != flags)
        (void) shm_or(&word->words->flags, flags);
}

static void
lower_flags(struct word *word, uint32_t flags)
{
    if (shm_load(&word->words->flags) & flags)
        (void) shm_and(&word->words->flags, ~flags);
}

/* We own it now: what the last owner's end has to say. */
int
word_taken(struct word *word)
{
    return shm_load(&word->words->flags) & D ? SYSVMP_OWNER_DEAD : 0;
}

static bool
entitled(const struct attempt *attempt)
{
    return attempt->woken || attempt->reserved;
}

static bool
reserved_for_others(const struct word *word, const struct attempt *attempt)
{
    return !entitled(attempt) && (shm_load(&word->words->flags) & S) != 0;
}

static bool
take_from(struct word *word, const struct attempt *attempt, uint64_t owner)
{
    if (attempt->woken)
        raise_flags(word, W); /* we took the token of all who sleep */
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
sleep_at_gate(struct word *word, struct attempt *attempt, bool sure)
{
    struct sembuf take = sem_operation(word->gate, -1, 0);
    struct deadline brief = deadline_brief(&attempt->deadline, UNSURE_NS);
    int error = sysv_semwait(word->semaphores, &take, 1,
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
announce(struct word *word, const struct attempt *attempt)
{
    bool starving = attempt->reserved || attempt->in_vain >= STARVING_WAKES;

    raise_flags(word, W | (starving ? S : 0));
    return !word->swift || membarrier_all();
}

/* The lock can't be had now.  0: look again; else what the call answers. */
static int
wait_for_turn(struct word *word, struct attempt *attempt)
{
    bool may_wait = attempt->deadline.timeout_ms != SYSVMP_NOWAIT;
    bool sure = may_wait && announce(word, attempt);
    uint64_t owner = shm_load(&word->words->owner);
    int result;

    if (owner != 0) {
        result = take_over(word, attempt, owner);
        if (result != 0)
            return result < 0 ? result : SYSVMP_OWNER_DEAD;
        if (!may_wait)
            return -EAGAIN;
        if (shm_load(&word->words->owner) != owner)
            return 0;
    } else if (!reserved_for_others(word, attempt)) {
        return 0;
    }
    return sleep_at_gate(word, attempt, sure);
}

static int
acquire(struct word *word, struct attempt *attempt)
{
    for (;;) {
        int result;

        if (shm_load(&word->words->owner) == 0 &&
            !reserved_for_others(word, attempt)) {
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

/* The interrupt function has left the sleep by an exception. */
static void
word_abandon(void *arg)
{
    const struct attempt *attempt = arg;

    if (entitled(attempt))
        post(attempt->word);
}

int
word_acquire_slow(struct word *word, struct deadline deadline)
{
    struct attempt attempt = {
        .word = word,
        .me = arena_me(word->arena),
        .deadline = deadline,
        .pauses = 1,
    };
    struct undo undo;
    int result;

    if (attempt.me == 0)
        return arena_gone(word->arena);
    attempt.spinning =
        deadline.timeout_ms != SYSVMP_NOWAIT && spin_worth(&word->spin);
    undo_push(&undo, word_abandon, &attempt);
    result = acquire(word, &attempt);
    undo_pop(&undo);
    if (result >= 0 && attempt.spinning)
        spin_paid(&word->spin);
    /* Who goes away empty-handed hands on what others count on. */
    if (result < 0 && entitled(&attempt))
        post(word);
    return result;
}

/*
 * D goes before a release by the one who was told.  What a dead process held
 * is released by becoming its next owner, who tells nobody.  false: the owner
 * has changed.
 */
static bool
free_from(struct word *word, uint64_t owner, uint64_t me)
{
    if (owner == me) {
        lower_flags(word, D);
    } else if (member_dead(word->arena, word->semaphores, owner)
        == 1) {
        if (!shm_cas(&word->words->owner, &owner, me))
            return false;
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

    if (me == 0)
        return arena_gone(word->arena);
    do {
        owner = shm_load(&word->words->owner);
        if (owner == 0)
            return -EOVERFLOW;
    } while (!free_from(word, owner, me));
    word_hand_on(word);
    return 0;
}

/* Destroyed while we hold it: that is a holder's end. */
void
word_give_up(struct word *word)
{
    uint64_t owner = self_id();

    if (owner == 0 || shm_load(&word->words->owner) != owner)
        return;
    raise_flags(word, D);
    if (shm_cas(&word->words->owner, &owner, 0))
        word_hand_on(word);
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
        return word_acquire_slow(word, *deadline);
    longer.deaf = deadline->deaf;
    longer = deadline_brief(&longer, PATIENCE_NS);
    result = word_acquire_slow(word, longer);
    if (result != -ETIMEDOUT)
        return result;
    tired.words = word->words;
    tired.until = deadline_now() + TIRED_NS;
    return deadline_code(deadline);
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
            (void) word_release(word);
        result = -EBADF;
    }
    if (UNLIKELY(result < 0))
        own_sub(&self.inside, 1);
    return result;
}

void
word_leave(struct word *word)
{
    (void) word_release(word);
    own_sub(&self.inside, 1);
}
