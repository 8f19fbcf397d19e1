/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * leave.h: gives up everything that this process holds.
 */
#ifndef SYSVMP_LEAVE_H
#define SYSVMP_LEAVE_H

/* This process is about to end. */
void leave_at_end(void);

#endif /* SYSVMP_LEAVE_H */
