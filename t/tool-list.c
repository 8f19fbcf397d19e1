/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tool-list.c: sysvmp list shows a live program as it is: its processes, the
 * depth of its queues, who holds its locks, who waits; and it neither fails
 * nor leaves anything while programs come and go.
 */
#include <config.h>

#include "child.h"
#include "tool.h"

#include <signal.h>
#include <sys/prctl.h>

enum { LISTINGS = 30, WAITERS = 5 };

/* In the order in which they are made, which is in their names. */
static struct sysvmp_queue *deep, *empty, *full;
static struct sysvmp_lock *held, *orphaned, *idle;
static struct sysvmp_rlock *again;
static struct sysvmp_conn *end[2];
static struct sysvmp_semaphore *plain, *permits;
static struct sysvmp_event *event;

static struct {
    _Atomic int ready, up, waiting, over;
    int pid[WAITERS], killed;
} *stage;

static int
get(void)
{
    char c;

    return (int)sysvmp_queue_get(empty, &c, 1, SYSVMP_FOREVER);
}

static int
put(void)
{
    return sysvmp_queue_put(full, "x", 1, SYSVMP_FOREVER);
}

static int
acquire(void)
{
    return sysvmp_lock_acquire(held, SYSVMP_FOREVER);
}

static int
acquire_again(void)
{
    return sysvmp_rlock_acquire(again, SYSVMP_FOREVER);
}

static int
wait_for_event(void)
{
    return sysvmp_event_wait(event, SYSVMP_FOREVER);
}

static int (*const waits[])(void) = {get, put, acquire, acquire_again,
    wait_for_event};

static int
wait_in(void *arg)
{
    atomic_fetch_add(&stage->waiting, 1);
    return waits[*(int *)arg]();
}

static int
die_holding(void *arg)
{
    (void)arg;
    must(sysvmp_lock_acquire(orphaned, 0), "acquire");
    atomic_store(&stage->up, 1);
    for (;;)
        pause();
    return 0;
}

static void
make_objects(void)
{
    must(sysvmp_queue_create(&deep, 0, 0), "queue_create");
    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
    must(sysvmp_lock_create(&held), "lock_create");
    must(sysvmp_queue_create(&empty, 0, 0), "queue_create");
    must(sysvmp_queue_create(&full, 1, 0), "queue_create");
    must(sysvmp_lock_create(&orphaned), "lock_create");
    must(sysvmp_rlock_create(&again), "rlock_create");
    must(sysvmp_lock_create(&idle), "lock_create");
    must(sysvmp_semaphore_create(&plain, 3, 0, 0), "semaphore_create");
    must(sysvmp_semaphore_create(&permits, 3, 0, SYSVMP_PERMITS), "create");
    must(sysvmp_event_create(&event), "event_create");
    must(sysvmp_semaphore_acquire(plain, 0), "acquire");
    for (int i = 0; i < 3; i++)
        must(sysvmp_queue_put(deep, "0123456789", 10, 0), "put");
    must(sysvmp_conn_send(end[1], "x", 1, 0), "send");
    must(sysvmp_queue_put(full, "x", 1, 0), "put");
    must(sysvmp_lock_acquire(held, 0), "acquire");
    must(sysvmp_rlock_acquire(again, 0), "acquire");
}

static int
program(void *arg)
{
    static int number[WAITERS] = {0, 1, 2, 3, 4};

    (void)arg;
    make_objects();
    stage->killed = child(die_holding, NULL);
    until(&stage->up, 1);
    for (int i = 0; i < WAITERS; i++)
        stage->pid[i] = child(wait_in, &number[i]);
    until(&stage->waiting, WAITERS);
    slay(stage->killed); /* last, so that nobody takes its seat */
    atomic_store(&stage->ready, 1);
    for (;;)
        pause();
    return 0;
}

/* A field of the kernel's own table of queues, by the queue's id. */
static const char *
kernel_says(const char *id, int field)
{
    static char line[512];
    FILE *f = fopen("/proc/sysvipc/msg", "re");
    char *word = NULL, *rest;

    while (f && fgets(line, sizeof(line), f)) {
        strtok_r(line, " ", &rest);
        word = strtok_r(NULL, " ", &rest);
        if (word && strcmp(word, id) == 0)
            break;
        word = NULL;
    }
    for (int i = 1; word && i < field; i++)
        word = strtok_r(NULL, " ", &rest);
    if (f)
        fclose(f);
    return word ? word : "no such queue";
}

static void
queues_are_shown(void)
{
    char id[128], bytes[128];

    is_str("3", member_of("objects", "queue-0", "messages"),
        "list: a queue with 3 messages");
    snprintf(id, sizeof(id), "%s", member_of("objects", "queue-0", "id"));
    snprintf(bytes, sizeof(bytes), "%s",
        member_of("objects", "queue-0", "bytes"));
    is_str(kernel_says(id, 3), bytes, "... as many bytes as the kernel says");
    is_str("0", member_of("objects", "queue-0", "waiters"),
        "... at which nobody waits");
    is_str("1", member_of("objects", "pipe-1", "messages"),
        "a pipe with one message");
    is_str("0", member_of("objects", "queue-3", "messages"),
        "a queue with none");
    is_str("1", member_of("objects", "queue-3", "waiters"),
        "... at which one waits");
    is_str("0", member_of("objects", "queue-3", "senders"),
        "... for a message");
    is_str("1", member_of("objects", "queue-4", "waiters"),
        "a full queue, at which one waits");
    is_str("1", member_of("objects", "queue-4", "senders"), "... for room");
}

