/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * census.h: for the tests of shared memory: which blocks are in use, as the
 * heap's table has them, and whether the lists of slabs tell the same.
 */
#ifndef CENSUS_H
#define CENSUS_H

#include "internal.h"

#include "arena.h"
#include "heap.h"
#include "memory.h"
#include "slab.h"
#include "tap.h"

enum { CENSUS_MAX = 4096 };

struct census {
    int blocks; /* as many, of which the first ones are here */
    void *block[CENSUS_MAX];
    int slabs, with_room;
};

__attribute__((__unused__)) static void
count_block(struct census *census, char *at)
{
    if (census->blocks < CENSUS_MAX)
        census->block[census->blocks] = at;
    census->blocks++;
}

__attribute__((__unused__)) static void
count_slab(struct census *census, uint32_t unit, uint32_t places,
    uint64_t used)
{
    uint64_t owner = heap_unit(arena_current, unit)->owner;
    char *page = heap_address(arena_current, unit);

    census->slabs++;
    census->with_room += used != (UINT64_C(1) << places) - 1;
    for (uint32_t i = 0; i < places; i++)
        if (used & UINT64_C(1) << i)
            count_block(census, page + i * slab_size((uint32_t)(owner >> 4)));
}

/* While nobody else allocates. */
__attribute__((__unused__)) static const struct census *
take_census(void)
{
    static struct census census;
    uint32_t high = arena_current->head->heap_words.high;

    census.blocks = census.slabs = census.with_room = 0;
    for (uint32_t i = 0, length; i < high; i += length) {
        uint64_t run = heap_unit(arena_current, i)->run, used;
        uint32_t places = slab_places(arena_current, i, &used);

        length = (uint32_t)(run >> 1);
        if (length == 0)
            bail("the heap's chain is broken at %u", (unsigned)i);
        if (places > 0)
            count_slab(&census, i, places, used);
        else if ((run & RUN_USED) &&
            heap_unit(arena_current, i)->owner == heap_shared(0))
            count_block(&census, heap_address(arena_current, i));
    }
    return &census;
}

/* Each slab with room is in the list of its class, once, and nothing else
 * is. */
__attribute__((__unused__)) static int
lists_sound(void)
{
    struct arena *arena = arena_current;
    int listed = 0, wanted = take_census()->with_room;

    for (uint32_t class = 1; class <= SLAB_CLASSES; class++) {
        uint32_t i = arena->head->heap_words.slabs[class - 1], before = 0;

        for (; i != 0 && listed <= wanted; listed++) {
            const struct unit *unit = heap_unit(arena, i - 1);
            uint64_t used;
            uint32_t places = slab_places(arena, i - 1, &used);

            if (unit->owner != heap_shared(class) || places == 0 ||
                used == (UINT64_C(1) << places) - 1 ||
                unit->previous != before)
                return 0;
            before = i;
            i = unit->next;
        }
    }
    return listed == wanted;
}

/* Pages of the heap in use, when what is left of the dead and empty slabs are
 * swept up. */
__attribute__((__unused__)) static int
pages_used(void)
{
    uint32_t used, all;

    memory_sweep(arena_current);
    heap_state(arena_current, &used, &all);
    return (int)used;
}

#endif /* CENSUS_H */
