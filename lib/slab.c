/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * slab.c: small shared blocks.  A page of the heap is cut into places of one
 * size; one bit for each says whether it is in use.
 *
 * That bit is all there is to a block: one store takes it and one frees it, so
 * a kill loses nothing but what it was about to hand out.  The bits are one
 * word, the tag of the page's entry in the heap's table, where who writes past
 * the end of a block does not reach; and nothing in the blocks themselves is
 * ever believed.
 *
 * Slabs with room are in a list for each size, under the heap's lock.  The
 * lists only save looking: after the death of a holder of the lock they are
 * made anew from the chain of runs, as the heap's bins are, and who finds
 * something else there than a slab with room has them made anew, too.
 *
 * Bits are set under the lock alone, so that there is no slab which two think
 * they have filled; a place is made zero before, also under the lock, as 2 KiB
 * take less than the wait for a lock that is held: whoever dies meanwhile has
 * not taken it.
 */
#include "internal.h"

#include <string.h>

#include "heap.h"
#include "slab.h"

/* What the tag of no list and of no free run has: bit 63 set, bit 0 not. */
#define MARK       (UINT64_C(1) << 63)
#define MARK_BITS  (MARK | 1)
#define FIRST_BIT  1
#define PLACES_MAX 62u

/*
 * Multiples of a cache line, so that no two blocks share one.  With these a
 * block takes a third more than was asked for at most, but for the smallest.
 */
static const struct class {
    uint16_t size, places;
} classes[SLAB_CLASSES] = {
    { 64, PLACES_MAX },
    { 128, 32 },
    { 192, 21 },
    { 256, 16 },
    { 320, 12 },
    { 384, 10 },
    { 512, 8 },
    { 640, 6 },
    { 768, 5 },
    { 1024, 4 },
    { 1344, 3 },
    { SLAB_LARGEST, 2 },
};

uint32_t
slab_class(size_t size)
{
    uint32_t class = 1;

    while (class < SLAB_CLASSES && classes[class - 1].size < size)
        class++;
    return class;
}

uint32_t
slab_size(uint32_t class)
{
    return classes[class - 1].size;
}

static uint64_t
bit_of(uint32_t place)
{
    return UINT64_C(1) << (place + FIRST_BIT);
}

/* The tag of a slab without room. */
static uint64_t
full(uint32_t class)
{
    return MARK | (bit_of(classes[class - 1].places) - bit_of(0));
}

/* The class of a page that is a slab; 0: it is none. */
static uint32_t
class_of(const struct arena *arena, uint32_t i)
{
    uint64_t owner;

    if (heap_run(arena, i) != 1)
        return 0;
    owner = shm_load(&heap_unit(arena, i)->owner);
    return heap_is_shared(owner) ? (uint32_t) (owner >> 4) : 0;
}

static bool
has_room(const struct arena *arena, uint32_t i, uint32_t class)
{
    uint64_t used;

    if (class == 0 || class_of(arena, i) != class)
        return false;
    used = shm_load(&heap_unit(arena, i)->tag);
    return (used & MARK_BITS) == MARK && used != full(class);
}

/*
 * The lists; under the heap's lock.
 */

static _Atomic uint32_t *
first_of(const struct arena *arena, uint32_t class)
{
    return &arena->head->heap_words.slabs[class - 1];
}

/* A neighbour: none of another kind is ever written to. */
static struct unit *
neighbour(const struct arena *arena, uint32_t link, uint32_t class)
{
    return link != 0 && class_of(arena, link - 1) == class
        ? heap_unit(arena, link - 1) : NULL;
}

static void
insert(const struct arena *arena, uint32_t i, uint32_t class)
{
    uint32_t first = shm_load(first_of(arena, class));
    struct unit *next = neighbour(arena, first, class);

    shm_store(&heap_unit(arena, i)->next, next != NULL ? first : 0);
    shm_store(&heap_unit(arena, i)->previous, 0);
    if (next != NULL)
        shm_store(&next->previous, i + 1);
    shm_store(first_of(arena, class), i + 1);
}

static void
withdraw(const struct arena *arena, uint32_t i, uint32_t class)
{
    uint32_t after = shm_load(&heap_unit(arena, i)->next);
    uint32_t before = shm_load(&heap_unit(arena, i)->previous);
    struct unit *next = neighbour(arena, after, class);
    struct unit *previous = neighbour(arena, before, class);

    if (next == NULL)
        after = 0;
    else
        shm_store(&next->previous, previous != NULL ? before : 0);
    if (previous != NULL)
        shm_store(&previous->next, after);
    else
        shm_store(first_of(arena, class), after);
}

/* From the chain of runs. */
static void
make_anew(const struct arena *arena)
{
    struct heap_words *words = &arena->head->heap_words;
    uint32_t high = shm_load(&words->high);
    uint32_t i = 0;

    shm_store(&words->slabs_stale, 0);
    if (high > heap_units(arena))
        high = heap_units(arena);
    for (uint32_t class = 1; class <= SLAB_CLASSES; class++)
        shm_store(first_of(arena, class), 0);
    while (i < high) {
        uint64_t length = shm_load(&heap_unit(arena, i)->run) >> 1;
        uint32_t class = class_of(arena, i);

        if (length == 0 || length > high - i)
            break;
        if (has_room(arena, i, class))
            insert(arena, i, class);
        i += (uint32_t) length;
    }
}

