/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * waiters.h: the table of those who wait at a condition or a barrier: whose
 * each wait is, so that one of a dead process can be told from the others.
 *
 * A wait claims an entry, and writes its word; the noun says what that means,
 * and who else may change it.  waiters.c has the rules for the dead.
 */
#ifndef SYSVMP_WAITERS_H
#define SYSVMP_WAITERS_H

#include "block.h"
#include "deadline.h"
#include "object.h"

/* This process's view of one. */
struct waiters {
    struct arena *arena;
    struct waiters_words *words;
    int semaphores;  /* where the alive bits are that count */
    uint64_t listed; /* the owner of its blocks: heap_listed() */
    struct waiter *_Atomic last; /* our last entry: to be tried first */
    /* Deals with the entry of one who is dead, so that it gets free: the
     * noun's.  0, or a code. */
    int (*bury)(struct waiters *waiters, struct waiter *waiter,
        uint64_t owner);
};

/* Of a new object. */
void waiters_open(struct waiters *waiters, struct arena *arena,
    const struct place *place);

/* An entry for this process, with the word 0.  -ENOSPC, -ENOMEM, or a waiting
 * code: the heap's lock could not be had. */
int waiters_claim(struct waiters *waiters, struct deadline *deadline,
    struct waiter **waiter);
/* Gives our entry back. */
void waiter_free(struct waiter *waiter);
/* Makes that of one who is dead ours: false, if somebody else has. */
/* An owner that is dead for everybody who looks: for an entry that we can't
 * deal with, while we live on. */
#define WAITER_ORPHAN UINT64_MAX

bool waiter_inherit(struct waiter *waiter, uint64_t owner);

/* All entries that were ever used, one after the other; then NULL. */
struct waiters_walk {
    const struct waiters *waiters;
    uint32_t left;
    int block;
    struct waiter *next, *end;
};

void waiters_walk(const struct waiters *waiters, struct waiters_walk *walk);
struct waiter *waiters_next(struct waiters_walk *walk);

/* Who is dead: asked of the kernel once for all that are alive. */
struct roll {
    bool called;
    unsigned short alive[BLOCK_SEMAPHORES];
};

/* Is the owner, which was read after the entry's word?  1, 0, or a code. */
int waiters_dead(const struct waiters *waiters, struct roll *roll,
    uint64_t owner);

/* For the sweep: is that block one of theirs? */
bool waiters_have(const struct waiters_words *words, uint32_t unit);

#endif /* SYSVMP_WAITERS_H */
