/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tool-clean.c: sysvmp clean removes what was left by a program that was
 * killed together with its janitor, and nothing else; a living arena goes by
 * --force alone, and its processes are told.
 */
#include <config.h>

#include "child.h"
#include "tool.h"

#include <signal.h>

static struct sysvmp_queue *queue;

static struct {
    _Atomic int ready[2];
} *stage;

/* 3 queues, 1 set, 2 segments. */
static void
make_objects(void)
{
    struct sysvmp_conn *end[2];
    struct sysvmp_lock *lock;

    must(sysvmp_queue_create(&queue, 0, 0), "queue_create");
    must(sysvmp_pipe_create(end, 0), "pipe_create");
    must(sysvmp_lock_create(&lock), "lock_create");
}

/* Ends with what it is told; without a janitor where *arg is 0. */
static int
program(void *arg)
{
    int with_janitor = *(int *)arg;
    char c;

    if (!with_janitor)
        setenv("SYSVMP_JANITOR", "0", 1);
    make_objects();
    atomic_store(&stage->ready[with_janitor], 1);
    return -(int)sysvmp_queue_get(queue, &c, 1, SYSVMP_FOREVER);
}

static pid_t
run(int with_janitor)
{
    pid_t pid;

    atomic_store(&stage->ready[with_janitor], 0);
    pid = child(program, &with_janitor);
    until(&stage->ready[with_janitor], 1);
    asleep(pid);
    return pid;
}

/* Of the one arena in that state. */
static const char *
name_of(const char *state)
{
    tool("list --json");
    return member_of("arenas", state, "arena");
}

static void
removed(const char *arena, const char *really)
{
    is_str("3", member_of("arenas", arena, "queues"), "... 3 queues");
    is_str("1", member_of("arenas", arena, "sets"), "... 1 set");
    is_str("2", member_of("arenas", arena, "segments"), "... 2 segments");
    is_str(really, member_of("arenas", arena, "removed"), "... removed: %s",
        really);
}

static void
the_dead_alone(void)
{
    int left;
    char dead[128];
    pid_t live, killed;

    live = run(1);
    left = ipc_left();
    killed = run(0);
    is_int(0, tool("list --json"), "clean: two programs live");
    is_int(2, count_of("\"state\": \"live\""), "... and are shown so");
    ok(strstr(tool_output, "\"janitor\": null") != NULL,
        "... one of them has no janitor");
    slay(killed);
    snprintf(dead, sizeof(dead), "%s", name_of("dead"));
    is_int(8, (int64_t)strlen(dead), "it is killed: it is shown dead");
    is_str("1", member_of("arenas", dead, "dead"), "... with one dead seat");
    is_str("0", member_of("arenas", dead, "alive"), "... and nobody alive");
    is_int(0, tool("clean --dry-run --json"), "clean: --dry-run");
    removed(dead, "false");
    is_int(left + 6, ipc_left(), "... all of it is still there");
    is_int(0, tool("clean --json"), "clean: in earnest");
    removed(dead, "true");
    is_int(1, count_of("\"arena\""), "... and of no other");
    is_int(left, ipc_left(), "... so much is gone, and no more");
    is_int(0, tool("clean --json"), "clean: when nothing is dead");
    is_int(0, count_of("\"arena\""), "... removes nothing");
    is_int(left, ipc_left(), "... indeed");
    is_str("1", (name_of("live"), member_of("arenas", NULL, "alive")),
        "... and the other one lives");
    is_int(-SIGKILL, slay(live), "... until it is killed");
}

static int
nothing_left(void *arg)
{
    (void)arg;
    return ipc_left() == 0;
}

static void
by_force(int with_janitor)
{
    char command[256], arena[128];
    int before;
    pid_t live = run(with_janitor);

    snprintf(arena, sizeof(arena), "%s", name_of("live"));
    before = ipc_left();
    snprintf(command, sizeof(command), "clean --dry-run --force %s --json",
        arena);
    is_int(0, tool(command), "clean: --force --dry-run, %s a janitor",
        with_janitor ? "with" : "without");
    removed(arena, "false");
    is_int(before, ipc_left(), "... nothing is gone");
    snprintf(command, sizeof(command), "clean --force %s --json", arena);
    is_int(0, tool(command), "clean: --force");
    removed(arena, "true");
    is_int(EIDRM, reap(live), "... its process is told");
    until_true(nothing_left, NULL, "nothing to be left");
    ok(1, "... and nothing is left");
    is_int(1, tool(command), "clean: --force of what is not there");
}

int
main(void)
{
    enum { TESTS = 24 + 2 * 14 };

    plan(TESTS);
    if (!have_tool(TESTS))
        return done();
    if (!ipc_is_private()) {
        skip(TESTS, "what other programs of this user left would be removed");
        return done();
    }
    stage = shared(sizeof(*stage));
    the_dead_alone();
    until_true(nothing_left, NULL, "the janitor's work");
    by_force(0);
    by_force(1);
    return done();
}
