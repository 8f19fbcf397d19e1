/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * barrier.h: a memory barrier on all processes that have asked for it.
 */
#ifndef SYSVMP_BARRIER_H
#define SYSVMP_BARRIER_H

#include <stdbool.h>

/* This process, and those that it forks from now on, take part.  false: the
 * kernel can't (before Linux 4.16), or a sandbox forbids it. */
bool barrier_join(void);
/* Every process that takes part has passed a full barrier meanwhile.  false:
 * it is forbidden now. */
bool barrier_all(void);

#endif /* SYSVMP_BARRIER_H */
