/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rlock.c: RLock: a mutex whose holder, one thread of one process, may take
 * it again.
 *
 * Which process holds it is in shared memory; which of its threads, and how
 * often, in the handle.  After a fork the child's copy says what was true of
 * its parent; the holder that is noted with it tells that apart.
 */
#include "internal.h"

#include <stdlib.h>

#include "error.h"
#include "lock.h"

#define RLOCK_MAGIC 0x524c434bu

struct sysvmp_rlock {
    struct mutex mutex;
    _Atomic uint64_t thread; /* of this process, that holds it; 0: none */
    _Atomic uint64_t holder; /* the process that wrote this: a child inherits
                              * what was true of its parent */
    unsigned depth;          /* by that thread */
};

static bool
valid(const struct sysvmp_rlock *lock)
{
    return lock != NULL && handle_valid(&lock->mutex.handle, RLOCK_MAGIC);
}

static bool
held_by_this_thread(const struct sysvmp_rlock *lock)
{
    return mutex_mine(&lock->mutex) &&
        own_load(&lock->holder) == self_id() &&
        own_load(&lock->thread) == self_thread();
}

int
rlock_take(struct sysvmp_rlock *lock, struct deadline deadline, unsigned depth)
{
    int result = mutex_acquire_by(&lock->mutex, deadline);

    if (result >= 0) {
        lock->depth = depth;
        own_store(&lock->thread, self_thread());
        own_store(&lock->holder, self_id());
    }
    return result;
}

/*
 * The last level of it.  A code of the kernel's: it may not be released, and is
 * ours as before.  (-EOVERFLOW: another process has released it for us, so the
 * mutex may be another thread's by now.)
 */
static int
free_mutex(struct sysvmp_rlock *lock)
{
    int result;

    /* Before the mutex is free: after, it may be another thread's. */
    own_store(&lock->thread, 0);
    result = mutex_release(&lock->mutex);
    if (result < 0 && result != -EOVERFLOW && mutex_mine(&lock->mutex))
        own_store(&lock->thread, self_thread());
    return result;
}

int
sysvmp_rlock_create(struct sysvmp_rlock **out)
{
    GUARDED;
    struct sysvmp_rlock *lock;
    int error;

    error_begin();
    if (out == NULL)
        return error_return(-EINVAL);
    *out = NULL;
    lock = calloc(1, sizeof(*lock));
    if (lock == NULL)
        return error_return(-ENOMEM);
    error = mutex_create(&lock->mutex, OBJECT_RLOCK, RLOCK_MAGIC);
    if (error < 0) {
        free(lock);
        return error_return(error);
    }
    *out = lock;
    return 0;
}

int
sysvmp_rlock_acquire(struct sysvmp_rlock *lock, int timeout_ms)
{
    if (UNLIKELY(!valid(lock) || timeout_ms < SYSVMP_FOREVER))
        return error_return(-EINVAL);
    if (held_by_this_thread(lock)) {
        if (lock->depth == UINT32_MAX)
            return error_return(-EOVERFLOW);
        lock->depth++;
        return 0;
    }
    return error_return(rlock_take(lock, DEADLINE(timeout_ms), 1));
}

int
sysvmp_rlock_release(struct sysvmp_rlock *lock)
{
    if (UNLIKELY(!valid(lock)))
        return error_return(-EINVAL);
    if (arena_me(lock->mutex.handle.arena) == 0)
        return error_return(arena_gone(lock->mutex.handle.arena));
    if (!held_by_this_thread(lock))
        return error_return(
            mutex_owner(&lock->mutex) == 0 ? -EOVERFLOW : -EPERM);
    if (lock->depth > 1) {
        lock->depth--;
        return 0;
    }
    return error_return(free_mutex(lock));
}

int
rlock_usable(const struct sysvmp_rlock *lock)
{
    if (!valid(lock))
        return -EINVAL;
    return arena_me(lock->mutex.handle.arena) != 0
        ? 0 : arena_gone(lock->mutex.handle.arena);
}

const struct mutex *
rlock_mutex(const struct sysvmp_rlock *lock)
{
    return &lock->mutex;
}

bool
rlock_mine(const struct sysvmp_rlock *lock)
{
    return held_by_this_thread(lock);
}

int
rlock_let_go(struct sysvmp_rlock *lock, unsigned *depth)
{
    *depth = lock->depth;
    return free_mutex(lock);
}

void
rlock_drop(struct sysvmp_rlock *lock)
{
    own_store(&lock->thread, 0);
    mutex_drop(&lock->mutex);
}

int
sysvmp_rlock_locked(const struct sysvmp_rlock *lock)
{
    pid_t owner = sysvmp_rlock_owner(lock);

    return owner > 0 ? 1 : (int) owner;
}

pid_t
sysvmp_rlock_owner(const struct sysvmp_rlock *lock)
{
    if (!valid(lock))
        return error_return(-EINVAL);
    return error_return(mutex_holder(&lock->mutex));
}

void
sysvmp_rlock_destroy(struct sysvmp_rlock *lock)
{
    GUARDED;

    if (!valid(lock))
        return;
    mutex_destroy(&lock->mutex);
    free(lock);
}
