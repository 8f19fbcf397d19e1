/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mutex.h: what Lock and RLock have in common: one holder at a time among all
 * processes, and a notice when a holder has died.
 *
 * Two implementations: mutex-word.c (compare-and-swap on a shared word, the
 * kernel only for sleeping) and mutex-sem.c (one semop each time), chosen by
 * ./configure --disable-fast-lock.
 */
#ifndef SYSVMP_MUTEX_H
#define SYSVMP_MUTEX_H

#include "deadline.h"
#include "handle.h"
#include "member.h"
#include "spin.h"

struct mutex {
    struct handle handle; /* first: the registry's */
    struct lock_words *words;
    int semaphores;
    int gate; /* mutex-word.c: where to sleep */
    int lock; /* mutex-sem.c: 1 when free */
    int dirty; /* mutex-sem.c: 1 while held, and after a holder's death */
    struct spin_memory spin;
};

/* A new mutex of that kind, or a code. */
int mutex_create(struct mutex *mutex, enum object_kind kind, uint32_t magic);
void mutex_destroy(struct mutex *mutex);

/* 0, SYSVMP_OWNER_DEAD, or a code. */
int mutex_acquire_slow(struct mutex *mutex, int timeout_ms);
/* -EOVERFLOW: it is free. */
int mutex_release_slow(struct mutex *mutex);
/* Owner id of who holds it, 0 when free; it may be dead. */
uint64_t mutex_owner(const struct mutex *mutex);
/* Its pid; 0 when free, or when the holder is dead; or a code. */
pid_t mutex_holder(const struct mutex *mutex);
/* For mutex_create and mutex_destroy. */
extern const struct object_wish mutex_wish;
int mutex_prepare(struct mutex *mutex);
void mutex_give_up(struct mutex *mutex);

static inline bool
mutex_mine(const struct mutex *mutex)
{
    uint64_t me = own_peek(&self.me);

    return me != 0 && mutex_owner(mutex) == me;
}

#ifdef SYSVMP_PLAIN_LOCK

static inline int
mutex_acquire(struct mutex *mutex, int timeout_ms)
{
    return mutex_acquire_slow(mutex, timeout_ms);
}

static inline int
mutex_release(struct mutex *mutex)
{
    return mutex_release_slow(mutex);
}

#else

/* The uncontended lock: one compare-and-swap each way. */
static inline int
mutex_acquire(struct mutex *mutex, int timeout_ms)
{
    uint64_t me = own_peek(&self.me);
    uint64_t free_word = 0;

    if (LIKELY(me != 0 && shm_cas(&mutex->words->word, &free_word, me)))
        return 0;
    return mutex_acquire_slow(mutex, timeout_ms);
}

static inline int
mutex_release(struct mutex *mutex)
{
    uint64_t me = own_peek(&self.me);

    if (LIKELY(me != 0 && shm_cas(&mutex->words->word, &me, 0)))
        return 0;
    return mutex_release_slow(mutex);
}

#endif

#endif /* SYSVMP_MUTEX_H */
