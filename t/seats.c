/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * seats.c: a program has 1,050 seats for its processes.  A process for which
 * there is none is not started, and the code says why.  A seat that was
 * reserved for a child comes back if that child, its parent or both die before
 * the child has claimed it.
 */
#include <config.h>

#include "crowd.h"

#include <pthread.h>
#include <string.h>
#include <sys/wait.h>

static struct sysvmp_lock *lock;
static _Atomic int *ran;

/* Who dies in the next fork of this process, before the child is a member. */
static enum { NOBODY, CHILD, BOTH } dies;

static void
in_parent(void)
{
    if (dies == BOTH)
        kill(getpid(), SIGKILL);
}

static void
in_child(void)
{
    if (dies != NOBODY)
        kill(getpid(), SIGKILL);
}

/* The library is linked statically here, so these are there before its own
 * handlers, and run before them. */
__attribute__((__constructor__(101))) static void
install(void)
{
    pthread_atfork(NULL, in_parent, in_child);
}

static int
use_lock(void *arg)
{
    (void) arg;
    atomic_fetch_add(ran, 1);
    return sysvmp_lock_acquire(lock, SYSVMP_FOREVER) != 0 ||
        sysvmp_lock_release(lock) != 0;
}

static void
all_taken(void)
{
    struct sysvmp_process *p = created(use_lock, NULL);

    is_int(-ENOSPC, sysvmp_process_start(p),
        "seats: where all are taken no process is started");
    ok(strstr(sysvmp_last_error(), "1050") != NULL, "... which is told: %s",
        sysvmp_last_error());
    ok(waitpid(-1, NULL, WNOHANG) == 0 && atomic_load(ran) == 0,
        "... and none has run");
    crowd_dismiss(1);
    is_int(0, sysvmp_process_start(p), "... but when there is one again");
    is_int(0, end_of(p), "... it runs, and can use everything");
}

/* The one seat there is was reserved for it. */
static void
child_dies(void)
{
    struct sysvmp_process *p = created(use_lock, NULL);

    dies = CHILD;
    must(sysvmp_process_start(p), "process_start");
    dies = NOBODY;
    is_int(-SIGKILL, end_of(p), "seats: a child dies before it has its seat");
    is_int(0, end_of(started(use_lock, NULL)), "... and another one gets it");
}

/* A member that starts a process, for which there is one seat, and dies with
 * it. */
static int
parent_dies(void *arg)
{
    (void) arg;
    dies = BOTH;
    return sysvmp_process_start(created(use_lock, NULL));
}

static void
both_die(void)
{
    struct sysvmp_process *p[2] = { created(use_lock, NULL),
        created(use_lock, NULL) };

    crowd_dismiss(1);
    is_int(-SIGKILL, reap(child(parent_dies, NULL)),
        "seats: a parent dies with what it has reserved");
    for (int i = 0; i < 2; i++)
        must(sysvmp_process_start(p[i]), "start of one of two");
    is_int(0, end_of(p[0]), "... and both seats are there for others");
    is_int(0, end_of(p[1]), "... the second, too");
}

int
main(void)
{
    plan(5 + 2 + 3);
    ran = shared(sizeof(*ran));
    must(sysvmp_lock_create(&lock), "lock_create");
    crowd_gather(SEATS - 1);
    all_taken();
    child_dies();
    both_die();
    crowd_dismiss(crowd_size);
    sysvmp_lock_destroy(lock);
    return done();
}
