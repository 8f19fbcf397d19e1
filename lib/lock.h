/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lock.h: what a condition asks of the lock that it was given, beside the
 * public calls.
 */
#ifndef SYSVMP_LOCK_H
#define SYSVMP_LOCK_H

#include "internal.h"

/* Can a condition be made with it?  0, -EINVAL, or -EBADF. */
int lock_usable(const struct sysvmp_lock *lock);
int rlock_usable(const struct sysvmp_rlock *lock);
/* Has the caller got it? */
bool lock_mine(const struct sysvmp_lock *lock);
bool rlock_mine(const struct sysvmp_rlock *lock);
/*
 * The caller, who has it, lets go of it, however often it was taken; and takes
 * it again as it was.  That can't be interrupted: 0, SYSVMP_OWNER_DEAD, or a
 * code, as the lock is gone.
 */
int lock_let_go(struct sysvmp_lock *lock);
int rlock_let_go(struct sysvmp_rlock *lock, unsigned *depth);
int lock_take_again(struct sysvmp_lock *lock);
int rlock_take_again(struct sysvmp_rlock *lock, unsigned depth);

#endif /* SYSVMP_LOCK_H */
