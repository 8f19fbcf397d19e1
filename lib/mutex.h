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
    int gate;   /* mutex-word.c: where to sleep */
    bool swift; /* mutex-word.c: a release need be no more than a store.  The
                 * same wherever the handle is: see barrier.c */
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
/* For mutex_create and mutex_destroy: before the object is made, and while it
 * is, under the arena lock. */
extern const struct object_wish mutex_wish;
void mutex_begin(struct mutex *mutex);
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

/* What else there is to do where flags are up: mutex-word.c. */
int mutex_taken(struct mutex *mutex);
void mutex_hand_on(struct mutex *mutex);

/* The uncontended lock: a compare-and-swap one way, a store the other. */
static inline int
mutex_acquire(struct mutex *mutex, int timeout_ms)
{
    struct lock_words *words = mutex->words;
    uint64_t me = own_peek(&self.me);
    uint64_t nobody = 0;

    if (UNLIKELY(me == 0 || shm_peek(&words->flags) != 0 ||
            !shm_cas(&words->owner, &nobody, me)))
        return mutex_acquire_slow(mutex, timeout_ms);
    return LIKELY(shm_load(&words->flags) == 0) ? 0 : mutex_taken(mutex);
}

static inline int
mutex_release(struct mutex *mutex)
{
    struct lock_words *words = mutex->words;
    uint64_t me = own_peek(&self.me);

    if (UNLIKELY(!mutex->swift || me == 0 || shm_peek(&words->owner) != me ||
            shm_peek(&words->flags) != 0))
        return mutex_release_slow(mutex);
    shm_swift_store(&words->owner, 0);
    if (UNLIKELY(shm_peek(&words->flags) != 0))
        mutex_hand_on(mutex);
    return 0;
}

#endif

#endif /* SYSVMP_MUTEX_H */
