/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * segment.h: the shared memory of an arena, as it begins.
 */
#ifndef SYSVMP_SEGMENT_H
#define SYSVMP_SEGMENT_H

#include "arena.h"

/* Makes the segment of arena->key, attaches it, and lays out its tables, which
 * are empty.  0; -EEXIST: the key is taken; or a creation code. */
int segment_create(struct arena *arena);

#endif /* SYSVMP_SEGMENT_H */
