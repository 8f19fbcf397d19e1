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

#define KEPT_LINES 4
#define KEPT_TEXT  248

/* A line for the log that could not be told where it arose: hooks.c. */
struct kept_line {
    _Atomic uint32_t state;
    int level;
    char text[KEPT_TEXT];
};

/*
 * A mutex of this process.  A signal handler may call exit() while its thread
 * has it: what that thread was doing never goes on then, so it may have the
 * mutex again.  All zero is one that is not locked.
 */
struct own_mutex {
    pthread_mutex_t mutex;
    _Atomic uint64_t thread; /* self_thread() of who has it, or 0 */
    unsigned depth;          /* so often */
};

void own_mutex_lock(struct own_mutex *own);
void own_mutex_unlock(struct own_mutex *own);
/* At the end of the process, where the signal may have come within lock()
 * itself: false, where it can't be had for a second, and there are other
 * threads. */
bool own_mutex_lock_at_end(struct own_mutex *own);

/*
 * What a fork must not inherit; in a page that the kernel wipes for the child.
 * Written by this process alone.  A process is in one arena at a time, so
 * there is one, at a fixed address: a lock that is free costs one load more
 * than its compare-and-swap.
 */
struct self {
    /* Our owner id; 0: no member (yet, or any more).  It is what a call asks
     * when it begins. */
    _Alignas(SELF_PAGE) _Atomic uint64_t me;
    /* The same, but it stays when the process leaves at its end.  Other
     * threads may be inside calls then, and what they write down as theirs
     * must be of a process whose death is seen: self_id(). */
    _Atomic uint64_t id;
    uint32_t seat;
    uint8_t joined[BLOCKS_MAX / 8]; /* a bit for each block */

    /* Not of the arena. */
    struct own_mutex registry_mutex;        /* handle.c */
    struct own_mutex children_mutex;        /* join.c */
    struct sysvmp_process *children;        /* that run */
    struct sysvmp_process *ended_children;  /* not destroyed yet */
    struct sysvmp_process *current_process; /* child.c */
    _Atomic uint32_t children_made;         /* process.c */
    _Atomic uint64_t process; /* self_process(); 0: nobody has asked yet */
    bool parent_hidden;       /* child.c: it is in a pid namespace that we
                               * can't see into */
    _Atomic uint32_t inside; /* threads that hold locks of our own: word.c */
    _Atomic bool leaving;    /* none shall take one any more */
    bool undone;             /* at our end: dead to the others (leave.c) */
    _Atomic int keeps_arena; /* the arena lock, after its unlock: the set that
                              * it is in, plus one (arena.c) */
    struct kept_line kept[KEPT_LINES]; /* hooks.c */
};

extern struct self self;

/*
 * A number for this process that none of its ancestors has, so that what was
 * copied by a fork tells who made it.  Pids don't: each pid namespace has its
 * own 1.
 */
uint64_t self_process(void);

/*
 * Our owner id, for a call that has seen `me` and goes on: it does not become
 * 0 when another thread ends the process.
 */
static inline uint64_t
self_id(void)
{
    return own_peek(&self.id);
}

/* A number for this thread that no other of this process ever has. */
uint64_t self_thread(void);

/* Is no other thread of ours left?  false, if that can't be told. */
bool self_alone(void);

#endif /* SYSVMP_SELF_H */
