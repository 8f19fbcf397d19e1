/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shortage.h: says which limit of the system an -ENOSPC is about.
 */
#ifndef SYSVMP_SHORTAGE_H
#define SYSVMP_SHORTAGE_H

/* Each returns the code that it is given; for -ENOSPC with a text. */
int shortage_semaphores(int error);
int shortage_queues(int error);
int shortage_segments(int error);
/* Of -EMFILE or -ENFILE: -ENOSPC. */
int shortage_descriptors(int error);

#endif /* SYSVMP_SHORTAGE_H */
