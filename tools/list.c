/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * list.c: sysvmp list: the arenas of this user, with their processes and
 * objects.
 *
 * What it prints was true of each line at some moment while it looked: nobody
 * is stopped for it.
 */
#include "internal.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "channel.h"
#include "table.h"
#include "verbs.h"
#include "view.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static const struct column arena_columns[] = {
    { "ARENA", COLUMN_TEXT },
    { "STATE", COLUMN_TEXT },
    { "CREATOR", COLUMN_NUMBER },
    { "JANITOR", COLUMN_NUMBER },
    { "AGE", COLUMN_NUMBER },
    { "ALIVE", COLUMN_NUMBER },
    { "DEAD", COLUMN_NUMBER },
    { "OBJECTS", COLUMN_NUMBER },
    { "BYTES", COLUMN_NUMBER },
};

static const struct column process_columns[] = {
    { "ARENA", COLUMN_HIDDEN },
    { "PID", COLUMN_NUMBER },
    { "STATE", COLUMN_TEXT },
    { "AGE", COLUMN_NUMBER },
    { "COMMAND", COLUMN_TEXT },
};

static const struct column object_columns[] = {
    { "ARENA", COLUMN_HIDDEN },
    { "NAME", COLUMN_TEXT },
    { "KIND", COLUMN_TEXT },
    { "ID", COLUMN_NUMBER },
    { "MESSAGES", COLUMN_NUMBER },
    { "BYTES", COLUMN_NUMBER },
    { "HOLDER", COLUMN_NUMBER },
    { "STATE", COLUMN_TEXT },
    { "WAITERS", COLUMN_NUMBER },
    { "SENDERS", COLUMN_NUMBER },
};

struct listing {
    struct table arenas, processes, objects;
    time_t now;
};

/* What the line of the arena sums up. */
struct sums {
    unsigned alive, dead, objects;
    uint64_t bytes;
};

static void
add_arena_name(struct table *table, const struct view *view)
{
    table_text(table, "%08" PRIx32, (uint32_t) view->it.arena.key);
}

static void
add_age(struct table *table, const struct listing *listing, int64_t since)
{
    int64_t now = (int64_t) listing->now;

    table_age(table, since > 0 && since < now ? now - since : 0);
}

/* ---- processes ---- */

static void
add_command(struct table *table, pid_t pid)
{
    char path[64], command[64] = "";
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/comm", (int) pid);
    f = fopen(path, "re");
    if (f != NULL) {
        if (fgets(command, sizeof(command), f) == NULL)
            command[0] = '\0';
        fclose(f);
    }
    command[strcspn(command, "\n")] = '\0';
    for (char *c = command; *c != '\0'; c++)
        if (*c < ' ' || *c > '~')
            *c = '?'; /* it may be anything, and no text in any encoding */
    if (command[0] != '\0')
        table_text(table, "%s", command);
    else
        table_none(table, "-");
}

static void
add_process(struct listing *listing, const struct view *view,
    const struct view_member *member, bool alive)
{
    struct table *table = &listing->processes;

    table_line(table);
    if (output_json())
        add_arena_name(table, view);
    if (member->pid > 0)
        table_number(table, (uint64_t) member->pid);
    else
        table_none(table, "?");
    table_text(table, "%s", !alive ? "dead"
            : member->state == MEMBER_LEAVING ? "leaving" : "alive");
    add_age(table, listing, member->entered);
    if (alive && member->pid > 0)
        add_command(table, member->pid);
    else
        table_none(table, "-");
}

static void
list_processes(struct listing *listing, const struct view *view,
    struct sums *sums)
{
    struct view_set home;
    struct view_member member;

    view_set(view, 0, &home);
    for (uint32_t seat = 0; view_member(view, seat, &member); seat++) {
        bool alive = view_alive(view, &home, seat);

        if (member.state != MEMBER_USED && member.state != MEMBER_LEAVING)
            continue;
        /* Who left in good order is nobody's corpse. */
        if (!alive && member.state == MEMBER_LEAVING)
            continue;
        sums->alive += alive;
        sums->dead += !alive;
        add_process(listing, view, &member, alive);
    }
}

