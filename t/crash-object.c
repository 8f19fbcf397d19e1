/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crash-object.c: a process killed at each point of the create and the
 * destroy of each noun, also as one of two threads, and with the next who
 * creates and destroys killed in it, too.  Others go on creating, using and
 * destroying, and nothing is lost of what objects are cut from.
 */
#include <config.h>

#include "internal.h"

#include "arena.h"
#include "block.h"
#include "crash.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

/* A noun; a pipe is its two ends. */
struct noun {
    const char *name;
    int (*create)(void *handle[2]);
    int (*use)(void *handle[2]); /* 0: it works */
    void (*destroy)(void *handle[2]);
};

static const struct noun *noun;
static void *ours[2], *victims[2];
/* Before the victim was there: objects of the kernel, slots in use. */
static int left_before, slots_before;

static int
create_lock(void *handle[2])
{
    return sysvmp_lock_create((struct sysvmp_lock **)&handle[0]);
}

static int
use_lock(void *handle[2])
{
    return sysvmp_lock_acquire(handle[0], SYSVMP_NOWAIT) +
        sysvmp_lock_release(handle[0]);
}

static void
destroy_lock(void *handle[2])
{
    sysvmp_lock_destroy(handle[0]);
}

static int
create_rlock(void *handle[2])
{
    return sysvmp_rlock_create((struct sysvmp_rlock **)&handle[0]);
}

static int
use_rlock(void *handle[2])
{
    return sysvmp_rlock_acquire(handle[0], SYSVMP_NOWAIT) +
        sysvmp_rlock_release(handle[0]);
}

static void
destroy_rlock(void *handle[2])
{
    sysvmp_rlock_destroy(handle[0]);
}

static int
create_queue(void *handle[2])
{
    return sysvmp_queue_create((struct sysvmp_queue **)&handle[0], 3, 0);
}

static int
use_queue(void *handle[2])
{
    char byte;

    return sysvmp_queue_put(handle[0], "x", 1, SYSVMP_NOWAIT) +
        (sysvmp_queue_get(handle[0], &byte, 1, SYSVMP_NOWAIT) != 1);
}

static void
destroy_queue(void *handle[2])
{
    sysvmp_queue_destroy(handle[0]);
}

static int
create_pipe(void *handle[2])
{
    return sysvmp_pipe_create((struct sysvmp_conn **)handle, 0);
}

static int
create_told_pipe(void *handle[2])
{
    return sysvmp_pipe_create((struct sysvmp_conn **)handle, SYSVMP_FILENO);
}

static int
use_pipe(void *handle[2])
{
    char byte;

    return sysvmp_conn_send(handle[0], "x", 1, SYSVMP_NOWAIT) +
        (sysvmp_conn_recv(handle[1], &byte, 1, SYSVMP_NOWAIT) != 1);
}

static void
destroy_pipe(void *handle[2])
{
    sysvmp_conn_destroy(handle[0]);
    sysvmp_conn_destroy(handle[1]);
}

static int
create_condition(void *handle[2])
{
    return sysvmp_condition_create((struct sysvmp_condition **)&handle[0],
        NULL);
}

static int
use_condition(void *handle[2])
{
    return sysvmp_condition_acquire(handle[0], SYSVMP_NOWAIT) +
        (sysvmp_condition_wait(handle[0], SYSVMP_NOWAIT) != -EAGAIN) +
        sysvmp_condition_notify(handle[0], 1) +
        sysvmp_condition_release(handle[0]);
}

static void
destroy_condition(void *handle[2])
{
    sysvmp_condition_destroy(handle[0]);
}

static int
create_barrier(void *handle[2])
{
    return sysvmp_barrier_create((struct sysvmp_barrier **)&handle[0], 1,
        NULL, NULL);
}

static int
use_barrier(void *handle[2])
{
    return sysvmp_barrier_wait(handle[0], SYSVMP_NOWAIT) +
        sysvmp_barrier_reset(handle[0]);
}

static void
destroy_barrier(void *handle[2])
{
    sysvmp_barrier_destroy(handle[0]);
}

static const struct noun nouns[] = {
    {"lock", create_lock, use_lock, destroy_lock},
    {"rlock", create_rlock, use_rlock, destroy_rlock},
    {"queue", create_queue, use_queue, destroy_queue},
    {"pipe", create_pipe, use_pipe, destroy_pipe},
    {"condition", create_condition, use_condition, destroy_condition},
    {"barrier", create_barrier, use_barrier, destroy_barrier},
    {"pipe with descriptors", create_told_pipe, use_pipe, destroy_pipe},
};

enum { NOUNS = sizeof(nouns) / sizeof(nouns[0]) };

