/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shared.c: random SIGKILLs among processes that allocate and free shared
 * memory, each also what others have allocated, and messages from the same
 * heap.  What is in the table is whole; a new block is zero, and nobody's;
 * each thread that is killed takes one block with it at most; and when all are
 * freed, as much memory is in use as in the beginning.
 */
#include <config.h>

#include "../census.h"
#include "storm.h"

#include <string.h>

enum { WORKERS = 5, PLACES = 400, MESSAGE = 9000 };

/* How a block begins; the rest are bytes of its seed. */
struct content {
    uint32_t size;
    uint32_t seed;
};

static struct board {
    _Atomic int wrongs;
    _Atomic(struct content *) place[PLACES]; /* NULL, or a whole block */
} *board;

static int used_before;

static void
wrong(const char *text)
{
    if (atomic_fetch_add(&board->wrongs, 1) < 5)
        diag("%s", text);
}

static int
threads(int worker)
{
    return worker % 3 == 0 ? 2 : 1;
}

static int
bytes_are(const void *from, size_t size, unsigned char byte)
{
    const unsigned char *p = from;

    for (size_t i = 0; i < size; i++)
        if (p[i] != byte)
            return 0;
    return 1;
}

static size_t
some_size(unsigned *lot)
{
    switch (chance(lot, 16)) {
    case 0:
        return sizeof(struct content) + chance(lot, 60000);
    case 1:
        return sizeof(struct content) + chance(lot, 9000);
    default:
        return sizeof(struct content) + chance(lot, 1 + chance(lot, 2100));
    }
}

static struct content *
make_block(unsigned *lot)
{
    size_t size = some_size(lot);
    struct content *block = sysvmp_shared_alloc(size);

    if (!block) {
        wrong(sysvmp_last_error());
        return NULL;
    }
    if (!bytes_are(block, size, 0))
        wrong("a new block is not zero");
    block->size = (uint32_t)size;
    block->seed = chance(lot, 256);
    memset(block + 1, (int)block->seed, size - sizeof(*block));
    return block;
}

static void
free_block(struct content *block)
{
    if (block->size < sizeof(*block) ||
        !bytes_are(block + 1, block->size - sizeof(*block),
            (unsigned char)block->seed))
        wrong("a block is not whole");
    sysvmp_shared_free(block);
}

static void
use_message(unsigned *lot)
{
    struct sysvmp_msg *m;
    size_t len = chance(lot, MESSAGE);

    int error = sysvmp_msg_create(&m, len);

    if (error < 0 && error != -EAGAIN) /* who has the lock, has no CPU */
        wrong(sysvmp_last_error());
    if (error < 0)
        return;
    memset(sysvmp_msg_data(m), 0xee, len);
    sysvmp_msg_destroy(m);
}

static void
step(unsigned *lot)
{
    unsigned i = chance(lot, PLACES);
    struct content *block = atomic_exchange(&board->place[i], NULL);
    struct content *nothing = NULL;

    if (block) {
        free_block(block);
        return;
    }
    block = make_block(lot);
    if (block &&
        !atomic_compare_exchange_strong(&board->place[i], &nothing, block))
        free_block(block);
    if (chance(lot, 8) == 0)
        use_message(lot);
}

static int
work(int worker, int thread)
{
    unsigned lot = storm_draw(worker, thread);

    while (!storm_over()) {
        step(&lot);
        storm_step(worker, thread);
    }
    return 0;
}

static int
still_right(void)
{
    return atomic_load(&board->wrongs) == 0;
}

static void
complain(int level, const char *line, void *unused)
{
    if (level <= SYSVMP_LOG_ERROR && !unused)
        wrong(line);
}

/* All that nobody has in the table is lost. */
static void
check_lost(void)
{
    int in_table = 0, lost;

    for (int i = 0; i < PLACES; i++)
        in_table += atomic_load(&board->place[i]) != NULL;
    for (int i = 0; i < PLACES; i++)
        if (atomic_load(&board->place[i]))
            free_block(atomic_load(&board->place[i]));
    lost = take_census()->blocks - 1;
    ok(lost <= 2 * storm_kills_done(),
        "storm: %d blocks were in the table, %d were lost by %d kills",
        in_table, lost, storm_kills_done());
}

static void
check_memory(void)
{
    const struct census *census;

    ok(lists_sound(), "storm: the lists of slabs are sound");
    is_int(0, atomic_load(&board->wrongs), "storm: no block was torn");
    while ((census = take_census())->blocks > 0)
        for (int i = 0; i < census->blocks && i < CENSUS_MAX; i++)
            sysvmp_shared_free(census->block[i]);
    is_int(used_before, pages_used(),
        "storm: all is freed: as much memory is in use as in the beginning");
}

int
main(void)
{
    const struct storm storm = {WORKERS, threads, NULL, NULL, work, NULL,
        still_right, NULL, 1};
    struct sysvmp_lock *lock;

    plan(5 + 1);
    sysvmp_set_log(complain, NULL);
    must(sysvmp_lock_create(&lock), "lock_create");
    sysvmp_lock_destroy(lock);
    used_before = pages_used();
    board = sysvmp_shared_alloc(sizeof(*board));
    if (!board)
        bail("shared_alloc: %s", sysvmp_last_error());
    is_int(0, storm_run(&storm, 2), "storm: no survivor hangs");
    check_lost();
    check_memory();
    must(sysvmp_leave(), "leave");
    is_int(0, ipc_left(), "storm: nothing is left after the last has left");
    return done();
}