/* ---- objects ---- */

static const char *
kind_name(uint32_t kind)
{
    static const char *const names[] = {
        [OBJECT_LOCK] = "lock",
        [OBJECT_RLOCK] = "rlock",
        [OBJECT_QUEUE] = "queue",
        [OBJECT_PIPE] = "pipe",
        [OBJECT_SEMAPHORE] = "semaphore",
        [OBJECT_CONDITION] = "condition",
        [OBJECT_EVENT] = "event",
        [OBJECT_BARRIER] = "barrier",
    };

    return kind < N(names) && names[kind] != NULL ? names[kind] : "unknown";
}

/* As member_dead(), by the alive bits of the lock's own set. */
static void
add_holder(struct table *table, const struct view *view,
    const struct view_set *set, uint64_t owner)
{
    uint32_t seat = owner_seat(owner);
    struct view_member member;
    bool known = view_member(view, seat, &member) &&
        member.generation == owner >> OWNER_GENERATION_SHIFT;

    if (owner == 0) {
        table_none(table, "");
        table_text(table, "free");
        return;
    }
    if (known && member.pid > 0)
        table_number(table, (uint64_t) member.pid);
    else
        table_none(table, "?");
    table_text(table, "%s",
        known && view_alive(view, set, seat) ? "held" : "dead");
}

/* With SYSVMP_PERMITS the kernel has them, in the second slot's counter. */
static void
add_state(struct table *table, const struct view_object *object,
    const struct view_set *set)
{
    uint64_t value = object->value;

    if (object->kind == OBJECT_EVENT) {
        table_text(table, value ? "set" : "clear");
    } else if (object->kind == OBJECT_SEMAPHORE) {
        if (object->slots > 1 && set->id >= 0)
            value = set->values[BLOCK_COUNTERS + object->slot + 1];
        table_text(table, "%" PRIu64 " free", value);
    } else {
        table_none(table, "");
    }
}

/* What is no channel.  Some sleep at a gate, some at a counter. */
static void
add_other(struct table *table, const struct view *view,
    const struct view_object *object, const struct view_set *set)
{
    int waiters = 0;

    for (int i = object->slot; i < object->slot + object->slots; i++)
        waiters += view_sleepers(set, BLOCK_COUNTERS + i) +
            view_sleepers(set, BLOCK_GATES + i);
    if (set->id >= 0)
        table_number(table, (uint64_t) set->id);
    else
        table_none(table, "?");
    table_none(table, "");
    table_none(table, "");
    if (object->kind == OBJECT_LOCK || object->kind == OBJECT_RLOCK) {
        add_holder(table, view, set, object->owner);
    } else {
        table_none(table, "");
        add_state(table, object, set);
    }
    table_number(table, (uint64_t) waiters);
    table_none(table, "");
}

static void
add_depth(struct table *table, const struct view_object *object,
    struct sums *sums)
{
    const struct part queue = { PART_QUEUE, object->queue, object->key };
    struct sysv_queue_state state;

    if (!part_exists(&queue) || sysv_msg_state(queue.id, &state) < 0) {
        table_none(table, "?");
        table_none(table, "?");
        table_none(table, "?");
        return;
    }
    sums->bytes += state.bytes; /* the list is in the segment, counted there */
    state.messages += object->messages;
    state.bytes += object->bytes;
    table_number(table, (uint64_t) queue.id);
    table_number(table, state.messages);
    table_number(table, state.bytes);
}

static void
add_channel(struct table *table, const struct view_object *object,
    const struct view_set *set, struct sums *sums)
{
    int gate = BLOCK_GATES + object->slot;
    int receivers = 0, senders = 0;

    if (object->slots >= CHANNEL_SLOTS) {
        receivers = view_sleepers(set, gate + CHANNEL_RECEIVE);
        senders = view_sleepers(set, gate + CHANNEL_SEND);
    }
    add_depth(table, object, sums);
    table_none(table, "");
    table_none(table, "");
    table_number(table, (uint64_t) (receivers + senders));
    table_number(table, (uint64_t) senders);
}

