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
    _Atomic uint32_t flags; /* of word.c */
    uint32_t reserved;
};

/* This process's view of it. */
struct word {
    struct lock_words *words;
    const struct arena *arena;
    int semaphores; /* where the owner's alive bit is, and */
    int gate;       /* where to sleep; each user has a bell there */
    bool swift;     /* a release need be no more than a store.  The same
                     * wherever the word is: see membarrier.c */
    struct spin_memory spin;
};

/* 0, SYSVMP_OWNER_DEAD, or a code. */
int word_acquire_slow(struct word *word, struct deadline deadline);
/* -EOVERFLOW: it is free. */
int word_release_slow(struct word *word);
/* Destroyed while we hold it: that is a holder's end. */
void word_give_up(struct word *word);
/* What else there is to do where flags are up. */
int word_taken(struct word *word);
void word_hand_on(struct word *word);

/*
 * For a lock of our own, held over a few steps that do not sleep: 0,
 * SYSVMP_OWNER_DEAD, or a code.  A holder that is not running is given 100 ms,
 * also where the deadline is nearer.  While we hold one, nobody leaves the
 * arena under us.
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

    if (UNLIKELY(me == 0 || shm_peek(&words->flags) != 0 ||
            !shm_cas(&words->owner, &nobody, me)))
        return -EAGAIN;
    return LIKELY(shm_load(&words->flags) == 0) ? 0 : word_taken(word);
}

static inline int
word_acquire(struct word *word, struct deadline deadline)
{
    int result = word_try(word);

    return LIKELY(result >= 0) ? result : word_acquire_slow(word, deadline);
}

static inline int
word_release(struct word *word)
{
    struct lock_words *words = word->words;
    uint64_t me = own_peek(&self.me);

    if (UNLIKELY(!word->swift || me == 0 || shm_peek(&words->owner) != me ||
            shm_peek(&words->flags) != 0))
        return word_release_slow(word);
    shm_swift_store(&words->owner, 0);
    if (UNLIKELY(shm_peek(&words->flags) != 0))
        word_hand_on(word);
    return 0;
}

#endif /* SYSVMP_WORD_H */
