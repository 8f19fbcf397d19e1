/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tool-corrupt.c: whatever a wild pointer has written into an arena, sysvmp
 * list and clean look at it, end in good order, and remove nothing of another
 * program's.
 */
#include "internal.h"

#include "child.h"
#include "tool.h"

/* How the segment is laid out: it is spoilt as a wild pointer would. */
#include "block.h"
#include "member.h"
#include "object.h"

#include <signal.h>
#include <sys/sem.h>
#include <sys/shm.h>

enum { ROUNDS = 150 };

static struct {
    _Atomic int ready;
} *stage;

static int
program(void *arg)
{
    struct sysvmp_conn *end[2];
    struct sysvmp_queue *q;
    struct sysvmp_lock *lock;

    setenv("SYSVMP_JANITOR", "0", 1);
    must(sysvmp_queue_create(&q, 0, 0), "queue_create");
    must(sysvmp_pipe_create(end, 0), "pipe_create");
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_lock_acquire(lock, 0), "acquire");
    atomic_fetch_add(&stage->ready, 1);
    (void)arg;
    for (;;)
        pause();
    return 0;
}

static struct arena_head *
attached(void)
{
    unsigned long key;
    void *head;

    tool("list --json");
    key = strtoul(member_of("arenas", "live", "arena"), NULL, 16);
    head = shmat(shmget((key_t)key, 0, 0), NULL, 0);
    if (head == (void *)-1)
        bail("shmat: %s", strerror(errno));
    return head;
}

/* What is worth it: the head, and the first entries of three tables. */
struct region {
    char *at;
    size_t size;
    char before[4096];
};

static void
choose(struct region regions[4], struct arena_head *head)
{
    char *base = (char *)head;
    const struct region chosen[4] = {
        {.at = base, .size = 512},
        {.at = base + head->members.offset, .size = 256},
        {.at = base + head->blocks.offset, .size = 64},
        {.at = base + head->objects.offset, .size = 4 * 256},
    };

    for (int i = 0; i < 4; i++) {
        regions[i] = chosen[i];
        memcpy(regions[i].before, chosen[i].at, chosen[i].size);
    }
}

/* A few words of one region become what is often wrong, or anything. */
static void
spoil(struct region *region, unsigned *state)
{
    static const uint32_t often[] = {0, 1, 144, 4096, 32767, 32768, 65535,
        0x7fffffff, 0x80000000, 0xffffffff};
    int words = 1 + (int)chance(state, 8);

    for (int i = 0; i < words; i++) {
        size_t word = chance(state, (unsigned)region->size / 4);
        uint32_t value = chance(state, 3) == 0
            ? chance(state, 0x7fffffff) * 2u
            : often[chance(state, 10)];

        memcpy(region->at + 4 * word, &value, 4);
    }
}

static void
restore(struct region regions[4])
{
    for (int i = 0; i < 4; i++)
        memcpy(regions[i].at, regions[i].before, regions[i].size);
}

/* Its status may be 0 or, as something could not be removed, 1; a signal or a
 * sanitizer's report is neither. */
static int
survives(const char *arguments)
{
    int status = tool(arguments);

    if ((status == 0 || status == 1) && !strstr(tool_output, "ERROR: "))
        return 1;
    diag("%s: status %d: %.2000s", arguments, status, tool_output);
    return 0;
}

static void
spoilt_in_many_ways(struct region regions[4])
{
    unsigned state = 20261122;
    int listed = 0, kept = 0, before = ipc_left();

    diag("the seed is %u", state);
    for (int i = 0; i < ROUNDS; i++) {
        spoil(&regions[chance(&state, 4)], &state);
        listed += survives(i % 2 ? "list" : "list --json");
        kept += survives("clean --dry-run") && tool("clean") == 0;
        restore(regions);
    }
    is_int(ROUNDS, listed, "corrupt: list, %d times", ROUNDS);
    is_int(ROUNDS, kept, "... and clean");
    is_int(before, ipc_left(), "... which removes nothing while it lives");
    is_int(0, tool("list --json"), "... mended again");
    is_str("live", member_of("arenas", NULL, "state"), "... it is live");
}

/* Each word in turn is as large as can be: an index is checked, or else far
 * outside. */
static void
each_word_all_ones(struct region regions[4])
{
    int words = 0, listed = 0;

    for (int i = 0; i < 4; i++)
        for (size_t at = 0; at < regions[i].size && at < 256; at += 4) {
            memset(regions[i].at + at, 0xff, 4);
            listed += survives("list");
            words++;
            restore(regions);
        }
    is_int(words, listed, "corrupt: list, with each of %d words all ones",
        words);
}

/* The id of the home block is that of a set of somebody else's, larger than
 * any of ours. */
static void
a_foreign_set(struct arena_head *head)
{
    enum { LARGE = 250 };
    int id = semget(IPC_PRIVATE, LARGE, 0600);
    struct block *home = (void *)((char *)head + head->blocks.offset);
    int32_t before = home->semaphores;
    unsigned short values[LARGE];

    for (int i = 0; i < LARGE; i++)
        values[i] = 0x7fff;
    semctl(id, 0, SETALL, values);
    home->semaphores = id;
    is_int(0, tool("list --json"), "corrupt: the id of a set of another's");
    is_str("0", member_of("arenas", NULL, "alive"),
        "... whose values are not taken for ours");
    tool("clean");
    is_int(0, semctl(id, 0, IPC_RMID), "... nor is it removed");
    home->semaphores = before;
}

static void
forced_out(struct arena_head *head)
{
    char command[64];

    tool("list --json");
    snprintf(command, sizeof(command), "clean --force %s",
        member_of("arenas", "live", "arena"));
    head->objects.count = UINT32_MAX;
    is_int(0, tool(command), "corrupt: by force it goes");
    ok(strstr(tool_output, "can't be read") != NULL,
        "... and what stays is told");
    is_int(0, tool("list"), "... it is not listed any more");
    is_str("no arenas\n", tool_output, "... indeed");
}

/* By the clock that its creator had, which may have been a false one. */
static void
made_in_the_future(void)
{
    pid_t pid = child(program, NULL);
    struct arena_head *head;

    until(&stage->ready, 2);
    head = attached();
    head->created = INT64_MAX / 2;
    shmdt(head);
    slay(pid);
    is_int(0, tool("clean"), "corrupt: a dead one, made in the future");
    is_int(0, ipc_left(), "... goes as a whole");
}

int
main(void)
{
    enum { TESTS = 15 };
    static struct region regions[4];
    struct arena_head *head;
    pid_t pid;

    plan(TESTS);
    if (!have_tool(TESTS))
        return done();
    if (!ipc_is_private()) {
        skip(TESTS, "what is left could not be told from others'");
        return done();
    }
    stage = shared(sizeof(*stage));
    pid = child(program, NULL);
    until(&stage->ready, 1);
    head = attached();
    choose(regions, head);
    spoilt_in_many_ways(regions);
    each_word_all_ones(regions);
    a_foreign_set(head);
    forced_out(head);
    slay(pid);
    shmdt(head);
    ipc_remove();
    made_in_the_future();
    return done();
}