static void
list_object(struct listing *listing, const struct view *view,
    const struct view_object *object, struct sums *sums)
{
    struct table *table = &listing->objects;
    struct view_set set;

    view_set(view, object->block, &set);
    table_line(table);
    if (output_json())
        add_arena_name(table, view);
    table_text(table, "%s-%" PRIu32, kind_name(object->kind), object->index);
    table_text(table, "%s", kind_name(object->kind));
    if (object->kind == OBJECT_QUEUE || object->kind == OBJECT_PIPE)
        add_channel(table, object, &set, sums);
    else
        add_other(table, view, object, &set);
    sums->objects++;
}

static void
list_objects(struct listing *listing, const struct view *view,
    struct sums *sums)
{
    struct view_object object;

    for (uint32_t i = 0; i < view_objects(view); i++) {
        view_object(view, i, &object);
        if (object.state == OBJECT_LIVE)
            list_object(listing, view, &object, sums);
    }
}

/* ---- the arena ---- */

/* Memory of a segment that was touched, in RAM or swapped out. */
static uint64_t
memory_of(int id)
{
    char line[512];
    uint64_t bytes = 0;
    FILE *f = fopen("/proc/sysvipc/shm", "re");

    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        unsigned long long resident, swapped;
        int seen;

        if (sscanf(line,
                "%*d %d %*o %*u %*d %*d %*u %*u %*u %*u %*u %*u %*u %*u "
                "%llu %llu", &seen, &resident, &swapped) == 3 &&
            seen == id)
            bytes = resident + swapped;
    }
    if (f != NULL)
        fclose(f);
    return bytes;
}

static void
add_janitor(struct table *table, const struct view *view)
{
    pid_t pid = view->tables ? view->it.arena.head->janitor : 0;

    if (!view->tables)
        table_none(table, "?");
    else if (pid <= 0)
        table_none(table, "none");
    else if (kill(pid, 0) < 0 && errno == ESRCH)
        table_none(table, "dead");
    else
        table_number(table, (uint64_t) pid);
}

static void
add_sums(struct table *table, const struct view *view,
    const struct sums *sums)
{
    if (!view->tables) {
        for (int i = 0; i < 4; i++)
            table_none(table, "?");
        return;
    }
    table_number(table, sums->alive);
    table_number(table, sums->dead);
    table_number(table, sums->objects);
    table_number(table, sums->bytes);
}

static void
add_arena(struct listing *listing, const struct view *view,
    const struct sums *sums)
{
    struct table *table = &listing->arenas;

    table_line(table);
    add_arena_name(table, view);
    table_text(table, "%s", view_verdict(view));
    if (view->it.creator > 0)
        table_number(table, (uint64_t) view->it.creator);
    else
        table_none(table, "?");
    add_janitor(table, view);
    if (view->tables)
        add_age(table, listing, view->it.arena.head->created);
    else
        table_none(table, "?");
    add_sums(table, view, sums);
}

static void
list_arena(struct listing *listing, const struct listed *listed)
{
    struct view view;
    struct sums sums = { .alive = 0 };

    view_open(&view, listed);
    if (view.tables)
        sums.bytes = memory_of(view.it.arena.segment);
    list_processes(listing, &view, &sums);
    list_objects(listing, &view, &sums);
    add_arena(listing, &view, &sums);
    view_close(&view);
    table_flush(&listing->arenas);
    table_flush(&listing->processes);
    table_flush(&listing->objects);
}

int
verb_list(const struct options *options)
{
    struct listing listing = { .now = time(NULL) };
    size_t n;
    struct listed *listed = view_listed(&n);

    (void) options;
    table_begin(&listing.arenas, "arenas", arena_columns, N(arena_columns));
    table_begin(&listing.processes, "processes", process_columns,
        N(process_columns));
    table_begin(&listing.objects, "objects", object_columns,
        N(object_columns));
    if (n == 0 && !output_json())
        puts("no arenas");
    for (size_t i = 0; i < n; i++)
        list_arena(&listing, &listed[i]);
    free(listed);
    table_end(&listing.arenas);
    table_end(&listing.processes);
    table_end(&listing.objects);
    return DONE;
}
