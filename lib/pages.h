/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pages.h: the memory behind a part of the segment.  It costs nothing until
 * it is touched, and can be given back.
 */
#ifndef SYSVMP_PAGES_H
#define SYSVMP_PAGES_H

#include <stdbool.h>
#include <stddef.h>

/* Gets memory for all of it: -ENOMEM where there is none, which a touch would
 * answer with SIGBUS.  Where the kernel can't (before 5.14), or a filter of
 * system calls forbids it: 0, and the touch does it. */
int pages_fill(void *address, size_t length);
/* Gives it back; what was there reads as zero.  false: it did not. */
bool pages_drop(void *address, size_t length);

#endif /* SYSVMP_PAGES_H */
