/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mutex-sem.c: the plain lock: one semop an acquire, one a release.
 *
 * LOCK is 1 when free and taken with SEM_UNDO, so a holder's death frees it.
 * DIRTY goes up in the same step, without undo, and down at release: where
 * LOCK is free but DIRTY is up, the last holder died.  The kernel keeps the
 * order of the waiters.  The word holds the owner, for display and for the
 * check that only the holder releases: an undo can't be handed over.
 *
 * Why nobody sleeps for ever: the sleep is in semtimedop on LOCK itself, and
 * a release as well as a death raises LOCK.
 */
#include "internal.h"

#include "error.h"
#include "mutex.h"
#include "sysv.h"

#ifdef SYSVMP_PLAIN_LOCK

int
mutex_prepare(struct mutex *mutex)
{
    int counter = mutex->handle.holding[0].place.counter;
    struct sembuf unlocked = sem_operation(counter + MUTEX_LOCK, 1, 0);

    mutex->lock = counter + MUTEX_LOCK;
    mutex->dirty = counter + MUTEX_DIRTY;
    shm_store(&mutex->word.words->owner, 0);
    return sysv_semop(mutex->word.semaphores, &unlocked, 1);
}

/* The lock is free, but a holder died with it. */
static int
take_over(struct mutex *mutex)
{
    struct sembuf take[3] = {
        sem_operation(mutex->lock, -1, SEM_UNDO | IPC_NOWAIT),
        sem_operation(mutex->dirty, -1, IPC_NOWAIT),
        sem_operation(mutex->dirty, 1, 0),
    };
    int error = sysv_semop(mutex->word.semaphores, take, 3);

    return error == 0 ? SYSVMP_OWNER_DEAD : error;
}

static int
acquire(struct mutex *mutex, struct deadline *deadline)
{
    struct sembuf take[3] = {
        sem_operation(mutex->lock, -1, SEM_UNDO),
        sem_operation(mutex->dirty, 0, IPC_NOWAIT),
        sem_operation(mutex->dirty, 1, 0),
    };

    for (;;) {
        int result =
            sysv_semwait(mutex->word.semaphores, take, 3, deadline);

        if (result != -EAGAIN)
            return result;
        result = take_over(mutex);
        if (result != -EAGAIN)
            return result;
        if (deadline_left(deadline) == 0)
            return deadline_code(deadline);
    }
}

int
mutex_acquire_by(struct mutex *mutex, struct deadline deadline)
{
    uint64_t me = arena_me(mutex->word.arena);
    int result;

    if (me == 0)
        return arena_gone(mutex->word.arena);
    result = acquire(mutex, &deadline);
    if (result >= 0)
        shm_store(&mutex->word.words->owner, me);
    return result;
}

static int
unlock(struct mutex *mutex, bool clean)
{
    struct sembuf give[2] = {
        sem_operation(mutex->lock, 1, SEM_UNDO),
        sem_operation(mutex->dirty, -1, IPC_NOWAIT),
    };

    return sysv_semop(mutex->word.semaphores, give, clean ? 2 : 1);
}

/* The word is 0 already.  What the kernel refuses is not released, and nobody
 * else has written the word: that needs LOCK. */
static int
let_go(struct mutex *mutex, uint64_t me)
{
    int refusal = unlock(mutex, true);

    if (refusal == 0)
        return 0;
    shm_store(&mutex->word.words->owner, me);
    return refusal == -ERANGE ? -ENOSYS : refusal;
}

int
mutex_release(struct mutex *mutex)
{
    uint64_t me = arena_me(mutex->word.arena);
    uint64_t owner;
    int held;

    if (me == 0)
        return arena_gone(mutex->word.arena);
    owner = shm_load(&mutex->word.words->owner);
    /* Of two threads that release at once, one finds it changed. */
    if (owner == me && shm_cas(&mutex->word.words->owner, &owner, 0))
        return let_go(mutex, me);
    held = sysv_sem_value(mutex->word.semaphores, mutex->lock);
    return held < 0 ? held : held == 0 ? -EPERM : -EOVERFLOW;
}

void
mutex_drop(struct mutex *mutex)
{
    uint64_t owner = self_id();

    if (owner != 0 && shm_cas(&mutex->word.words->owner, &owner, 0))
        (void) unlock(mutex, true);
}

void
mutex_give_up(struct mutex *mutex)
{
    uint64_t owner = self_id();

    /* Refused: the kernel gives it back at our death, with DIRTY up. */
    if (owner != 0 && shm_cas(&mutex->word.words->owner, &owner, 0))
        (void) unlock(mutex, false);
}

#endif /* SYSVMP_PLAIN_LOCK */
