/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * heap.c: runs of pages are taken and given back at random: none has a page
 * of another, the chain and the bins tell the same, and all of it comes back.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tap.h"

#include "heap.h"

#define RUNS   200
#define ROUNDS 60000

static struct { uint32_t unit, units; } runs[RUNS];
static unsigned char *taken; /* a byte for each page */
static struct arena *arena;
static uint32_t seed;

static uint32_t
random_below(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % n;
}

static uint32_t
random_size(void)
{
    return 1 + random_below(random_below(4) == 0 ? 300 : 6);
}

/* 1: nobody else has these pages. */
static int
mark(uint32_t unit, uint32_t units, int from, int to)
{
    int good = 1;

    for (uint32_t i = unit; i < unit + units; i++) {
        good = good && taken[i] == from;
        taken[i] = (unsigned char) to;
    }
    return good;
}

static int
take(int i)
{
    struct deadline forever = DEADLINE(SYSVMP_FOREVER);
    uint32_t units = random_size();
    bool cold;

    if (heap_take(arena, (uint64_t) units * UNIT_SIZE, 0, true, &forever,
            &runs[i].unit, &cold) != 0)
        return 0;
    runs[i].units = units;
    return heap_run(arena, runs[i].unit) == units &&
        mark(runs[i].unit, units, 0, 1);
}

static int
give(int i)
{
    int good = mark(runs[i].unit, runs[i].units, 1, 0);

    heap_give(arena, runs[i].unit);
    runs[i].units = 0;
    return good;
}

/* The chain has what we have, no two free runs in a row, and each of these is
 * in the right bin. */
static int
sound(void)
{
    const struct heap_words *words = &arena->head->heap_words;
    uint32_t free_runs = 0, binned = 0;
    bool was_free = false;

    for (uint32_t i = 0, n; i < words->high; i += n) {
        uint64_t run = heap_unit(arena, i)->run;
        bool used = (run & RUN_USED) != 0;

        n = (uint32_t) (run >> 1);
        if (n == 0 || (!used && was_free))
            return 0;
        for (uint32_t k = i; k < i + n; k++)
            if (taken[k] != used)
                return 0;
        was_free = !used;
        free_runs += !used;
    }
    for (int bin = 0; bin < HEAP_BINS; bin++)
        for (uint32_t i = words->bins[bin]; i != 0;
             i = heap_unit(arena, i - 1)->next, binned++) {
            uint64_t run = heap_unit(arena, i - 1)->run;

            if ((run & RUN_USED) != 0 || run >> 1 >> bin != 1)
                return 0;
        }
    return binned == free_runs;
}

int
main(int argc, char **argv)
{
    struct sysvmp_queue *q;
    int good = 1, whole = 1;
    uint32_t used, all;

    seed = argc > 1 ? (uint32_t) strtoul(argv[1], NULL, 0)
                    : (uint32_t) time(NULL) | 1;
    plan(4);
    diag("seed %u", seed);
    if (sysvmp_queue_create(&q, 0, 0) < 0)
        bail("queue_create: %s", sysvmp_last_error());
    arena = arena_current;
    taken = calloc(heap_units(arena), 1);
    for (int round = 0; round < ROUNDS; round++) {
        int i = (int) random_below(RUNS);

        good = good && (runs[i].units > 0 ? give(i) : take(i));
        if (round % 100 == 0)
            whole = whole && sound();
    }
    ok(good, "heap: of %d runs none has a page of another", ROUNDS / 2);
    ok(whole, "... chain and bins tell the same, at each time");
    for (int i = 0; i < RUNS; i++)
        if (runs[i].units > 0)
            good = good && give(i);
    ok(good && sound(), "... all are given back");
    heap_state(arena, &used, &all);
    is_int(0, used, "... and none is in use then");
    free(taken);
    sysvmp_queue_destroy(q);
    return done();
}
