/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * clean.c: sysvmp clean: removes what is provably dead, or one arena that is
 * named, whatever lives there.
 *
 * What is removed is counted by looking at the kernel before and after: the
 * library removes only what it finds to be the arena's own.
 */
#include "internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "table.h"
#include "verbs.h"
#include "view.h"

/* For who is just making an object in an arena that is removed by force. */
#define PATIENCE_MS 1000

static const struct column columns[] = {
    { "ARENA", COLUMN_TEXT },
    { "STATE", COLUMN_TEXT },
    { "QUEUES", COLUMN_NUMBER },
    { "SETS", COLUMN_NUMBER },
    { "SEGMENTS", COLUMN_NUMBER },
    { "REMOVED", COLUMN_BOOLEAN },
};

static void
complain(const struct view *view, const char *what)
{
    fprintf(stderr, "sysvmp: %08" PRIx32 ": %s\n",
        (uint32_t) view->it.arena.key, what);
}

/* Nobody shall be in the middle of making an object that we then miss.  Who
 * was stopped there is not waited for.  The lock goes with its set. */
static void
lock_out(const struct view *view)
{
    struct sembuf take = sem_operation(BLOCK_LOCK, -1, SEM_UNDO);
    struct deadline patience = DEADLINE(PATIENCE_MS);
    struct view_set home;

    view_set(view, 0, &home);
    if (home.id >= 0)
        (void) sysv_semwait(home.id, &take, 1, &patience);
}

/* What the kernel refuses to remove is still listed. */
static void
remove_arena(struct view *view)
{
    if (view->it.verdict == VERDICT_GONE)
        inspect_take_off(&view->it);
    else
        (void) inspect_remove(&view->it);
}

/* Of the parts, how many of each kind are gone (or are there). */
static size_t
count(const struct part *part, size_t n, bool there,
    unsigned counts[PART_KINDS])
{
    size_t sum = 0;

    for (size_t i = 0; i < n; i++)
        if (part_exists(&part[i]) == there) {
            counts[part[i].kind]++;
            sum++;
        }
    return sum;
}

static void
tell(struct table *table, const struct view *view,
    const unsigned counts[PART_KINDS], bool removed)
{
    table_line(table);
    table_text(table, "%08" PRIx32, (uint32_t) view->it.arena.key);
    table_text(table, "%s", view_verdict(view));
    for (int kind = 0; kind < PART_KINDS; kind++)
        table_number(table, counts[kind]);
    table_boolean(table, removed);
}

static int
clean(struct table *table, struct view *view, const struct options *options)
{
    unsigned counts[PART_KINDS] = { 0 };
    int status = DONE;
    size_t n;
    struct part *part;

    if (options->force && !options->dry_run)
        lock_out(view);
    part = view_parts(view, &n);
    if (!options->dry_run)
        remove_arena(view);
    if (count(part, n, options->dry_run, counts) < n) {
        complain(view, options->dry_run ? "it went by itself meanwhile"
                                        : "not all of it could be removed");
        status = options->dry_run ? DONE : FAILED;
    }
    tell(table, view, counts, !options->dry_run);
    free(part);
    return status;
}

/* Can it be removed by force?  What we can't look into might be anything. */
static bool
removable(const struct view *view)
{
    if (view->it.verdict == VERDICT_GONE)
        return true;
    if (view->it.arena.head == NULL) {
        complain(view, view->it.verdict == VERDICT_STARTING
                ? "its segment is not there yet, or not any more"
                : "what has its key is not the segment that was listed");
        return false;
    }
    if (!view->tables)
        complain(view, "its tables can't be read: its queues and sets, if it "
            "has any, stay (see ipcs, ipcrm)");
    return true;
}

static int
clean_listed(struct table *table, const struct listed *listed,
    const struct options *options)
{
    struct view view;
    int status = DONE;

    view_open(&view, listed);
    if (options->force)
        status = removable(&view) ? clean(table, &view, options) : FAILED;
    else if (view.it.verdict == VERDICT_DEAD ||
        view.it.verdict == VERDICT_GONE)
        status = clean(table, &view, options);
    view_close(&view);
    return status;
}

static int
clean_all(struct table *table, const struct options *options)
{
    int status = DONE;
    bool found = false;
    size_t n;
    struct listed *listed = view_listed(&n);

    for (size_t i = 0; i < n; i++) {
        if (options->force && listed[i].key != options->key)
            continue;
        found = true;
        if (clean_listed(table, &listed[i], options) != DONE)
            status = FAILED;
    }
    free(listed);
    if (options->force && !found) {
        fprintf(stderr, "sysvmp: no arena %08" PRIx32 " is listed\n",
            (uint32_t) options->key);
        return FAILED;
    }
    return status;
}

int
verb_clean(const struct options *options)
{
    struct table table;
    int status;

    table_begin(&table, "arenas", columns,
        sizeof(columns) / sizeof(columns[0]));
    status = clean_all(&table, options);
    table_end(&table);
    return status;
}
