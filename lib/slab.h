/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * slab.h: places for small shared blocks, several to a page of the heap.
 */
#ifndef SYSVMP_SLAB_H
#define SYSVMP_SLAB_H

#include "arena.h"

/* What is larger has a run of the heap to itself. */
#define SLAB_LARGEST 2048u

/* The class of blocks of that size, 1 to SLAB_CLASSES. */
uint32_t slab_class(size_t size);
/* Bytes that a block of that class has. */
uint32_t slab_size(uint32_t class);

/*
 * Takes a place for `size` bytes in a slab of that class, and makes them zero:
 * 0; -ENOBUFS, no slab has room; or a code of the heap's lock.
 */
int slab_take(struct arena *arena, uint32_t class, size_t size,
    struct deadline *deadline, void **block);
/* Makes a slab of a unit that is ours, and takes its first place.  Else the
 * unit is given back. */
int slab_begin(struct arena *arena, uint32_t class, uint32_t unit,
    size_t size, struct deadline *deadline, void **block);
/*
 * Frees the block that begins so many bytes behind that unit's begin.  false:
 * none does that is in use.
 */
bool slab_give(struct arena *arena, uint32_t unit, uint32_t at);
/* For the sweep, with the heap's lock: frees a slab that is empty. */
void slab_sweep(struct arena *arena, uint32_t unit);

/* The places of a slab: those in use are 1, the first is the lowest bit; and
 * how many there are; 0: that is no slab. */
uint32_t slab_places(const struct arena *arena, uint32_t unit, uint64_t *used);

#endif /* SYSVMP_SLAB_H */
