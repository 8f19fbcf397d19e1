/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process.c: makes and starts processes.
 *
 * A process is started by fork(), so the handlers of fork.c register what the
 * child holds.  Its exit code has a place in shared memory before it exists.
 */
#include "internal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "fork.h"
#include "leave.h"
#include "pipe.h"
#include "process.h"
#include "stream.h"

/* Writes a number and the terminating NUL.  Not by snprintf(), whose work
 * space on the stack is a page that each fork makes us fault on again. */
static void
write_number(char *at, uint32_t number)
{
    char digits[10];
    int n = 0;

    do
        digits[n++] = (char) ('0' + number % 10);
    while ((number /= 10) > 0);
    while (n > 0)
        *at++ = digits[--n];
    *at = '\0';
}

/* The default name: Process- and the numbers of ancestors and itself.  Of an
 * ancestry that is too long the oldest are kept. */
static void
name_by_default(struct sysvmp_process *p)
{
    enum { NUMBER = sizeof(":4294967295") };
    const char *above = process_identity(sysvmp_current_process());
    size_t length = strnlen(above,
        sizeof(p->label) - sizeof(PROCESS_LABEL) - NUMBER);
    char *at = p->label;

    while (above[length] != '\0' && above[length] != ':')
        length--; /* whole numbers */
    memcpy(at, PROCESS_LABEL, sizeof(PROCESS_LABEL) - 1);
    at += sizeof(PROCESS_LABEL) - 1;
    memcpy(at, above, length);
    at += length;
    if (length > 0)
        *at++ = ':';
    write_number(at, own_add(&self.children_made, 1) + 1);
    p->name = p->label;
}

static int
ensure_arena(void)
{
    struct arena *arena;
    int error;

    registry_lock();
    error = enter(&arena);
    registry_unlock();
    return error;
}

/* What the child needs before it exists: where it notes its code, and a seat,
 * so that no process is started that could not use anything. */
static int
prepare_start(struct sysvmp_process *p)
{
    struct arena *arena;
    int error;

    registry_lock();
    if (fork_hook == NULL)
        fork_hook = child_before_fork;
    error = enter(&arena);
    if (error == 0)
        error = record_create(arena, &p->record);
    if (error == 0) {
        error = member_reserve(arena, &p->reserved);
        if (error < 0)
            record_free(&p->record);
    }
    registry_unlock();
    return error;
}

static void
not_started(struct sysvmp_process *p)
{
    member_unreserve(p->record.arena, &p->reserved);
    record_free(&p->record);
    p->state = PROCESS_CREATED;
}

int
sysvmp_process_create(struct sysvmp_process **out, sysvmp_target *fn,
    void *arg)
{
    GUARDED;
    struct sysvmp_process *p;
    int error;

    error_begin();
    if (out == NULL)
        return error_return(-EINVAL);
    *out = NULL;
    p = malloc(sizeof(*p)); /* glibc's calloc() passes its cache by */
    if (p == NULL)
        return error_return(-ENOMEM);
    *p = (struct sysvmp_process){
        .fn = fn,
        .arg = arg,
        .creator = getpid(),
        .maker = self_process(),
        .ref = PIDREF_NONE,
        .daemon = sysvmp_current_process()->daemon,
    };
    error = ensure_arena();
    if (error < 0) {
        free(p);
        return error_return(error);
    }
    name_by_default(p);
    p->magic = PROCESS_MAGIC;
    *out = p;
    return 0;
}

/* May its settings still be changed? */
static int
unstarted(const struct sysvmp_process *p)
{
    if (!process_valid(p))
        return -EINVAL;
    if (process_borrowed(p) || p->state != PROCESS_CREATED)
        return -EALREADY;
    return process_mine(p) ? 0 : -ECHILD;
}

static void
free_name(struct sysvmp_process *p)
{
    /* Of a borrowed one it may be somebody else's, too. */
    if (!process_borrowed(p) && p->name != p->label)
        free(p->name);
}

int
sysvmp_process_set_name(struct sysvmp_process *p, const char *name)
{
    GUARDED;
    char *copy;

    if (!process_valid(p) || name == NULL)
        return error_return(-EINVAL);
    copy = strdup(name);
    if (copy == NULL)
        return error_return(-ENOMEM);
    free_name(p);
    p->name = copy;
    return 0;
}

int
sysvmp_process_set_daemon(struct sysvmp_process *p, int daemon)
{
    int error = unstarted(p);

    if (error == 0)
        p->daemon = daemon != 0;
    return error_return(error);
}

int
sysvmp_process_set_die_with_parent(struct sysvmp_process *p, int die)
{
    int error = unstarted(p);

    if (error == 0)
        p->die_with_parent = die != 0;
    return error_return(error);
}

static bool
given_already(const struct sysvmp_process *p, const struct handle *handle)
{
    for (size_t i = 0; i < p->n_given; i++)
        if (p->given[i] == handle)
            return true;
    return false;
}

