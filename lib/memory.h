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
 * left is used before the heap grows.  -ENOMEM, with its detail; or a waiting
 * code: its lock could not be had.
 */
int memory_take(struct arena *arena, uint64_t bytes, unsigned how,
    struct deadline *deadline, uint32_t *unit);
/* Frees the blocks of dead owners and of objects that are gone.  false: there
 * may be more soon, as not all could be looked at, or another process is
 * giving memory back to the system. */
bool memory_sweep(struct arena *arena);
/* ... if a hint says that there are some; after objects were destroyed. */
void memory_settle(struct arena *arena);

#endif /* SYSVMP_MEMORY_H */
