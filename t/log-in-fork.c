/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * log-in-fork.c: the log function may have a lock, that fork handlers of its
 * own take, and it may fork: it is never called from the library's fork
 * handlers, nor with a lock of the library held.  What arises there is told by
 * the process that it is about, at the end of the call or of its next one.
 */
#include <config.h>

#include "crowd.h"
#include "testing.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t logger = PTHREAD_MUTEX_INITIALIZER;
static int in_fork;
static int forks; /* the log function does */

static struct {
    _Atomic int lines, in_fork;
    _Atomic pid_t teller;
    char line[256];
} *told;

static void
before(void)
{
    pthread_mutex_lock(&logger);
    in_fork = 1;
}

static void
after(void)
{
    in_fork = 0;
    pthread_mutex_unlock(&logger);
}

/* The library is linked statically here, so these are there before its own
 * handlers: they are the last before a fork, and the first after it in both,
 * but the library's run inside of theirs where they are registered late. */
static void
handlers(void)
{
    pthread_atfork(before, after, after);
}

static int
nothing(void *arg)
{
    (void) arg;
    return 0;
}

static void
tell(int level, const char *line, void *arg)
{
    (void) level;
    (void) arg;
    if (in_fork) { /* it would hang */
        atomic_fetch_add(&told->in_fork, 1);
        return;
    }
    pthread_mutex_lock(&logger);
    atomic_fetch_add(&told->lines, 1);
    atomic_store(&told->teller, getpid());
    snprintf(told->line, sizeof(told->line), "%s", line);
    pthread_mutex_unlock(&logger);
    if (forks)
        (void) reap(child(nothing, NULL));
}

static void
forget(void)
{
    atomic_store(&told->lines, 0);
    atomic_store(&told->teller, 0);
    told->line[0] = '\0';
}

/* Under the registry's lock. */
static void
first_object(struct sysvmp_lock **lock)
{
    setenv("SYSVMP_JANITOR", "/nowhere/janitor", 1);
    forks = 1;
    must(sysvmp_lock_create(lock), "lock_create");
    forks = 0;
    is_int(1, atomic_load(&told->lines),
        "log-in-fork: the first object has no janitor: the log, which forks, "
        "is told: %s", told->line);
}

static int
no_attach(enum seam call)
{
    return call == SEAM_SHMAT ? -ENOMEM : 0;
}

/* In the handler before the fork. */
static void
cradle(struct sysvmp_lock *lock)
{
    pid_t pid;

    forget();
    testing_fault = no_attach;
    pid = child(nothing, NULL);
    testing_fault = NULL;
    is_int(0, reap(pid), "log-in-fork: no memory for the cradle");
    is_int(0, atomic_load(&told->lines), "... the child says nothing");
    is_int(-EOVERFLOW, sysvmp_lock_release(lock), "... with the next call");
    is_int(getpid(), atomic_load(&told->teller), "... the parent tells: %s",
        told->line);
    is_int(1, atomic_load(&told->lines), "... once");
}

/* In the handler in the child. */
static int
call_twice(void *arg)
{
    int first, second;

    if (atomic_load(&told->lines) != 0)
        return 1;
    first = sysvmp_lock_locked(arg);
    second = sysvmp_lock_locked(arg);
    return first != -ENOSPC || second != -ENOSPC ? 2
        : atomic_load(&told->teller) != getpid() ? 3 : 0;
}

static void
seatless(struct sysvmp_lock *lock)
{
    forget();
    crowd_gather(SEATS - 1);
    is_int(0, reap(child(call_twice, lock)),
        "log-in-fork: a child without a seat tells so at its first call: %s",
        told->line);
    is_int(1, atomic_load(&told->lines), "... once");
    crowd_dismiss(crowd_size);
}

int
main(void)
{
    struct sysvmp_lock *lock;

    plan(1 + 5 + 2 + 1);
    told = shared(sizeof(*told));
    handlers();
    sysvmp_set_log(tell, NULL);
    first_object(&lock);
    cradle(lock);
    seatless(lock);
    is_int(0, atomic_load(&told->in_fork),
        "log-in-fork: never in a fork handler");
    sysvmp_lock_destroy(lock);
    return done();
}
