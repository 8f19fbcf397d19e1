/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * block.h: semaphore sets.  Each carries the alive bits of the processes that
 * use it beside the semaphores of the objects cut from it: a death is undone
 * set by set, so a bell can only be trusted with the alive bits of its own.
 *
 * A slot is a counter (of holders, or the like) and a gate.  They are apart
 * because a bell may outlive its object, in a process that has closed its
 * handle but not destroyed it: when the slot is used again, the bell rings at
 * a gate, where a token too many is harmless, and never changes a count.
 */
#ifndef SYSVMP_BLOCK_H
#define SYSVMP_BLOCK_H

#include "arena.h"

enum {
    BLOCK_LOCK = 0,      /* the arena lock, in block 0 */
    BLOCK_ALIVE = 1,     /* 15 members a semaphore, one bit each */
    BLOCK_ALIVE_EACH = 15,
    BLOCK_ALIVE_COUNT = 70,
    BLOCK_COUNTERS = BLOCK_ALIVE + BLOCK_ALIVE_COUNT,
    BLOCK_SLOT_COUNT = 36,
    BLOCK_GATES = BLOCK_COUNTERS + BLOCK_SLOT_COUNT,
    BLOCK_MEMBERS = BLOCK_GATES + BLOCK_SLOT_COUNT, /* how many, in block 0 */
    BLOCK_HEAP, /* the gate of the heap's lock, in block 0 */
    BLOCK_WATCH, /* the lanes of watch.c, in block 0: turns, and sides */
    BLOCK_SIDES = BLOCK_WATCH + WATCH_LANES,
    BLOCK_SEMAPHORES = BLOCK_SIDES + WATCH_LANES
};

/* A gate is drained, a turn or side lowered, at so many: half of what fits. */
#define TURNS 16384

enum { BLOCK_EMPTY, BLOCK_INTENT, BLOCK_LIVE };

/* In the segment; all under the arena lock. */
struct block {
    _Atomic uint32_t state;
    _Atomic int32_t key;
    _Atomic int32_t semaphores; /* the set's id */
    uint32_t reserved;
    _Atomic uint64_t slots; /* a bit for each slot in use */
};

/* Makes block i.  -ENOSPC, -ENOMEM, -EACCES, -ENOSYS. */
int block_create(struct arena *arena, uint32_t i);
/* As sysv_sem_remove(). */
bool block_remove(struct arena *arena, uint32_t i);
int block_semaphores(const struct arena *arena, uint32_t i);
/* The same, for who looks from outside: -EIDRM unless the kernel has that id
 * under the key that is noted. */
int block_checked(const struct arena *arena, uint32_t i);
/* Finds n slots in a row, makes a block where there are none, and takes
 * nothing yet: the caller writes its intent first. */
int block_find(struct arena *arena, int n, uint32_t *i, int *slot);
void block_take(struct arena *arena, uint32_t i, int slot, int n);
void block_free(struct arena *arena, uint32_t i, int slot, int n);
/* Raises this process's alive bit in block i, if it is not up. */
int block_join(struct arena *arena, uint32_t i);
/*
 * 32,767 exits have left as many tokens in a gate: the next bell would not
 * fit.  One token stays, for whoever sleeps.
 */
void block_drain(int semaphores, int semaphore);
/* The same for the side of a broadcast, whose value is compared. */
int block_lower(int semaphores, int side);
/* Lowers it, for a process that leaves or could not come in. */
void block_leave(struct arena *arena, uint32_t i);
/* How many there are. */
uint32_t block_count(const struct arena *arena);
/* Is that seat's alive bit up in any block but the first? */
bool block_seat_used(const struct arena *arena, uint32_t seat);
bool block_joined(uint32_t i);

static inline int
alive_semaphore(uint32_t seat)
{
    return BLOCK_ALIVE + (int) (seat / BLOCK_ALIVE_EACH);
}

static inline int
alive_bit(uint32_t seat)
{
    return 1 << (seat % BLOCK_ALIVE_EACH);
}

#endif /* SYSVMP_BLOCK_H */
