/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lock-owner-dead.c: F1: a lock's holder ends without releasing, in whatever
 * way; the next acquirer holds the lock and is told, whether it comes later,
 * sleeps, or is just arriving; and it is told again until somebody who was
 * told has released.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum way { KILLED, EXITS, EXITS_AT_ONCE, LEAVES, DESTROYS, EXECS, WAYS };

static const char *const way_names[WAYS] = {
    "is killed", "calls exit", "calls _exit", "leaves",
    "destroys its handle", "execs a program, which ends"
};

enum { ROUNDS = 300, SLEEPERS = 3 };

static struct {
    _Atomic int held, go, left, told, order;
    _Atomic int result[SLEEPERS];
    _Atomic int rank[SLEEPERS];
} *stage;

static struct sysvmp_lock *lock;
static int program_input[2] = {-1, -1};

static void
reset(void)
{
    stage->held = stage->go = stage->left = stage->told = stage->order = 0;
}

/* Its stdin is a pipe(2): it ends when we close that. */
static void
exec_program(void)
{
    dup2(program_input[0], 0);
    close(program_input[0]);
    close(program_input[1]);
    execlp("cat", "cat", (char *)NULL);
    _exit(127);
}

static int
hold(void *arg)
{
    enum way way = *(const enum way *)arg;

    if (sysvmp_lock_acquire(lock, SYSVMP_FOREVER) < 0)
        return 1;
    stage->held = 1;
    if (way == KILLED)
        for (;;)
            pause();
    until(&stage->go, 1);
    if (way == EXECS)
        exec_program();
    if (way == EXITS)
        exit(0);
    if (way == LEAVES || way == DESTROYS) {
        if (way == DESTROYS)
            sysvmp_lock_destroy(lock);
        else if (sysvmp_leave() < 0)
            return 1;
        stage->left = 1;
        for (;;)
            pause();
    }
    return 0;
}

static pid_t
start_holder(enum way way)
{
    pid_t pid;

    if (way == EXECS && pipe(program_input) < 0)
        bail("pipe");
    pid = child(hold, &way);
    until(&stage->held, 1);
    if (way == EXECS)
        close(program_input[0]);
    return pid;
}

static int
is_cat(void *arg)
{
    char path[64], name[16] = "";
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/comm", (int)*(pid_t *)arg);
    f = fopen(path, "re");
    if (f) {
        if (!fgets(name, sizeof(name), f))
            name[0] = '\0';
        fclose(f);
    }
    return name[0] == 'c' && name[1] == 'a' && name[2] == 't';
}

/* Answers once it has ended, or given up. */
static void
end_holder(pid_t pid, enum way way)
{
    stage->go = 1;
    if (way == LEAVES || way == DESTROYS)
        until(&stage->left, 1);
    if (way == EXECS) {
        until_true(is_cat, &pid, "exec");
        is_int(-EAGAIN, sysvmp_lock_acquire(lock, SYSVMP_NOWAIT),
            "... the program that it execs holds the lock");
        close(program_input[1]);
    }
    if (way == LEAVES || way == DESTROYS)
        return; /* it lives on */
    if (way == KILLED)
        slay(pid);
    else
        is_int(0, reap(pid), "... the holder has ended well");
}

/* Who comes later. */
static void
comes_later(enum way way)
{
    pid_t pid;

    reset();
    pid = start_holder(way);
    is_int(-EAGAIN, sysvmp_lock_acquire(lock, SYSVMP_NOWAIT),
        "lock-owner-dead: before the holder %s, the lock is held",
        way_names[way]);
    end_holder(pid, way);
    is_int(0, sysvmp_lock_locked(lock), "... then locked() says no");
    is_int(0, sysvmp_lock_owner(lock), "... and nobody is its owner");
    is_int(SYSVMP_OWNER_DEAD, sysvmp_lock_acquire(lock, SYSVMP_NOWAIT),
        "... the next acquirer is told, also with NOWAIT");
    is_int(getpid(), sysvmp_lock_owner(lock), "... and holds the lock");
    is_int(0, sysvmp_lock_release(lock), "... and releases it");
    is_int(0, sysvmp_lock_acquire(lock, SYSVMP_NOWAIT),
        "... the one after that is not told");
    is_int(0, sysvmp_lock_release(lock), "... nor in the way");
    if (way == LEAVES || way == DESTROYS)
        slay(pid);
}

static int
wait_for_lock(void *arg)
{
    int i = *(const int *)arg;
    int result;

    close(program_input[1]);
    result = sysvmp_lock_acquire(lock, SYSVMP_FOREVER);
    stage->result[i] = result;
    stage->rank[i] = ++stage->order;
    stage->told = stage->told + 1;
    if (sysvmp_lock_owner(lock) != getpid())
        return 1;
    return sysvmp_lock_release(lock) == 0 ? 0 : 1;
}