static void
locks_are_shown(const char *holder)
{
    char killed[16];

    snprintf(killed, sizeof(killed), "%d", stage->killed);
    is_str(holder, member_of("objects", "lock-2", "holder"),
        "list: a lock, and who holds it");
    is_str("held", member_of("objects", "lock-2", "state"), "... alive");
    is_str("1", member_of("objects", "lock-2", "waiters"),
        "... while one waits");
    is_str("dead", member_of("objects", "lock-5", "state"),
        "a lock whose holder was killed");
    is_str(killed, member_of("objects", "lock-5", "holder"),
        "... and who that was");
    is_str(holder, member_of("objects", "rlock-6", "holder"),
        "an rlock, and who holds it");
    is_str("1", member_of("objects", "rlock-6", "waiters"),
        "... while one waits");
    is_str("free", member_of("objects", "lock-7", "state"),
        "a lock that is free");
    is_str("null", member_of("objects", "lock-7", "holder"),
        "... has no holder");
}

static void
others_are_shown(void)
{
    is_str("2 free", member_of("objects", "semaphore-8", "state"),
        "list: a semaphore, and its value");
    is_str("3 free", member_of("objects", "semaphore-9", "state"),
        "one with permits, and its value");
    is_str("clear", member_of("objects", "event-10", "state"),
        "an event that is not set");
    is_str("1", member_of("objects", "event-10", "waiters"),
        "... for which one waits");
}

static void
processes_are_shown(const char *creator)
{
    is_str(creator, member_of("arenas", NULL, "creator"),
        "list: the program's arena");
    is_str("live", member_of("arenas", NULL, "state"), "... is live");
    is_str("6", member_of("arenas", NULL, "alive"), "... with 6 processes");
    is_str("1", member_of("arenas", NULL, "dead"), "... one that was killed");
    is_str("11", member_of("arenas", NULL, "objects"), "... and 11 objects");
    is_int(6, count_of("\"state\": \"alive\""), "... all of those are shown");
    is_str(creator, member_of("processes", "alive", "pid"),
        "... the creator among them");
}

static void
a_live_program(void)
{
    pid_t pid = child(program, NULL);
    char creator[16];

    snprintf(creator, sizeof(creator), "%d", (int)pid);
    until(&stage->ready, 1);
    for (int i = 0; i < WAITERS; i++)
        asleep(stage->pid[i]);
    is_int(0, tool("list --json"), "list: --json");
    processes_are_shown(creator);
    queues_are_shown();
    locks_are_shown(creator);
    others_are_shown();
    is_int(0, tool("list"), "list: as tables");
    ok(strstr(tool_output, creator) != NULL, "... that name the creator");
    ok(strstr(tool_output, "rlock-6") != NULL, "... and the objects");
    slay(pid);
    for (int i = 0; i < WAITERS; i++) /* orphans, that have come home to us */
        slay(stage->pid[i]);
}

static int
come_and_go(void *arg)
{
    struct sysvmp_queue *q;

    (void)arg;
    while (!atomic_load(&stage->over)) {
        must(sysvmp_queue_create(&q, 0, 0), "queue_create");
        must(sysvmp_leave(), "leave");
        atomic_fetch_add(&stage->up, 1);
    }
    return 0;
}

static void
programs_that_come_and_go(void)
{
    pid_t pid;
    int good = 0;

    atomic_store(&stage->up, 0);
    pid = child(come_and_go, NULL);
    until(&stage->up, 1);
    for (int i = 0; i < LISTINGS; i++)
        good += tool("list --json") == 0 && tool("clean") == 0;
    is_int(LISTINGS, good, "list: %d times while arenas come and go",
        LISTINGS);
    ok(atomic_load(&stage->up) > 1, "... as they did");
    atomic_store(&stage->over, 1);
    is_int(0, reap(pid), "... and their program never noticed");
}

static int
nothing_left(void *arg)
{
    (void)arg;
    return ipc_left() == 0;
}

int
main(void)
{
    enum { TESTS = 39 };

    plan(TESTS);
    if (!have_tool(TESTS))
        return done();
    if (!ipc_is_private()) {
        skip(TESTS, "other programs of this user would be shown, too");
        return done();
    }
    stage = shared(sizeof(*stage));
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    is_int(0, tool("list"), "list: where there is nothing");
    is_str("no arenas\n", tool_output, "... it says so");
    is_int(0, ipc_left(), "... and makes nothing");
    a_live_program();
    until_true(nothing_left, NULL, "the janitor's work");
    programs_that_come_and_go();
    return done();
}
