/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * limits.c: sysvmp limits: the system's limits on System V IPC, what is in use
 * of them, what the library needs them for, and how they are raised.
 *
 * They are those of the IPC namespace that the tool runs in.
 */
#include "internal.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "block.h"
#include "sysv.h"
#include "table.h"
#include "verbs.h"

#define NOT_KNOWN UINT64_MAX /* as a use */

static const struct column columns[] = {
    { "LIMIT", COLUMN_TEXT },
    { "VALUE", COLUMN_NUMBER },
    { "USED", COLUMN_NUMBER },
    { "PERCENT", COLUMN_NUMBER },
    { "PURPOSE", COLUMN_PROSE },
    { "RAISE", COLUMN_PROSE },
};

/* The words of a file in /proc/sys/kernel; those that are not there are 0. */
static void
read_words(const char *name, uint64_t *words, int n)
{
    char path[64];
    FILE *f;

    snprintf(path, sizeof(path), "/proc/sys/kernel/%s", name);
    f = fopen(path, "re");
    for (int i = 0; i < n; i++)
        if (f == NULL || fscanf(f, "%" SCNu64, &words[i]) != 1)
            words[i] = 0;
    if (f != NULL)
        fclose(f);
}

/* One more line, but for its last cell. */
static void
add_limit(struct table *table, const char *name, uint64_t value,
    uint64_t used, const char *what)
{
    table_line(table);
    table_text(table, "kernel.%s", name);
    table_number(table, value);
    if (used == NOT_KNOWN) {
        table_none(table, "");
        table_none(table, "");
    } else {
        table_number(table, used);
        if (value > 0)
            table_number(table, (uint64_t)
                (100 * (double) used / (double) value));
        else
            table_none(table, "-");
    }
    table_text(table, "%s", what);
}

/* Twice as much, and enough for us, where there is room for that. */
static uint64_t
more(uint64_t value, uint64_t least, uint64_t most)
{
    value = value > most / 2 ? most : 2 * value;
    return value > least ? value : least;
}

static void
add_raise(struct table *table, const char *name, uint64_t value,
    uint64_t least, uint64_t most)
{
    if (value >= most)
        table_none(table, "it is as high as it can be");
    else
        table_text(table, "sysctl -w kernel.%s=%" PRIu64, name,
            more(value, least, most));
}

static void
list_queues(struct table *table, const struct sysv_limits *is)
{
    uint64_t msgmnb;

    read_words("msgmnb", &msgmnb, 1);
    add_limit(table, "msgmni", (uint64_t) is->queues,
        (uint64_t) is->queues_used,
        "message queues: 1 for each queue, 2 for each pipe (simplex: 1)");
    add_raise(table, "msgmni", (uint64_t) is->queues, 128, 32768);
    add_limit(table, "msgmax", (uint64_t) is->message, NOT_KNOWN,
        "bytes of one message: the longest that can be sent");
    add_raise(table, "msgmax", (uint64_t) is->message, 8192, INT_MAX);
    add_limit(table, "msgmnb", msgmnb, NOT_KNOWN,
        "bytes in one queue: how much is put before put waits");
    add_raise(table, "msgmnb", msgmnb, 16384, INT_MAX);
}

/* The four of kernel.sem are set together; `which` of them is raised. */
static void
add_raise_sem(struct table *table, const uint64_t sem[4], int which,
    uint64_t least, uint64_t most)
{
    uint64_t raised[4];

    for (int i = 0; i < 4; i++)
        raised[i] = i == which ? more(sem[i], least, most) : sem[i];
    if (sem[which] >= most)
        table_none(table, "it is as high as it can be");
    else
        table_text(table,
            "sysctl -w kernel.sem='%" PRIu64 " %" PRIu64 " %" PRIu64
            " %" PRIu64 "'", raised[0], raised[1], raised[2], raised[3]);
}

static void
list_semaphores(struct table *table, const struct sysv_limits *is)
{
    uint64_t sem[4];
    char text[128];

    read_words("sem", sem, 4);
    snprintf(text, sizeof(text), "semaphores in a set: %d", BLOCK_SEMAPHORES);
    add_limit(table, "sem (semmsl)", (uint64_t) is->set_size, NOT_KNOWN,
        text);
    add_raise_sem(table, sem, 0, 250, 65536);
    snprintf(text, sizeof(text), "semaphores in all: %d for each set",
        BLOCK_SEMAPHORES);
    add_limit(table, "sem (semmns)", (uint64_t) is->semaphores,
        (uint64_t) is->semaphores_used, text);
    add_raise_sem(table, sem, 1, 32000, INT_MAX);
    add_limit(table, "sem (semopm)", sem[2], NOT_KNOWN,
        "operations in one step: 6");
    add_raise_sem(table, sem, 2, 32, INT_MAX);
    snprintf(text, sizeof(text), "semaphore sets: 1 for a program, with room "
        "for %d locks or %d queues, and 1 for each so many more",
        BLOCK_SLOT_COUNT, BLOCK_SLOT_COUNT / 3);
    add_limit(table, "sem (semmni)", (uint64_t) is->sets,
        (uint64_t) is->sets_used, text);
    add_raise_sem(table, sem, 3, 128, 32768);
}

static void
list_segments(struct table *table, const struct sysv_limits *is)
{
    uint64_t shmmax;

    read_words("shmmax", &shmmax, 1);
    add_limit(table, "shmmni", is->segments, is->segments_used,
        "shared memory segments: 2 for each program, 1 for each user");
    add_raise(table, "shmmni", is->segments, 128, 32768);
    add_limit(table, "shmall", is->pages, is->pages_used,
        "pages of all segments: up to half the memory for each program, "
        "untouched but for a few");
    add_raise(table, "shmall", is->pages, 65536, (uint64_t) LONG_MAX);
    add_limit(table, "shmmax", shmmax, NOT_KNOWN,
        "bytes of one segment: 1 MiB will do");
    add_raise(table, "shmmax", shmmax, 1 << 20, (uint64_t) LONG_MAX);
}

int
verb_limits(const struct options *options)
{
    struct sysv_limits is;
    struct table table;

    (void) options;
    sysv_limits(&is);
    table_begin(&table, "limits", columns,
        sizeof(columns) / sizeof(columns[0]));
    list_queues(&table, &is);
    list_semaphores(&table, &is);
    list_segments(&table, &is);
    table_end(&table);
    if (!output_json())
        puts("\nsysctl -w, as root, lasts until the next boot; for good, put "
             "NAME = VALUE into a\nfile /etc/sysctl.d/*.conf, and run "
             "`sysctl --system'.");
    return DONE;
}
