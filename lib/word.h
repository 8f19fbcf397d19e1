/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * word.h: a lock for all processes on a word in shared memory: a
 * compare-and-swap one way and a store the other, the kernel for sleeping
 * alone, and a notice when a holder has died.  Lock and RLock are built on it
 * (mutex.h), and what guards our own lists.
 */
#ifndef SYSVMP_WORD_H
#define SYSVMP_WORD_H

#include "deadline.h"
#include "self.h"
#include "shared.h"
#include "spin.h"

struct arena;

/* In shared memory. */
struct lock_words {
    _Atomic uint64_t owner; /* 0: free */
    /* The flags below, how many wake-ups are owed, and the epoch: word.c. */
    _Atomic uint64_t state;
    /* Calls that have announced a sleep and have not returned; one that was
     * killed stays counted.  Each call counts itself. */
    _Atomic uint32_t sleepers;
    uint32_t reserved;
};

/* The state: its lower half has three flags and what is owed, and is 0 where
 * nobody waits, so that it is tested as a whole; its upper half is the epoch. */
#define WORD_WAITED   UINT64_C(1)      /* W */
#define WORD_RESERVED UINT64_C(2)      /* S */
#define WORD_DEAD     UINT64_C(4)      /* D */
#define WORD_OWED     UINT64_C(0xff00) /* a count */
#define WORD_EPOCH    (UINT64_C(1) << 32) /* one of it */

/* This process's view of it. */
struct word {
    struct lock_words *words;
    const struct arena *arena;
    int semaphores; /* where the owner's alive bit is, and */
    int gate;       /* where to sleep; each user has a bell there */
    bool swift;     /* a release need be no more than a store.  The same
                     * wherever the word is: see membarrier.c */
    struct spin_memory spin;
    /* The threads of this process share these two; an update lost is no
     * harm. */
    _Atomic int64_t owed_at;       /* the tick of our last owed wake-up */
    _Atomic int64_t reserved_since; /* see out_of_patience() */
};

/* 0, SYSVMP_OWNER_DEAD, or a code. */
int word_acquire_slow(struct word *word, struct deadline deadline);
/* -EOVERFLOW: it is free.  Another code: the kernel refuses to wake who
 * sleeps, and it is held as before. */
int word_release_slow(struct word *word);
/* Destroyed while we hold it: that is a holder's end. */
void word_give_up(struct word *word);
/* Releases our own in any case, whether who sleeps can be woken or not: W is
 * up then. */
void word_drop(struct word *word);
/* The caller has just got it, and a flag is up: is it D? */
int word_taken(struct word *word);
/* The caller has just released it for `owner`, and maybe W is up or a wake-up
 * is owed.  0, or a code: it is that owner's again. */
int word_hand_on(struct word *word, uint64_t owner);

/*
 * For a lock of our own, held over a few steps that do not sleep: 0,
 * SYSVMP_OWNER_DEAD, or a code.  A holder that is not running is given 100 ms,
 * also where the deadline is nearer.  While we hold one, nobody leaves the
 * arena under us.  word_leave() lets go of it whatever the kernel refuses.
 */
int word_enter(struct word *word, struct deadline *deadline);
void word_leave(struct word *word);

static inline uint64_t
word_owner(const struct word *word)
{
    return shm_load(&word->words->owner);
}

/* The uncontended lock; -EAGAIN: it is not. */
static inline int
word_try(struct word *word)
{
    struct lock_words *words = word->words;
    uint64_t me = own_peek(&self.me);
    uint64_t nobody = 0;

    if (UNLIKELY(me == 0 || (uint32_t) shm_peek(&words->state) != 0 ||
            !shm_cas(&words->owner, &nobody, me)))
        return -EAGAIN;
    return LIKELY((uint32_t) shm_load(&words->state) == 0)
        ? 0 : word_taken(word);
}

static inline int
word_acquire(struct word *word, struct deadline deadline)
{
    int result = word_try(word);

    return LIKELY(result >= 0) ? result : word_acquire_slow(word, deadline);
}

/* The uncontended release by `me`; false: nothing was done.  Who comes after
 * it has to look at the state once more. */
static inline bool
word_free_swiftly(const struct word *word, struct lock_words *words,
    uint64_t me)
{
    if (UNLIKELY(!word->swift || me == 0 || shm_peek(&words->owner) != me ||
            (uint32_t) shm_peek(&words->state) != 0))
        return false;
    shm_swift_store(&words->owner, 0);
    return true;
}

static inline int
word_release(struct word *word)
{
    struct lock_words *words = word->words;
    uint64_t me = own_peek(&self.me);

    if (UNLIKELY(!word_free_swiftly(word, words, me)))
        return word_release_slow(word);
    if (UNLIKELY((uint32_t) shm_peek(&words->state) != 0))
        return word_hand_on(word, me);
    return 0;
}

#endif /* SYSVMP_WORD_H */