static int
slots_in_use(void)
{
    int sum = 0;

    for (uint32_t i = 0; i < 3; i++) {
        const struct block *block =
            arena_entry(arena_current, &arena_current->head->blocks, i);

        sum += __builtin_popcountll(shm_load(&block->slots));
    }
    return sum;
}

static void
create(void)
{
    must(noun->create(ours), "create");
    left_before = ipc_left();
    slots_before = slots_in_use();
}

static int
create_another(void)
{
    return noun->create(victims);
}

static void
create_victims(void)
{
    must(noun->create(victims), "create");
}

static int
destroy_victims(void)
{
    noun->destroy(victims);
    return 0;
}

static int
destroy_ours(void)
{
    noun->destroy(ours);
    return 0;
}

/* A child of the tester, forked after the victim's end. */
static int
use_ours(void)
{
    return noun->use(ours);
}

static void
look(const struct crash_end *end)
{
    void *next[2];

    if (end->acknowledged)
        want(0, end->answer, "the victim's call");
    want(0, noun->use(ours), "use of what was there");
    want(0, peer_end(peer(use_ours)), "use by a child forked then");
    /* What the dead have left goes when the next one looks for it. */
    shm_store(&arena_current->head->garbage, 1);
    must(noun->create(next), "create");
    want(0, noun->use(next), "use of what was created then");
    noun->destroy(next);
    want(left_before, ipc_left(), "objects of the kernel");
    want(slots_before, slots_in_use(), "slots in use");
    noun->destroy(ours);
}

/* What the victim has left is for the first who looks for it. */
static int
create_and_destroy(void)
{
    void *next[2];
    int result;

    atomic_store(&arena_current->head->garbage, 1);
    result = noun->create(next);
    if (result < 0)
        return 1;
    result = noun->use(next);
    noun->destroy(next);
    return result;
}

static void
keep_creating(void)
{
    want(0, create_and_destroy(), "create and use by another thread");
}

static void (*look_then)(const struct crash_end *end);

static void
look_after_heir(const struct crash_end *end)
{
    int code = heir_end();

    if (code != -SIGKILL)
        want(0, code, "create and use by the heir");
    look_then(end);
}

/* Alone, as one of two threads, and with an heir. */
static void
run(const char *call, const struct crash_case *crash_case)
{
    struct crash_case named = *crash_case;
    char name[80];

    snprintf(name, sizeof(name), "%s %s", noun->name, call);
    named.name = name;
    crash_run(&named);
    look_then = named.look;
    if (named.look == look)
        crash_run_beside_loop(&named, keep_creating);
    named.look = look_after_heir;
    crash_run_heir(&named, create_and_destroy);
}

static void
noun_cases(void)
{
    static const struct crash_case creates = {NULL, create, NULL, NULL,
        create_another, NULL, look, ENDS};
    static const struct crash_case destroys = {NULL, create, create_victims,
        NULL, destroy_victims, NULL, look, ENDS};
    static const struct crash_case drops = {NULL, create, NULL, NULL,
        destroy_ours, NULL, look, ENDS};

    run("create", &creates);
    run("destroy, by the last who has it", &destroys);
    run("destroy, while others have it", &drops);
}

/*
 * The set of semaphores is full: another one is made.
 */

enum { FULL = BLOCK_SLOT_COUNT };

static void *full[FULL][2];

/* Ours is the first, then locks until it is full. */
static void
create_full(void)
{
    create();
    for (int i = 0; i < FULL; i++)
        full[i][0] = NULL;
    for (int i = 0; slots_in_use() < BLOCK_SLOT_COUNT; i++)
        must(nouns[0].create(full[i]), "create");
}

static void
look_full(const struct crash_end *end)
{
    void *next[2];

    if (end->acknowledged)
        want(0, end->answer, "the victim's create");
    want(0, noun->use(ours), "use of what was there");
    want(0, peer_end(peer(use_ours)), "use by a child");
    must(noun->create(next), "create");
    must(noun->create(victims), "create");
    want(0, noun->use(next), "use of what was created then");
    want(0, noun->use(victims), "... and of another one");
    noun->destroy(next);
    noun->destroy(victims);
    for (int i = 0; i < FULL; i++)
        if (full[i][0] != NULL)
            nouns[0].destroy(full[i]);
    noun->destroy(ours);
}

static void
full_case(void)
{
    static const struct crash_case creates = {NULL, create_full, NULL, NULL,
        create_another, NULL, look_full, ENDS};

    run("create, where the set is full", &creates);
}

int
main(void)
{
    plan(3 * 3 * NOUNS + 2 * 2);
    for (noun = nouns; noun < nouns + NOUNS; noun++)
        noun_cases();
    noun = &nouns[2];
    full_case();
    noun = &nouns[3];
    full_case();
    return done();
}
