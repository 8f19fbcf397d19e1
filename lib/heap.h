/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * heap.h: runs of pages in the arena's segment, for payloads.
 *
 * What is known of a run is in a table beside the pages, out of reach of who
 * writes past the end of a payload.  memory.h is the way to get one.
 */
#ifndef SYSVMP_HEAP_H
#define SYSVMP_HEAP_H

#include "arena.h"
#include "word.h"

#define UNIT_SIZE 4096u

/*
 * A page.  What stands here is of the first of a run, where nothing else is
 * said.
 */
struct unit {
    /* Length of the run in units, shifted by one, and RUN_USED: one store
     * begins and ends it.  Under the heap's lock. */
    _Atomic uint64_t run;
    /* Of a run in use: an owner id, or what heap_listed() or heap_shared()
     * makes; 0: nobody's, to be freed by the next sweep.  By its owner, and by
     * who holds the lock of the list that it is in; of what is shared, by who
     * frees it.  Of a free run's last unit: RUN_BACK and the number of its
     * first. */
    _Atomic uint64_t owner;
    /* Of a run in use: the list that it goes to or comes from, or 0; of a
     * slab, its places (slab.c); RUN_COOLS: it is free, but for who gives its
     * memory back.  Of a free one: how many of its units may have memory. */
    _Atomic uint64_t tag;
    /* Of a free run: its neighbours in its bin, plus one; of a slab with room,
     * those in its list. */
    _Atomic uint32_t next, previous;
};

#define RUN_USED UINT64_C(1)
#define RUN_BACK (UINT64_C(1) << 63)
/* No list's, and no slab's. */
#define RUN_COOLS UINT64_C(2)

/* The owner of what is in the list of object i of that generation. */
static inline uint64_t
heap_listed(uint32_t i, uint64_t generation)
{
    return generation << 20 | (uint64_t) i << 4 | 1;
}

static inline bool
heap_is_listed(uint64_t owner)
{
    return (owner & 1) != 0;
}

/* The owner of shared memory, which outlives who made it.  kind: 0, the run is
 * one block; else it is a slab of that class.  No owner id and no list has it:
 * their generations are not 0. */
static inline uint64_t
heap_shared(uint32_t kind)
{
    return (uint64_t) kind << 4 | 2;
}

static inline bool
heap_is_shared(uint64_t owner)
{
    return owner >= heap_shared(0) && owner <= heap_shared(SLAB_CLASSES) &&
        (owner & 0xf) == 2;
}

/* Lays the table out behind `end`, in a segment of that size. */
void heap_lay_out(struct arena_head *head, uint64_t end, uint64_t size);
/* This process's view of the lock: once, by who makes the arena. */
void heap_open(struct arena *arena);
/*
 * Takes a run of at least so many bytes (1 or more), owned by this process,
 * and leaves `spare` units free; *cold: some of it may have no memory yet.
 * -ENOBUFS: no such run is free, and grow was not allowed; -ENOMEM: nor could
 * it grow; -EINPROGRESS: nor that, but there is room as soon as the processes
 * have finished that are giving memory back to the system; or a code of the
 * lock.
 */
int heap_take(struct arena *arena, uint64_t bytes, uint32_t spare, bool grow,
    struct deadline *deadline, uint32_t *unit, bool *cold);
/* Gives one back.  If the lock can't be had, the next sweep does it. */
void heap_give(struct arena *arena, uint32_t unit);

/* Gives memory of free runs back, as far as too much is kept. */
void heap_trim(struct arena *arena);

/* For memory.c, and for the tests: the lock, and what is done under it. */
int heap_lock(struct arena *arena, struct deadline *deadline);
void heap_unlock(struct arena *arena);
/* As arena_give_up_lock(). */
void heap_give_up_lock(struct arena *arena);
void heap_free(struct arena *arena, uint32_t unit);
/* Units that are in use, and all there are. */
void heap_state(const struct arena *arena, uint32_t *used, uint32_t *all);

static inline uint32_t
heap_units(const struct arena *arena)
{
    return arena->head->units.count;
}

static inline struct unit *
heap_unit(const struct arena *arena, uint32_t i)
{
    return arena_entry(arena, &arena->head->units, i);
}

static inline void *
heap_address(const struct arena *arena, uint32_t i)
{
    return (char *) arena->head + arena->head->heap + (size_t) i * UNIT_SIZE;
}

/* Units of the run that begins there; 0: none does that is in use. */
static inline uint32_t
heap_run(const struct arena *arena, uint32_t i)
{
    uint64_t run;

    if (i >= heap_units(arena))
        return 0;
    run = shm_load(&heap_unit(arena, i)->run);
    if ((run & RUN_USED) == 0 || run >> 1 > heap_units(arena) - i)
        return 0;
    return (uint32_t) (run >> 1);
}

#endif /* SYSVMP_HEAP_H */