int
sysvmp_process_give(struct sysvmp_process *p, struct sysvmp_conn *conn)
{
    GUARDED;
    struct handle *handle = conn_handle(conn);
    struct handle **given;
    int error = handle == NULL ? -EINVAL : unstarted(p);

    if (error < 0 || given_already(p, handle))
        return error_return(error);
    if (arena_me(handle->arena) == 0 || own_load(&handle->closed))
        return error_return(-EBADF);
    given = realloc(p->given, (p->n_given + 1) * sizeof(*given));
    if (given == NULL)
        return error_return(-ENOMEM);
    p->given = given;
    p->given[p->n_given++] = handle;
    registry_lock();
    handle->given++;
    registry_unlock();
    return 0;
}

/*
 * The ends that were given to p are not any more: it was started, or never
 * will be.  Our copy of an end is closed when the last process that it was
 * given to has started.
 */
static void
settle_given(struct sysvmp_process *p, bool started)
{
    for (size_t i = 0; i < p->n_given; i++)
        conn_settle(p->given[i], started);
    free(p->given);
    p->given = NULL;
    p->n_given = 0;
}

static int
fork_failed(int error)
{
    if (error == ENOMEM)
        return -ENOMEM;
    return error_detail(-ENOSPC,
        "fork: no room for another process (%s): see ulimit -u, "
        "kernel.pid_max and the pids limit of the control group",
        strerror(error));
}

/* A given end that was closed meanwhile can't be handed over. */
static bool
given_are_open(const struct sysvmp_process *p)
{
    for (size_t i = 0; i < p->n_given; i++)
        if (own_load(&p->given[i]->closed))
            return false;
    return true;
}

/* Only one of several threads may start it. */
static int
claim_start(struct sysvmp_process *p)
{
    int error;

    children_lock();
    error = unstarted(p);
    if (error == 0 && !given_are_open(p))
        error = -EBADF;
    if (error == 0)
        p->state = PROCESS_STARTING;
    children_unlock();
    return error;
}

static void
started(struct sysvmp_process *p, pid_t pid)
{
    children_lock();
    pidref_take(&p->ref, pid);
    p->state = PROCESS_STARTED;
    children_add(p);
    children_unlock();
    settle_given(p, true);
}

/* The child has ended itself, as the fork handlers found what refuses it. */
static int
forked_in_vain(pid_t pid, int error)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    return error;
}

/*
 * fork() with the plan of what the child shall be.  No signal handler runs in
 * between: it would see a child of which nobody knows yet, or, there, one that
 * does not know yet who it is.
 */
static pid_t
fork_planned(struct sysvmp_process *p)
{
    struct fork_plan plan = { .given = p->given, .n = p->n_given,
        .reserved = &p->reserved, .born = child_begin, .process = p };
    /* A fork handler of the program may start a process of its own. */
    struct fork_plan *outer = fork_plan;
    pid_t pid;

    fork_block_signals(&plan.mask);
    fork_plan = &plan;
    pid = fork();
    if (pid == 0) /* its handler has done the rest */
        return 0;
    fork_plan = outer;
    if (pid < 0)
        pid = fork_failed(errno);
    else if (plan.error < 0)
        pid = forked_in_vain(pid, plan.error);
    if (pid > 0)
        started(p, pid);
    else
        not_started(p);
    pthread_sigmask(SIG_SETMASK, &plan.mask, NULL);
    return pid;
}

/* pid in the parent, 0 in the child, or a code. */
static pid_t
start(struct sysvmp_process *p)
{
    int error = claim_start(p);

    if (error < 0)
        return error;
    error = prepare_start(p);
    if (error < 0) {
        p->state = PROCESS_CREATED;
        return error;
    }
    /* Else the child would write once more what we have not written yet.
     * Not all streams: that hangs while a thread reads stdin. */
    stream_flush(stdout);
    stream_flush(stderr);
    p->starter = sysvmp_current_process();
    p->starter_owner = own_load(&self.me);
    return fork_planned(p);
}

int
sysvmp_process_start(struct sysvmp_process *p)
{
    struct guard guard = guard_enter();
    pid_t pid;

    error_begin();
    pid = process_valid(p) && p->fn == NULL ? -EINVAL : start(p);
    guard_leave(&guard);
    if (pid == 0)
        child_run(p);
    return error_return(pid > 0 ? 0 : pid);
}

pid_t
sysvmp_process_fork(struct sysvmp_process *p)
{
    struct guard guard = guard_enter();
    pid_t pid;

    error_begin();
    pid = process_valid(p) && p->fn != NULL ? -EINVAL : start(p);
    guard_leave(&guard);
    return error_return(pid);
}

int
sysvmp_process_destroy(struct sysvmp_process *p)
{
    GUARDED;

    if (p == NULL)
        return 0;
    if (!process_valid(p))
        return error_return(-EINVAL);
    if (process_borrowed(p) || (process_mine(p) &&
            sysvmp_process_is_alive(p) != 0))
        return error_return(-EBUSY);
    if (process_mine(p)) {
        children_forget(p);
        settle_given(p, false);
        record_free(&p->record);
        pidref_close(&p->ref);
    }
    p->magic = 0;
    free_name(p);
    free(p);
    return 0;
}
