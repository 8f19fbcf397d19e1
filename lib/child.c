/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * child.c: the child's side: who it is, who its parent is, how it ends.
 */
#include "internal.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "callback.h"
#include "error.h"
#include "leave.h"
#include "member.h"
#include "process.h"
#include "stream.h"

static char main_name[] = "MainProcess";

static struct sysvmp_process main_process = {
    .magic = PROCESS_MAGIC,
    .borrowed = true,
    .name = main_name,
    .ref = { .fd = -ESRCH },
};

/* Who the process was that we come from: itself, for a fork of the program's
 * own.  What a child writes down is in the page that is wiped (arena.h). */
static struct sysvmp_process *inherited = &main_process;

/* The main program, asked for the first time, or a child that the program
 * forked itself: it must not note its end where its parent notes its own. */
struct sysvmp_process *
sysvmp_current_process(void)
{
    uint64_t us;

    if (self.current_process != NULL)
        return self.current_process;
    us = self_process();
    children_lock(); /* several threads may be the first to ask */
    if (inherited->identity != us) {
        inherited->identity = us;
        inherited->ref.pid = getpid();
        inherited->record.arena = NULL;
    }
    children_unlock();
    return inherited;
}

bool
process_is_us(const struct sysvmp_process *p)
{
    return p == self.current_process ||
        (p->borrowed && p->identity == self_process());
}

bool
process_is_parent(const struct sysvmp_process *p)
{
    const struct sysvmp_process *us = self.current_process;

    return us != NULL && p->borrowed && p->identity == us->maker;
}

/*
 * A parent that we can see is our parent until it has ended.  Of one in
 * another pid namespace the kernel says no more than 0, dead or alive (its
 * children are given to a process of its own namespace), so we ask for its
 * alive bit; that is down as well when it has left the program.
 */
int
parent_ended(void)
{
    const struct sysvmp_process *us = self.current_process;
    int dead;

    if (!self.parent_hidden)
        return getppid() != us->creator;
    if (us->record.arena == NULL || arena_me(us->record.arena) == 0)
        return -ECHILD;
    dead = member_dead(us->record.arena, us->record.arena->home,
        us->starter_owner);
    return dead < 0 ? -ECHILD : dead;
}

/* A pidfd of our parent; when it has ended, what is readable for ever. */
static void
find_parent(struct pidref *ref, pid_t pid)
{
    if (self.parent_hidden) {
        *ref = PIDREF_NONE;
        ref->fd = -ENOSYS;
        return;
    }
    pidref_take(ref, pid);
    if (getppid() == pid) /* so it was that one which was opened */
        return;
    if (ref->fd >= 0 || ref->fd == -ESRCH)
        pidref_take_ended(ref);
    ref->pid = pid;
}

struct sysvmp_process *
sysvmp_parent_process(void)
{
    GUARDED;
    static struct sysvmp_process parent = { .ref = { .fd = -ESRCH } };
    const struct sysvmp_process *us = self.current_process;

    if (us == NULL) /* nobody of ours has started us */
        return NULL;
    children_lock();
    if (parent.identity != us->maker) {
        struct pidref ref = parent.ref;

        pidref_close(&ref);
        parent = *us->starter;
        parent.magic = PROCESS_MAGIC;
        parent.borrowed = true;
        parent.identity = us->maker;
        find_parent(&parent.ref, us->creator);
    }
    children_unlock();
    return &parent;
}

void
child_before_fork(void)
{
    if (self.current_process == NULL)
        return;
    inherited = self.current_process;
    inherited->borrowed = true;
    inherited->identity = self_process();
    inherited->ref.pid = getpid();
}

/*
 * A parent that is dying lowers its alive bit, then sends the signal to the
 * children that it has then, then gives them to another parent.  So one whose
 * death we don't see after the prctl() will send it.  The first process of a
 * pid namespace can't kill itself.
 */
static void
die_with_parent(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (parent_ended() != 1)
        return;
    kill(getpid(), SIGKILL);
    _exit(128 + SIGKILL);
}

void
child_begin(struct sysvmp_process *p)
{
    self.current_process = p;
    self.parent_hidden = getppid() == 0;
    record_enter(&p->record);
    if (p->die_with_parent)
        die_with_parent();
}

static void
no_stdin(void)
{
    int null;

    close(STDIN_FILENO);
    null = open("/dev/null", O_RDONLY); /* the lowest that is free */
    (void) null; /* if that fails, reading answers EBADF */
    if (__fbufsize(stdin) > 0) /* what our parent has read ahead is its own */
        __fpurge(stdin);
}

/* To the end of the process: what it runs there must not leave it, either. */
static void
run_target(void *arg)
{
    const struct sysvmp_process *p = arg;

    sysvmp_process_exit(p->fn(p->arg));
}

/* The child has a copy of the thread that started it, with a cancellation that
 * is pending there: but that one was for a thread of the parent. */
void
child_run(struct sysvmp_process *p)
{
    int ignored;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &ignored);
    no_stdin();
    callback_must_return("its target", run_target, p);
    abort(); /* never reached */
}

void
sysvmp_process_exit(int code)
{
    const struct sysvmp_process *us = sysvmp_current_process();
    int ignored;

    if (us == &main_process)
        exit(code);
    /* What is left to do must be done, though somebody cancels this thread. */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &ignored);
    children_finish();
    stream_flush_all();
    record_note(&us->record, code);
    leave_at_end();
    _exit(code);
}

int
sysvmp_cpu_count(void)
{
    GUARDED;
    cpu_set_t set;
    long online;

    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        return CPU_COUNT(&set);
    online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int) online : 1;
}