static void
sleeps(enum way way)
{
    int first = 0;
    pid_t holder, waiter;

    reset();
    stage->result[0] = -1;
    holder = start_holder(way);
    waiter = child(wait_for_lock, &first);
    ok(asleep(waiter), "lock-owner-dead: a waiter sleeps; the holder %s",
        way_names[way]);
    end_holder(holder, way);
    is_int(0, reap(waiter), "... the waiter gets the lock");
    is_int(SYSVMP_OWNER_DEAD, stage->result[0], "... and is told");
    if (way == LEAVES || way == DESTROYS)
        slay(holder);
}

/* Whoever is first is told, and only that one: it releases. */
static void
several_sleep(void)
{
    int index[SLEEPERS], told = 0, first = -1;
    pid_t holder, waiter[SLEEPERS];

    reset();
    holder = start_holder(KILLED);
    for (int i = 0; i < SLEEPERS; i++) {
        index[i] = i;
        waiter[i] = child(wait_for_lock, &index[i]);
        asleep(waiter[i]);
    }
    end_holder(holder, KILLED);
    for (int i = 0; i < SLEEPERS; i++) {
        reap(waiter[i]);
        told += stage->result[i] == SYSVMP_OWNER_DEAD;
        if (stage->rank[i] == 1)
            first = stage->result[i];
    }
    is_int(SLEEPERS, stage->told,
        "lock-owner-dead: all who sleep get the lock, one after the other");
    is_int(SYSVMP_OWNER_DEAD, first, "... the first is told");
    is_int(1, told, "... and nobody else, as it has released");
}

static int
take_and_die(void *arg)
{
    int wanted = *(const int *)arg;

    if (sysvmp_lock_acquire(lock, SYSVMP_NOWAIT) != wanted)
        return 1;
    kill(getpid(), SIGKILL);
    return 2;
}

static int
release_it(void *arg)
{
    (void)arg;
    return sysvmp_lock_release(lock) == 0 ? 0 : 1;
}

static void
told_again(void)
{
    int wanted[3] = {0, SYSVMP_OWNER_DEAD, SYSVMP_OWNER_DEAD};

    for (int i = 0; i < 3; i++)
        is_int(-SIGKILL, reap(child(take_and_die, &wanted[i])),
            "lock-owner-dead: holder %d, %s, dies", i + 1,
            wanted[i] ? "who was told" : "the first");
    is_int(SYSVMP_OWNER_DEAD, sysvmp_lock_acquire(lock, 1000),
        "... the next is told again, as none of them has released");
#ifndef SYSVMP_PLAIN_LOCK
    is_int(0, reap(child(release_it, NULL)),
        "... another process, who was not told, releases it");
    is_int(SYSVMP_OWNER_DEAD, sysvmp_lock_acquire(lock, 1000),
        "... so the next is told again");
#else
    (void)release_it;
    skip(2, "a plain lock is released by its holder only");
#endif
    is_int(0, sysvmp_lock_release(lock), "... who was told has released");
    is_int(0, sysvmp_lock_acquire(lock, 1000), "... the next is not told");
    is_int(0, sysvmp_lock_release(lock), "... nor in the way");
}

/* The holder dies at another moment each time while the waiter arrives,
 * spins, and falls asleep. */
static void
arrives(void)
{
    unsigned random = 1;
    int told = 0, held = 0;

    for (int i = 0; i < ROUNDS; i++) {
        pid_t holder;
        int result;

        reset();
        holder = start_holder(KILLED);
        kill(holder, SIGKILL);
        for (unsigned n = chance(&random, 20000); n > 0; n--)
            atomic_load(&stage->go);
        result = sysvmp_lock_acquire(lock, 10000);
        told += result == SYSVMP_OWNER_DEAD;
        held += result >= 0 && sysvmp_lock_owner(lock) == getpid() &&
            sysvmp_lock_release(lock) == 0;
        reap(holder);
    }
    is_int(ROUNDS, told,
        "lock-owner-dead: holders die while the next arrives: it is told");
    is_int(ROUNDS, held, "... and holds the lock");
}

int
main(void)
{
    plan(WAYS * 8 + 4 + WAYS * 3 + 4 + 3 + 9 + 2);
    stage = shared(sizeof(*stage));
    must(sysvmp_lock_create(&lock), "lock_create");
    for (enum way way = 0; way < WAYS; way++)
        comes_later(way);
    for (enum way way = 0; way < WAYS; way++)
        sleeps(way);
    several_sleep();
    told_again();
    arrives();
    sysvmp_lock_destroy(lock);
    return done();
}
