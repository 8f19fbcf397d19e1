/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * leave.h: gives up everything that this process holds.
 */
#ifndef SYSVMP_LEAVE_H
#define SYSVMP_LEAVE_H

/* detach: no thread of ours is in a call, so the segment can go, too. */
int leave(bool detach);

#endif /* SYSVMP_LEAVE_H */
