/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shared-memory.c: blocks of memory that are nobody's in particular.
 *
 * The arena's segment lies at one address in all members, so a pointer into it
 * is good in each of them.  Small blocks are in slabs (slab.c); what is larger
 * is a run of the heap, whose owner says that it is shared: one store makes it
 * so, when it is zero and ready, and one compare-and-swap makes it its
 * destroyer's, of two who destroy it at once one's alone.  Before the first
 * and after the second it is found by the sweep if its process dies.
 *
 * What a pointer is that is to be freed is known from the heap's table alone.
 * What is called here keeps errno and is no cancellation point, but for what
 * has its GUARDED.
 */
#include "internal.h"

#include "error.h"
#include "handle.h"
#include "heap.h"
#include "hooks.h"
#include "leave.h"
#include "memory.h"
#include "slab.h"

static int
take_run(struct arena *arena, size_t size, struct deadline *patience,
    void **block)
{
    uint32_t unit;
    int error = memory_take(arena, size, MEMORY_ZERO, patience, &unit);

    if (error < 0)
        return error;
    shm_store(&heap_unit(arena, unit)->owner, heap_shared(0));
    *block = heap_address(arena, unit);
    return 0;
}

static int
take_place(struct arena *arena, size_t size, struct deadline *patience,
    void **block)
{
    uint32_t class = slab_class(size), unit;
    int error = slab_take(arena, class, size, patience, block);

    if (error != -ENOBUFS)
        return error;
    error = memory_take(arena, size, MEMORY_ZERO, patience, &unit);
    if (error == 0)
        return slab_begin(arena, class, unit, size, patience, block);
    /* The heap is full: a place that is too large may still be free. */
    while (error == -ENOMEM && ++class <= SLAB_CLASSES) {
        int other = slab_take(arena, class, size, patience, block);

        if (other != -ENOBUFS)
            return other;
    }
    return error;
}

/* The arena of which this process is a member, or NULL. */
static struct arena *
ours(void)
{
    struct arena *arena;

    registry_lock();
    arena = arena_current;
    registry_unlock();
    return arena != NULL && arena_me(arena) != 0 ? arena : NULL;
}

static int
enter_first(struct arena **arena)
{
    GUARDED;
    int error;

    registry_lock();
    error = enter(arena);
    registry_unlock();
    return error;
}

static int
take(size_t size, void **block)
{
    struct deadline patience = MEMORY_PATIENCE;
    struct arena *arena = ours();
    int error = 0;

    if (size == 0)
        size = 1;
    if (arena == NULL)
        error = enter_first(&arena);
    if (error < 0)
        return error;
    error = size <= SLAB_LARGEST ? take_place(arena, size, &patience, block)
                                 : take_run(arena, size, &patience, block);
    if (error == -ENOBUFS)
        error = error_detail(-EAGAIN,
            "no block of this program's shared memory could be had: its "
            "tables were overwritten");
    return memory_busy(error);
}

void *
sysvmp_shared_alloc(size_t size)
{
    void *block = NULL;

    error_begin();
    return error_return(take(size, &block)) == 0 ? block : NULL;
}

static bool
give_run(struct arena *arena, uint32_t unit)
{
    uint64_t owner = heap_shared(0);

    if (heap_run(arena, unit) == 0 ||
        !shm_cas(&heap_unit(arena, unit)->owner, &owner, self_id()))
        return false;
    heap_give(arena, unit);
    return true;
}

/* false: no block of ours begins there. */
static bool
give(struct arena *arena, const void *block)
{
    uint64_t at = (uint64_t) ((uintptr_t) block -
        (uintptr_t) heap_address(arena, 0));

    if (at / UNIT_SIZE >= heap_units(arena))
        return false;
    if (at % UNIT_SIZE == 0 && give_run(arena, (uint32_t) (at / UNIT_SIZE)))
        return true;
    return slab_give(arena, (uint32_t) (at / UNIT_SIZE),
        (uint32_t) (at % UNIT_SIZE));
}

static void
complain(const void *memory)
{
    GUARDED;

    hooks_log(SYSVMP_LOG_ERROR,
        "shared_free: no block of shared memory that is in use begins at %p",
        memory);
}

void
sysvmp_shared_free(void *memory)
{
    struct arena *arena;

    if (memory == NULL)
        return;
    arena = ours();
    if (arena == NULL || !give(arena, memory))
        complain(memory);
}
