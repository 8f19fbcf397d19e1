/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * member.h: the seats of the processes of an arena, and who of them is dead.
 */
#ifndef SYSVMP_MEMBER_H
#define SYSVMP_MEMBER_H

#include <sys/sem.h>

#include "arena.h"
#include "block.h"

#define MEMBERS_MAX (BLOCK_ALIVE_COUNT * BLOCK_ALIVE_EACH)

enum { MEMBER_FREE, MEMBER_USED, MEMBER_LEAVING, MEMBER_RESERVED };

/* A seat, in the segment. */
struct member {
    /* Raised under the arena lock while its last holder is dead and nobody
     * has claimed it; never after a claim. */
    _Atomic uint64_t generation;
    /* Under the arena lock.  LEAVING: of one that ends; it is no member any
     * more to who asks whether it is the last, but the seat is taken until
     * the kernel lowers its bit: its threads may still be inside calls.
     * RESERVED: for a child that the keeper is about to fork, or has forked;
     * no bit is up.  The child takes it from there.  The keeper alone may set
     * it free without the lock, when the child is dead. */
    _Atomic uint32_t state;
    _Atomic int32_t pid;     /* for display: death is judged by the bit */
    _Atomic int64_t entered; /* seconds since 1970, for display */
    /* The last generation that was dead when the heap was swept. */
    _Atomic uint64_t swept;
    /* The owner id of who has reserved it; it means nothing in other states.
     * Under the arena lock. */
    _Atomic uint64_t keeper;
    uint64_t reserved[3];
};

/* A seat that was reserved. */
struct reservation {
    uint64_t keeper; /* 0: none is */
    uint64_t generation;
    uint32_t seat;
    int value; /* of the semaphore of its alive bit, a moment before */
};

/*
 * An owner id: generation, seat and four bits that a lock word has for
 * itself.  Never 0: generations begin with 1.
 */
#define OWNER_FLAGS      UINT64_C(0xf)
#define OWNER_SEAT_SHIFT 4
#define OWNER_GENERATION_SHIFT 16

static inline uint64_t
owner_id(uint32_t seat, uint64_t generation)
{
    return generation << OWNER_GENERATION_SHIFT |
        (uint64_t) seat << OWNER_SEAT_SHIFT;
}

static inline uint32_t
owner_seat(uint64_t owner)
{
    return (uint32_t) (owner >> OWNER_SEAT_SHIFT) & 0xfff;
}

struct member *member_at(const struct arena *arena, uint32_t seat);
/* Claims a seat for this process and sets `me`: the one that was reserved for
 * it, if that is not NULL.  -ENOSPC: all are taken. */
int member_enter(struct arena *arena, int64_t now,
    const struct reservation *reserved);
/* Reserves a seat for a child that is to be forked.  Codes as above. */
int member_reserve(struct arena *arena, struct reservation *reserved);
/* The child is dead, or was not forked: gives back what it has not claimed. */
void member_unreserve(const struct arena *arena,
    struct reservation *reserved);
/* Gives up our seat: what handles hold is given up after that. */
void member_withdraw(struct arena *arena);

/* Was it claimed, by who may be dead by now? */
static inline bool
member_held(const struct member *member)
{
    uint32_t state = shm_load(&member->state);

    return state != MEMBER_FREE && state != MEMBER_RESERVED;
}

/* Raises a seat's alive bit and does n `more` in the same step; -EBUSY: it is
 * still up.  value: of its semaphore, if it was read already, else -1. */
#define MEMBER_RAISE_MORE (4 + 2 * WATCH_LANES)
int member_raise(int semaphores, uint32_t seat, int value,
    const struct sembuf *more, size_t n);
/* Makes room for bells in the home block. */
void member_drain(const struct arena *arena);
/* 1: the owner is dead; 0: alive; -EIDRM.  Judged in the lock's own block. */
int member_dead(const struct arena *arena, int semaphores, uint64_t owner);
/* Is somebody else alive in the home block, and not leaving?  1, 0, or a
 * code. */
int member_others(const struct arena *arena);

#endif /* SYSVMP_MEMBER_H */