/* The heap's lock, and lists that are right. */
static int
lock(struct arena *arena, struct deadline *deadline)
{
    int error = heap_lock(arena, deadline);

    if (error == 0 && shm_load(&arena->head->heap_words.slabs_stale) != 0)
        make_anew(arena);
    return error;
}

/* A slab with room, or -1. */
static int64_t
find(const struct arena *arena, uint32_t class)
{
    uint32_t first = shm_load(first_of(arena, class));

    if (first != 0 && !has_room(arena, first - 1, class)) {
        make_anew(arena);
        first = shm_load(first_of(arena, class));
    }
    return first != 0 && has_room(arena, first - 1, class)
        ? (int64_t) first - 1 : -1;
}

/*
 * To take a place.
 */

/* In a slab that has room; NULL: it has none, somebody has written there. */
static void *
take(const struct arena *arena, uint32_t i, uint32_t class, size_t size)
{
    struct unit *unit = heap_unit(arena, i);
    uint64_t room = full(class) & ~shm_load(&unit->tag);
    uint32_t place;
    void *block;

    if (room == 0)
        return NULL;
    place = (uint32_t) __builtin_ctzll(room) - FIRST_BIT;
    block = (char *) heap_address(arena, i) +
        (size_t) place * slab_size(class);
    memset(block, 0, size);
    if ((shm_or(&unit->tag, bit_of(place)) | bit_of(place)) == full(class))
        withdraw(arena, i, class);
    return block;
}

int
slab_take(struct arena *arena, uint32_t class, size_t size,
    struct deadline *deadline, void **block)
{
    int64_t i;
    int error = lock(arena, deadline);

    if (error < 0)
        return error;
    i = find(arena, class);
    *block = i >= 0 ? take(arena, (uint32_t) i, class, size) : NULL;
    heap_unlock(arena);
    return *block != NULL ? 0 : -ENOBUFS;
}

/* Until its owner is stored the unit is ours; from there on it is an empty
 * slab, which the next sweep frees if we go no further. */
int
slab_begin(struct arena *arena, uint32_t class, uint32_t i, size_t size,
    struct deadline *deadline, void **block)
{
    int error = lock(arena, deadline);

    if (error < 0) {
        heap_give(arena, i);
        return error;
    }
    shm_store(&heap_unit(arena, i)->tag, MARK);
    shm_store(&heap_unit(arena, i)->owner, heap_shared(class));
    insert(arena, i, class);
    *block = take(arena, i, class, size);
    heap_unlock(arena);
    return *block != NULL ? 0 : -ENOBUFS;
}

/*
 * To give it back.
 */

/* Clears the bit, if it is set in a slab of that class: what there was, or
 * 0. */
static uint64_t
clear(const struct arena *arena, uint32_t i, uint32_t class, uint64_t bit)
{
    struct unit *unit = heap_unit(arena, i);
    uint64_t used = shm_load(&unit->tag);

    do
        if ((used & MARK_BITS) != MARK || (used & bit) == 0 ||
            class_of(arena, i) != class)
            return 0;
    while (!shm_cas(&unit->tag, &used, used & ~bit));
    return used;
}

/* It has got room; true: it is empty, and ours, to be given to the heap.  The
 * last with room is kept, for the next block: it would come and go with it. */
static bool
settle(const struct arena *arena, uint32_t i, uint32_t class, bool was_full)
{
    struct unit *unit = heap_unit(arena, i);

    if (was_full)
        insert(arena, i, class);
    if (shm_load(&unit->tag) != MARK ||
        (shm_load(first_of(arena, class)) == i + 1 &&
            shm_load(&unit->next) == 0))
        return false;
    withdraw(arena, i, class);
    shm_store(&unit->owner, self_id());
    return true;
}

/*
 * Where the lock can't be had, as a process that has it is stopped, the bit is
 * cleared all the same.  Whether the slab is a slab is then not sure, for who
 * frees what is free already; hence MARK.
 */
bool
slab_give(struct arena *arena, uint32_t i, uint32_t at)
{
    struct deadline patience = DEADLINE_SOON;
    uint32_t class = class_of(arena, i);
    uint32_t place = class != 0 ? at / slab_size(class) : 0;
    uint64_t used;
    bool locked, empty = false;

    if (class == 0 || at % slab_size(class) != 0 ||
        place >= classes[class - 1].places)
        return false;
    locked = lock(arena, &patience) == 0;
    used = clear(arena, i, class, bit_of(place));
    if (used != 0 && locked)
        empty = settle(arena, i, class, used == full(class));
    else if (used != 0)
        shm_store(&arena->head->heap_words.slabs_stale, 1);
    if (locked)
        heap_unlock(arena);
    if (empty)
        heap_give(arena, i);
    return used != 0;
}

/* The lists are made anew after a sweep, so it need not be taken out. */
void
slab_sweep(struct arena *arena, uint32_t i)
{
    if (class_of(arena, i) != 0 && shm_load(&heap_unit(arena, i)->tag) == MARK)
        heap_free(arena, i);
}

uint32_t
slab_places(const struct arena *arena, uint32_t i, uint64_t *used)
{
    uint32_t class = class_of(arena, i);

    if (class == 0)
        return 0;
    *used = (shm_load(&heap_unit(arena, i)->tag) & full(class) & ~MARK) >>
        FIRST_BIT;
    return classes[class - 1].places;
}
