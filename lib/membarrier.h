/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * membarrier.h: a memory barrier on all processes that have asked for it.
 */
#ifndef SYSVMP_MEMBARRIER_H
#define SYSVMP_MEMBARRIER_H

#include <stdbool.h>

/* This process, and those that it forks from now on, take part.  false: the
 * kernel can't (before Linux 4.16), or a sandbox forbids it. */
bool membarrier_join(void);
/* Every process that takes part has passed a full barrier meanwhile.  false:
 * it is forbidden now. */
bool membarrier_all(void);

#endif /* SYSVMP_MEMBARRIER_H */
