/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * watch.h: to be told of a change to any of several objects, wherever their
 * semaphores are.
 *
 * Who watches has a lane, one of a few broadcasts in the home block, and
 * leaves its mark at each object; who changes an object takes the marks that
 * are there, and wakes their lanes.  Without a mark that is one load.
 */
#ifndef SYSVMP_WATCH_H
#define SYSVMP_WATCH_H

#include "broadcast.h"
#include "handle.h"

/*
 * The marks of an object: a bit for each lane, which whoever watches sets and
 * whoever changes the object clears; a bit for each lane that is being fired;
 * and the number of times that the object was fired.  watch.c has the rules.
 */
enum {
    WATCH_FIRING = 1 << WATCH_LANES, /* the first bit of that */
    WATCH_MARKS = WATCH_FIRING - 1,
    WATCH_ONCE = 1 << 2 * WATCH_LANES
};

/* An object that can be watched: its entry and, in it, the marks. */
struct watched {
    struct arena *arena;
    _Atomic uint32_t *marks; /* NULL: no object */
    uint32_t index;
};

int watch_post(const struct arena *arena, _Atomic uint32_t *marks,
    uint32_t index);

static inline bool
watch_marked(_Atomic uint32_t *marks)
{
    return UNLIKELY((shm_load(marks) & WATCH_MARKS) != 0);
}

/* To be called after a change, and a full fence.  One load when nobody
 * watches.  0, or a code where the kernel refused: then not all were woken.
 * Async-signal-safe. */
static inline int
watch_fire(const struct arena *arena, _Atomic uint32_t *marks, uint32_t index)
{
    return watch_marked(marks) && !arena->left
        ? watch_post(arena, marks, index)
        : 0;
}

/* To be called before such a change, as gate_may().  Async-signal-safe. */
int watch_ask(const struct arena *arena, _Atomic uint32_t *marks);

static inline int
watch_may(const struct arena *arena, _Atomic uint32_t *marks)
{
    return watch_marked(marks) && !arena->left
        ? watch_ask(arena, marks)
        : 0;
}

/* One who watches, for a while. */
struct watch {
    const struct arena *arena;
    uint32_t mark;
    struct watch_words *words;
    struct broadcast lane;
    struct broadcast_seen seen; /* before the last look, as was: */
    uint32_t fired;
    bool any; /* there was a look */
};

void watch_begin(struct watch *watch, const struct arena *arena);
void watch_end(const struct watch *watch);

/* What a look is about. */
enum { WATCH_ALL, WATCH_FIRED };

/*
 * To be called before each look.  WATCH_FIRED: only those between *from and
 * watch->fired, for watch_fired(), can have changed since the last one;
 * WATCH_ALL: any; or a code.
 */
int watch_see(struct watch *watch, uint32_t *from);
/* The entry of the object that was the n-th to be fired; -1: that is not known
 * (yet, or any more), so it may be any. */
int64_t watch_fired(const struct watch *watch, uint32_t n);
void watch_set_mark(_Atomic uint32_t *marks, uint32_t mark);

/* Leaves the mark; then comes the look at that object.  One load where it is
 * there, and nobody is firing it. */
static inline void
watch_mark(const struct watch *watch, const struct watched *watched)
{
    uint32_t both = watch->mark | watch->mark * WATCH_FIRING;

    if ((shm_load(watched->marks) & both) != watch->mark)
        watch_set_mark(watched->marks, watch->mark);
}

/*
 * To be asked before a look at who holds what: a number that stays the same
 * until somebody dies or gives up an end.  0: somebody is dying whose share
 * the kernel may not have undone yet; look again soon, no bell rings then.
 */
uint64_t watch_now(struct arena *arena);

/* For leave.c: rings our bells there, when all else is given up. */
void watch_leave(const struct arena *arena);

#endif /* SYSVMP_WATCH_H */
