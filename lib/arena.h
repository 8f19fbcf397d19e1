/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * arena.h: the shared memory of one program: the creator of its first object
 * and all processes forked from there on.
 *
 * One sparse segment holds the tables (members, blocks, objects, process
 * records) and, later, the heap.  It is attached once and inherited by fork,
 * so it lies at one address in all members; inside it there are offsets only.
 */
#ifndef SYSVMP_ARENA_H
#define SYSVMP_ARENA_H

#include <sys/types.h>

#include "self.h"
#include "shared.h"
#include "sysv.h"
#include "word.h"

#define ARENA_MAGIC   UINT64_C(0x706d767379730a01)
#define ARENA_VERSION 2u

/* A table in the segment.  Written before the arena has a second member. */
struct arena_table {
    uint64_t offset;
    uint32_t count;
    uint32_t entry_size;
};

/* An exit code: record.c. */
struct record {
    _Atomic uint64_t owner; /* the parent's owner id; 0: free */
    /* Tag of this use in the high half, then whether the code is noted, then
     * the code: one word, so a child of a former use can't write here. */
    _Atomic uint64_t note;
    /* Owner id of the child, once it is a member; by the child. */
    _Atomic uint64_t child;
};

#define RECORDS_FIRST 32

#define HEAP_BINS    32
#define SLAB_CLASSES 12

/* The heap's; under its lock. */
struct heap_words {
    _Alignas(64) struct lock_words lock;
    _Atomic uint32_t high;    /* units from here on were never used */
    _Atomic uint32_t warm;    /* free units that may have memory */
    _Atomic uint32_t unswept; /* a hint: somebody has left a run */
    /* Goes up when somebody finds no room who would have some if nobody gave
     * memory back to the system just then.  Under the lock. */
    _Atomic uint32_t wanted;
    /* How much of that is kept: heap.c. */
    _Atomic uint32_t keep, cooled, idle, gives;
    _Atomic uint32_t used; /* units */
    _Atomic uint32_t slabs_stale; /* the lists are to be made anew; by anybody,
                                   * cleared under the lock */
    _Atomic uint32_t bins[HEAP_BINS]; /* first free run, plus one, of 2^i
                                       * units to 2^(i+1) - 1 */
    _Atomic uint32_t slabs[SLAB_CLASSES]; /* first with room, plus one */
};

#define WATCH_LANES 4
#define WATCH_RING  64

/* Of a lane: watch.c. */
struct watch_words {
    _Alignas(64) _Atomic uint32_t sleepers;
    _Atomic uint32_t fired; /* so many objects, by those who change them */
    /* The last of them: that number in the high half, and then the entry's,
     * plus one. */
    _Atomic uint64_t ring[WATCH_RING];
};

/* The first bytes of the segment. */
struct arena_head {
    _Atomic uint64_t magic; /* by the creator, when all is complete */
    uint32_t version;       /* these before that, once */
    int32_t creator;
    int64_t created; /* seconds since 1970, for display */
    uint64_t size;
    int32_t janitor; /* its pid, or 0: there is none */
    _Atomic int32_t cradle_id; /* -1: not yet; looked for by its key then */
    _Atomic int32_t cradle_key;
    struct arena_table members;
    struct arena_table blocks;
    struct arena_table objects;
    struct arena_table records;
    struct arena_table units; /* heap.h; of the pages that begin there: */
    uint64_t heap;            /* offset, up to the end */

    /* By each child that has registered what it holds: see cradle.c. */
    _Alignas(64) _Atomic uint32_t registrations;
    _Atomic uint32_t seats; /* so many were ever taken; under the arena lock */
    _Atomic uint32_t blocks_high; /* none from there on was ever begun: so who
                                   * has one alone need not see the table */
    /* The journal of one: entry + 1 of the object being made or removed.
     * Under the arena lock. */
    _Alignas(64) _Atomic uint32_t pending;
    /* Somebody left an object that no process refers to.  A hint. */
    _Atomic uint32_t garbage;
    /* Under the arena lock: no entry from here on was ever used. */
    _Atomic uint32_t objects_high;
    _Atomic uint32_t objects_holes; /* some below that may be free: a hint */
    _Atomic uint32_t objects_next; /* where to look for a free entry: a hint */
    /* By who gives an end of a channel up while it lives. */
    _Atomic uint32_t drops;
    /* By whoever makes a process record; no two tags are alike for long. */
    _Atomic uint32_t record_tag;
    struct heap_words heap_words;
    /* Taken before those of the table: a child has this page already. */
    struct record records_first[RECORDS_FIRST];
    struct watch_words watch[WATCH_LANES];
};

/* This process's view of an arena. */
struct arena {
    struct arena_head *head;
    key_t key;       /* of the segment, and in the directory */
    int segment;     /* its id, or -1 */
    uid_t user;      /* in whose directory it is listed; who made it all */
    struct arena *previous; /* one that was left; handles may refer to it */
    int home;        /* id of the first block, which has the arena lock */
    void *cradle;    /* where it is, or was, attached around a fork */
    int64_t forked;  /* when we last forked, in seconds since 1970 */
    bool left;       /* by sysvmp_leave or exit */
    int not_entered; /* why this child could not become a member, or 0 */
    _Atomic uint64_t calm; /* of watch_now() */
    struct word heap_lock;
};

/* The arena of this process, or NULL.  Under the registry's mutex. */
extern struct arena *arena_current;

/* Makes the arena if there is none, and this process its first member. */
int arena_ensure(struct arena **arena);
int arena_lock(struct arena *arena);
/* The same until the deadline: -EAGAIN where it has passed; or a code. */
int arena_lock_within(struct arena *arena, struct deadline *deadline);
/* For what can be left to a later time: true, if it could be had soon. */
bool arena_lock_soon(struct arena *arena);
void arena_unlock(struct arena *arena);
/* Where this process has it; it has no other thread, and this one ends it. */
void arena_give_up_lock(struct arena *arena);
/*
 * Removes everything from the kernel; the caller is the last member, or looks
 * from outside and has seen that there is none, and sound tables.  false: the
 * kernel refused to remove something.  Then what tells of it is there as well
 * (its entry, the home block, the segment, the listing), and whoever calls
 * this again goes on from there.
 */
bool arena_remove(struct arena *arena);
/* The segment and its listing. */
bool arena_remove_segment(const struct arena *arena);
/* A key for what is about to be made. */
key_t arena_new_key(void);
/* What was made for this arena under that key, for its removal. */
struct sysv_identity arena_own(const struct arena *arena, int id, key_t key);
/* What a call answers that found no `me`. */
int arena_gone(const struct arena *arena);

static inline void *
arena_entry(const struct arena *arena, const struct arena_table *table,
    uint32_t index)
{
    return (char *) arena->head + table->offset +
        (size_t) index * table->entry_size;
}

/* Our owner id there; 0: no member, or it was left. */
static inline uint64_t
arena_me(const struct arena *arena)
{
    return UNLIKELY(arena->left) ? 0 : own_peek(&self.me);
}

#endif /* SYSVMP_ARENA_H */
