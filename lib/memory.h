/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * memory.h: blocks of the heap for messages, and what the dead have left of
 * them.
 */
#ifndef SYSVMP_MEMORY_H
#define SYSVMP_MEMORY_H

#include "arena.h"

/* All of it is written to at once: get its memory first, so that there is a
 * code where there is none.  And who takes messages out may use a reserve, so
 * that a heap that is full can be emptied. */
#define MEMORY_FILL    1u
#define MEMORY_RESERVE 2u
/* As MEMORY_FILL, and all zero. */
#define MEMORY_ZERO    4u

/*
 * Takes a block for so many bytes, owned by this process; what the dead have
 * left is used before the heap grows.  -ENOMEM, with its detail: there is no
 * room, and none is on its way.  Or a waiting code: a lock could not be had,
 * or memory was on its way back, until the deadline, but for 100 ms at least.
 * Or why this process can't look for what the dead have left: -EIDRM, -EACCES.
 */
int memory_take(struct arena *arena, uint64_t bytes, unsigned how,
    struct deadline *deadline, uint32_t *unit);
/* For a call that has no deadline of its own: the longest that it waits, and
 * its answer then, -EAGAIN with its detail.  Other codes stay as they are. */
#define MEMORY_PATIENCE \
    ((struct deadline){ .timeout_ms = 1000, .deaf = true })
int memory_busy(int error);
/* Frees the blocks of dead owners and of objects that are gone, if that can be
 * done soon: it is no matter where it can't, as it is tried again before a
 * lack of memory is told. */
void memory_sweep(struct arena *arena);
/* ... if a hint says that there are some; after objects were destroyed. */
void memory_settle(struct arena *arena);

#endif /* SYSVMP_MEMORY_H */
