/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mutex.h: what Lock and RLock have in common: one holder at a time among all
 * processes, and a notice when a holder has died.
 *
 * Two implementations: word.c (compare-and-swap on a shared word, the kernel
 * only for sleeping) and mutex-sem.c (one semop each time), chosen by
 * ./configure --disable-fast-lock.
 */
#ifndef SYSVMP_MUTEX_H
#define SYSVMP_MUTEX_H

#include "deadline.h"
#include "handle.h"
#include "member.h"
#include "word.h"

struct mutex {
    struct handle handle; /* first: the registry's */
    struct word word; /* mutex-sem.c keeps no more than the owner there */
    int lock;  /* mutex-sem.c: 1 when free */
    int dirty; /* mutex-sem.c: 1 while held, and after a holder's death */
};

/* A new mutex of that kind, or a code. */
int mutex_create(struct mutex *mutex, enum object_kind kind, uint32_t magic);
void mutex_destroy(struct mutex *mutex);

/* Owner id of who holds it, 0 when free; it may be dead. */
static inline uint64_t
mutex_owner(const struct mutex *mutex)
{
    return word_owner(&mutex->word);
}

/* Its pid; 0 when free, or when the holder is dead; or a code. */
pid_t mutex_holder(const struct mutex *mutex);
static inline bool
mutex_mine(const struct mutex *mutex)
{
    uint64_t me = own_peek(&self.me);

    return me != 0 && mutex_owner(mutex) == me;
}

#ifdef SYSVMP_PLAIN_LOCK

enum { MUTEX_REFERENCE, MUTEX_LOCK, MUTEX_DIRTY, MUTEX_SLOTS };

int mutex_acquire_by(struct mutex *mutex, struct deadline deadline);
int mutex_release(struct mutex *mutex);
/* As word_drop(). */
void mutex_drop(struct mutex *mutex);
/* Makes a new one free, in its counters. */
int mutex_prepare(struct mutex *mutex);
void mutex_give_up(struct mutex *mutex);

#else

enum { MUTEX_REFERENCE, MUTEX_SLOTS };

/* 0, SYSVMP_OWNER_DEAD, or a code. */
static inline int
mutex_acquire_by(struct mutex *mutex, struct deadline deadline)
{
    return word_acquire(&mutex->word, deadline);
}

/* As word_release_slow(). */
static inline int
mutex_release(struct mutex *mutex)
{
    return word_release(&mutex->word);
}

static inline void
mutex_drop(struct mutex *mutex)
{
    word_drop(&mutex->word);
}

#endif

static inline int
mutex_acquire(struct mutex *mutex, int timeout_ms)
{
    return mutex_acquire_by(mutex, DEADLINE(timeout_ms));
}

#endif /* SYSVMP_MUTEX_H */
