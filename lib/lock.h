/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lock.h: what a condition asks of the lock that it was given, beside the
 * public calls.
 */
#ifndef SYSVMP_LOCK_H
#define SYSVMP_LOCK_H

#include "mutex.h"

/* Can a condition be made with it?  0, -EINVAL, or -EBADF. */
int lock_usable(const struct sysvmp_lock *lock);
int rlock_usable(const struct sysvmp_rlock *lock);
/* What it is built on. */
const struct mutex *lock_mutex(const struct sysvmp_lock *lock);
const struct mutex *rlock_mutex(const struct sysvmp_rlock *lock);
/* Has the caller got it? */
bool rlock_mine(const struct sysvmp_rlock *lock);
/* The caller, who has it, lets go of it, however often it was taken; and takes
 * it again as it was. */
int lock_let_go(struct sysvmp_lock *lock);
int rlock_let_go(struct sysvmp_rlock *lock, unsigned *depth);
int lock_take(struct sysvmp_lock *lock, struct deadline deadline);
int rlock_take(struct sysvmp_rlock *lock, struct deadline deadline,
    unsigned depth);
/* Lets go of it even if nothing is left of it in the kernel. */
void lock_drop(struct sysvmp_lock *lock);
void rlock_drop(struct sysvmp_rlock *lock);

#endif /* SYSVMP_LOCK_H */
