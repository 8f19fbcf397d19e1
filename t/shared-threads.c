/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shared-threads.c: threads allocate shared memory and free it, each also what
 * others have allocated: a new block is zero and nobody else's, and what is
 * found in it is what was put there.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <pthread.h>
#include <string.h>

enum { THREADS = 4, PLACES = 50, ROUNDS = 5000, LARGEST = 6000 };

struct content {
    unsigned size;
    unsigned char byte;
    unsigned char rest[];
};

static _Atomic(struct content *) places[PLACES];
static _Atomic int wrongs, logged;

static int
all_are(const unsigned char *p, size_t size, unsigned char byte)
{
    for (size_t i = 0; i < size; i++)
        if (p[i] != byte)
            return 0;
    return 1;
}

static struct content *
made(unsigned *lot)
{
    size_t rest = chance(lot, chance(lot, 4) ? 400 : LARGEST);
    struct content *block = sysvmp_shared_alloc(sizeof(*block) + rest);

    if (!block || !all_are((unsigned char *)block, sizeof(*block) + rest, 0)) {
        atomic_fetch_add(&wrongs, 1);
        return NULL;
    }
    block->size = (unsigned)rest;
    block->byte = (unsigned char)chance(lot, 256);
    memset(block->rest, block->byte, rest);
    return block;
}

static void
unmake(struct content *block)
{
    if (block && !all_are(block->rest, block->size, block->byte))
        atomic_fetch_add(&wrongs, 1);
    sysvmp_shared_free(block);
}

/* Puts a new one in place of what is there, which may be another's. */
static void *
run(void *seed)
{
    unsigned lot = *(unsigned *)seed;

    for (int i = 0; i < ROUNDS; i++) {
        struct content *new = chance(&lot, 3) ? made(&lot) : NULL;

        unmake(atomic_exchange(&places[chance(&lot, PLACES)], new));
    }
    return NULL;
}

static void
count_lines(int level, const char *line, void *unused)
{
    if (level == SYSVMP_LOG_ERROR && line && !unused)
        atomic_fetch_add(&logged, 1);
}

int
main(void)
{
    pthread_t thread[THREADS];
    unsigned seeds[THREADS];

    plan(2);
    sysvmp_set_log(count_lines, NULL);
    for (unsigned i = 0; i < THREADS; i++) {
        seeds[i] = i;
        if (pthread_create(&thread[i], NULL, run, &seeds[i]) != 0)
            bail("pthread_create");
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < PLACES; i++)
        unmake(places[i]);
    is_int(0, wrongs, "shared memory: %d threads: each block is one's, whole",
        THREADS);
    is_int(0, logged, "... and is freed once");
    must(sysvmp_leave(), "leave");
    return done();
}
