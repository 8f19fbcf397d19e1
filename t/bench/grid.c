/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * grid.c: the rows of six sizes, from one to one up to four to four.
 *
 * The depth is the same for all who count in messages, and such that the
 * kernel's queue of 16,384 bytes holds it with our headers in it: 12 at 1 KiB;
 * above that it would not matter, but for RLIMIT_MSGQUEUE, which ends at 12
 * of 64 KiB.  Of 64 MiB it is four, which is what may be in flight.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "grid.h"

#define GRID_ROWS   (GRID_SIZES * GRID_SHAPES)
#define GRID_ROUNDS 5
#define GRID_PART   2

static const struct {
    const char *name;
    const char *text;
    size_t size;
    unsigned depth;
} sizes[GRID_SIZES] = {
    { "16", "16 B", 16, 64 },
    { "64", "64 B", 64, 64 },
    { "1k", "1 KiB", 1 << 10, 12 },
    { "64k", "64 KiB", 64 << 10, 12 },
    { "1m", "1 MiB", 1 << 20, 12 },
    { "64m", "64 MiB", 64 << 20, 4 }
};

static const struct {
    const char *name;
    const char *text;
    unsigned senders;
    unsigned receivers;
} shapes[GRID_SHAPES] = {
    { "1x1", "1 to 1", 1, 1 },
    { "4x1", "4 to 1", 4, 1 },
    { "1x4", "1 to 4", 1, 4 },
    { "4x4", "4 to 4", 4, 4 }
};

/* The last ones are for one to one alone. */
static const struct subject all_subjects[] = {
    { "sysvmp", OURS }, { "sysvmp-msg", OURS }, { "sysv", PEERS },
    { "posix-mq", PEERS }, { "pipe(2)", PEERS }, { "socketpair", PEERS },
    { "boost", BOOST }, { "zeromq", ZEROMQ }, { "nng", NNG },
    { "cpython-queue", CPYTHON }, { "cpython-pipe", CPYTHON },
    { "cpython-pipe-simplex", CPYTHON }, { "ring", PEERS }
};

#define ALL_SUBJECTS    (sizeof(all_subjects) / sizeof(*all_subjects))
#define SHARED_SUBJECTS (ALL_SUBJECTS - 3)

static const struct target targets_1m[MAX_TARGETS] = {
    { "cpython-pipe", RATIO_AT_MOST, 1.0 / 5 },
    { "zeromq", RATIO_AT_MOST, 1.0 / 2 }
};

static struct experiment experiments[GRID_ROWS];
static struct row rows[GRID_ROWS];
static char names[GRID_ROWS][32];
static char titles[GRID_ROWS][64];

static void
experiment_make(struct experiment *e, int size, int shape)
{
    bool alone = shapes[shape].senders * shapes[shape].receivers == 1;

    e->cpus = 2;
    e->rounds = GRID_ROUNDS;
    e->part = GRID_PART;
    e->metrics[0] = "ns";
    e->metrics[1] = "mbps";
    e->metrics[2] = "depth";
    memcpy(e->subjects, all_subjects, sizeof(*all_subjects)
        * (alone ? ALL_SUBJECTS : SHARED_SUBJECTS));
    e->flow.size = sizes[size].size;
    e->flow.depth = sizes[size].depth;
    e->flow.senders = shapes[shape].senders;
    e->flow.receivers = shapes[shape].receivers;
}

static void
row_make(int index)
{
    int size = index % GRID_SIZES, shape = index / GRID_SIZES;
    struct row *row = &rows[index];

    snprintf(names[index], sizeof(names[index]), "size-%s-%s",
        sizes[size].name, shapes[shape].name);
    snprintf(titles[index], sizeof(titles[index]),
        "queue %s, %s, depth %u, a message", sizes[size].text,
        shapes[shape].text, sizes[size].depth);
    row->name = row->experiment = experiments[index].name = names[index];
    row->title = titles[index];
    row->metric = row->unit = "ns";
    row->floor = shape == 0 ? "ring" : NULL;
    if (strcmp(row->name, "size-1m-1x1") == 0)
        memcpy(row->targets, targets_1m, sizeof(targets_1m));
    experiment_make(&experiments[index], size, shape);
}

const struct row *
grid_row(int index)
{
    if (index >= GRID_ROWS)
        return NULL;
    if (rows[index].name == NULL)
        row_make(index);
    return &rows[index];
}

const struct experiment *
grid_experiment(const struct row *row)
{
    for (int i = 0; i < GRID_ROWS; i++)
        if (row == &rows[i])
            return &experiments[i];
    return NULL;
}

const char *
grid_size_text(int size)
{
    return sizes[size].text;
}

const char *
grid_shape_text(int shape)
{
    return shapes[shape].text;
}
