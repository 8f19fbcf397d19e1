/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lock.c: Lock, as a thin cover over the mutex.
 */
#include "internal.h"

#include <stdlib.h>

#include "error.h"
#include "lock.h"

#define LOCK_MAGIC 0x4c4f434bu

struct sysvmp_lock {
    struct mutex mutex;
};

static bool
valid(const struct sysvmp_lock *lock)
{
    return lock != NULL && handle_valid(&lock->mutex.handle, LOCK_MAGIC);
}

int
sysvmp_lock_create(struct sysvmp_lock **out)
{
    GUARDED;
    struct sysvmp_lock *lock;
    int error;

    error_begin();
    if (out == NULL)
        return error_return(-EINVAL);
    *out = NULL;
    lock = calloc(1, sizeof(*lock));
    if (lock == NULL)
        return error_return(-ENOMEM);
    error = mutex_create(&lock->mutex, OBJECT_LOCK, LOCK_MAGIC);
    if (error < 0) {
        free(lock);
        return error_return(error);
    }
    *out = lock;
    return 0;
}

int
sysvmp_lock_acquire(struct sysvmp_lock *lock, int timeout_ms)
{
    if (UNLIKELY(!valid(lock) || timeout_ms < SYSVMP_FOREVER))
        return error_return(-EINVAL);
    return error_return(mutex_acquire(&lock->mutex, timeout_ms));
}

int
sysvmp_lock_release(struct sysvmp_lock *lock)
{
    if (UNLIKELY(!valid(lock)))
        return error_return(-EINVAL);
    return error_return(mutex_release(&lock->mutex));
}

int
lock_usable(const struct sysvmp_lock *lock)
{
    if (!valid(lock))
        return -EINVAL;
    return arena_me(lock->mutex.handle.arena) != 0
        ? 0 : arena_gone(lock->mutex.handle.arena);
}

const struct mutex *
lock_mutex(const struct sysvmp_lock *lock)
{
    return &lock->mutex;
}

int
lock_let_go(struct sysvmp_lock *lock)
{
    return mutex_release(&lock->mutex);
}

void
lock_drop(struct sysvmp_lock *lock)
{
    mutex_drop(&lock->mutex);
}

int
lock_take(struct sysvmp_lock *lock, struct deadline deadline)
{
    return mutex_acquire_by(&lock->mutex, deadline);
}

int
sysvmp_lock_locked(const struct sysvmp_lock *lock)
{
    pid_t owner = sysvmp_lock_owner(lock);

    return owner > 0 ? 1 : (int) owner;
}

pid_t
sysvmp_lock_owner(const struct sysvmp_lock *lock)
{
    if (!valid(lock))
        return error_return(-EINVAL);
    return error_return(mutex_holder(&lock->mutex));
}

void
sysvmp_lock_destroy(struct sysvmp_lock *lock)
{
    GUARDED;

    if (!valid(lock))
        return;
    mutex_destroy(&lock->mutex);
    free(lock);
}
