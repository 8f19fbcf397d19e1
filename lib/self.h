/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * self.h: what this process is in its arena.
 */
#ifndef SYSVMP_SELF_H
#define SYSVMP_SELF_H

#include "internal.h"
#include "shared.h"

#define SELF_PAGE  4096
#define BLOCKS_MAX 4096

/*
 * What a fork must not inherit; in a page that the kernel wipes for the child.
 * Written by this process alone.  A process is in one arena at a time, so
 * there is one, at a fixed address: a lock that is free costs one load more
 * than its compare-and-swap.
 */
struct self {
    /* Our owner id; 0: no member (yet, or any more). */
    _Alignas(SELF_PAGE) _Atomic uint64_t me;
    uint32_t seat;
    uint8_t joined[BLOCKS_MAX / 8]; /* a bit for each block */

    /* Not of the arena.  All zero is a mutex that is not locked. */
    pthread_mutex_t registry_mutex;         /* handle.c */
    pthread_mutex_t children_mutex;         /* join.c */
    struct sysvmp_process *children;        /* that run */
    struct sysvmp_process *ended_children;  /* not destroyed yet */
    struct sysvmp_process *current_process; /* child.c */
    _Atomic uint32_t children_made;         /* process.c */
    _Atomic uint64_t process; /* self_process(); 0: nobody has asked yet */
    bool parent_hidden;       /* child.c: it is in a pid namespace that we
                               * can't see into */
    _Atomic uint32_t inside; /* threads that hold locks of our own: word.c */
    _Atomic bool leaving;    /* none shall take one any more */
};

extern struct self self;

/*
 * A number for this process that none of its ancestors has, so that what was
 * copied by a fork tells who made it.  Pids don't: each pid namespace has its
 * own 1.
 */
uint64_t self_process(void);

/* A number for this thread that no other of this process ever has. */
uint64_t self_thread(void);

#endif /* SYSVMP_SELF_H */
