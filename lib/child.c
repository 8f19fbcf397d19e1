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

#include "error.h"
#include "leave.h"
#include "process.h"
#include "stream.h"

static char main_name[] = "MainProcess";

static struct sysvmp_process main_process = {
    .magic = PROCESS_MAGIC,
    .borrowed = true,
    .name = main_name,
    .pidfd = -1,
};

/* Who the process was that we come from: itself, for a fork of the program's
 * own.  What a child writes down is in the page that is wiped (arena.h). */
static struct sysvmp_process *inherited = &main_process;

/* The main program, asked for the first time, or a child that the program
 * forked itself: it must not note its end where its parent notes its own. */
struct sysvmp_process *
sysvmp_current_process(void)
{
    pid_t pid;

    if (self.current_process != NULL)
        return self.current_process;
    pid = getpid();
    children_lock(); /* several threads may be the first to ask */
    if (inherited->pid != pid) {
        inherited->pid = pid;
        inherited->record.arena = NULL;
    }
    children_unlock();
    return inherited;
}

/* A pidfd of our parent; when it has ended, what is readable for ever. */
static int
parent_pidfd(pid_t pid)
{
    int fd = process_pidfd(pid);

    if (getppid() == pid || fd == -ENOSYS)
        return fd;
    if (fd >= 0) /* of another, who has the pid now */
        close(fd);
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

struct sysvmp_process *
sysvmp_parent_process(void)
{
    GUARDED;
    static struct sysvmp_process parent = { .pidfd = -1 };
    const struct sysvmp_process *us = self.current_process;

    if (us == NULL) /* nobody of ours has started us */
        return NULL;
    children_lock();
    if (parent.pid != us->creator) {
        if (parent.pidfd >= 0)
            close(parent.pidfd);
        parent = *us->starter;
        parent.magic = PROCESS_MAGIC;
        parent.borrowed = true;
        parent.pid = us->creator;
        parent.pidfd = parent_pidfd(us->creator);
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
    inherited->pid = getpid();
}

void
child_begin(struct sysvmp_process *p)
{
    self.current_process = p;
    record_enter(&p->record);
    if (p->die_with_parent) {
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        if (getppid() != p->creator) /* it was faster */
            kill(getpid(), SIGKILL);
    }
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

void
child_run(struct sysvmp_process *p)
{
    no_stdin();
    sysvmp_process_exit(p->fn(p->arg));
}

void
sysvmp_process_exit(int code)
{
    const struct sysvmp_process *us = sysvmp_current_process();

    if (us == &main_process)
        exit(code);
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
