/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crash-child.c: a parent killed at each point of each call that makes,
 * changes or asks a process: one that is not started, runs, has ended, or was
 * reaped by somebody else.  Its child sees the end of file and ends, and
 * another parent can start one, know its exit code, and clear it away.
 */
#include <config.h>

#include "child.h"
#include "crash.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* Exit codes: of one that is told to end, that saw the end of file. */
enum { TOLD = 7, SAW_END = 8, FORKED = 9, NONE = 1000 };

static enum { CREATED, RUNNING, ENDED, REAPED } state;
static struct sysvmp_conn *reads, *writes;
static struct sysvmp_process *process;
static int wanted, orphans; /* its end, as an orphan's; NONE: not asked */

static int
wait_to_be_told(void *arg)
{
    char byte;

    (void)arg;
    return sysvmp_conn_recv(reads, &byte, 1, SYSVMP_FOREVER) == 1 ? TOLD
                                                                  : SAW_END;
}

static void
create(void)
{
    struct sysvmp_conn *end[2];

    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
    reads = end[0];
    writes = end[1];
}

static void
tell(void)
{
    want(0, sysvmp_conn_send(writes, "x", 1, SYSVMP_NOWAIT), "send");
}

/* The child holds one end only, so that its parent's end is told. */
static void
create_process(void)
{
    siginfo_t info;

    process = created(wait_to_be_told, NULL);
    if (state == CREATED)
        return;
    must(sysvmp_process_give(process, reads), "give");
    must(sysvmp_process_start(process), "start");
    if (state == RUNNING)
        return;
    tell();
    waitid(P_PID, (id_t)sysvmp_process_pid(process), &info,
        WEXITED | (state == ENDED ? WNOWAIT : 0));
}

static void
close_reading(void)
{
    want(0, sysvmp_conn_close(reads), "close");
}

static int
no_child_left(void *last)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        *(int *)last = WIFSIGNALED(status) ? -WTERMSIG(status)
                                           : WEXITSTATUS(status);
    return pid < 0;
}

/* Started by us, when the victim and its child are gone. */
static void
start_another(void)
{
    struct sysvmp_process *p = created(wait_to_be_told, NULL);
    int code = -1;

    create();
    want(0, sysvmp_process_start(p), "another start");
    want(1, sysvmp_active_children(NULL, 0), "active children");
    tell();
    want(0, sysvmp_process_join(p, CRASH_BOUND_MS), "its join");
    want(0, sysvmp_process_exitcode(p, &code), "exitcode");
    want(TOLD, code, "its exit code");
    want(0, sysvmp_process_destroy(p), "its destroy");
    sysvmp_conn_destroy(reads);
    sysvmp_conn_destroy(writes);
}

static void
look(const struct crash_end *end)
{
    int last = NONE;

    if (end->acknowledged)
        want(wanted, end->answer, "the victim's call");
    sysvmp_conn_destroy(writes);
    if (!within_bound(no_child_left, &last))
        wrong("a child without a parent hangs");
    if (end->acknowledged && orphans != NONE)
        want(orphans, last, "the end of the victim's child");
    sysvmp_conn_destroy(reads);
    start_another();
}

/* The calls. */

static int
create_another(void)
{
    struct sysvmp_process *p;

    return sysvmp_process_create(&p, wait_to_be_told, NULL);
}

static int
set_all(void)
{
    return sysvmp_process_set_name(process, "name") +
        sysvmp_process_set_daemon(process, 1) +
        sysvmp_process_set_die_with_parent(process, 1);
}

static int
give(void)
{
    return sysvmp_process_give(process, reads);
}

static int
give_and_destroy(void)
{
    return give() + sysvmp_process_destroy(process);
}

static void
do_nothing(void *arg)
{
    (void)arg;
}

static int
set_at_fork(void)
{
    return sysvmp_at_fork(do_nothing, NULL);
}

static int
join(void)
{
    return sysvmp_process_join(process, SYSVMP_FOREVER);
}

static int
join_shortly(void)
{
    return sysvmp_process_join(process, 2);
}

static int
is_alive(void)
{
    return sysvmp_process_is_alive(process);
}

static int
exitcode(void)
{
    int code, result = sysvmp_process_exitcode(process, &code);

    return result < 0 ? result : code;
}

/* 1: all as it should be. */
static int
ask_all(void)
{
    return sysvmp_process_pid(process) > 0 &&
        strcmp(sysvmp_process_name(process), "Process-1") == 0 &&
        sysvmp_process_daemon(process) == 0 &&
        sysvmp_process_sentinel(process) >= 0 && sysvmp_cpu_count() > 0;
}

static int
ask_who(void)
{
    return sysvmp_current_process() != NULL &&
        sysvmp_parent_process() == NULL;
}

static int
active_children(void)
{
    struct sysvmp_process *list[2];

    return (int)sysvmp_active_children(list, 2);
}

static int
send_signal(void)
{
    return sysvmp_process_signal(process, SIGCONT);
}

static int
terminate(void)
{
    return sysvmp_process_terminate(process);
}

static int
kill_it(void)
{
    return sysvmp_process_kill(process);
}

static int
destroy(void)
{
    return sysvmp_process_destroy(process);
}

/* The child counts its points on from its parent's: both are killed. */
static int
fork_it(void)
{
    struct sysvmp_process *p = created(NULL, NULL);
    pid_t pid = sysvmp_process_fork(p);

    if (pid == 0)
        sysvmp_process_exit(FORKED);
    if (pid < 0)
        return pid;
    return sysvmp_process_join(p, SYSVMP_FOREVER);
}

static const struct call {
    const char *name;
    int (*call)(void);
    int state, answer, orphans;
} calls[] = {
    {"process_create", create_another, CREATED, 0, NONE},
    {"process_set_...", set_all, CREATED, 0, NONE},
    {"process_give", give, CREATED, 0, NONE},
    {"process_give, process_destroy", give_and_destroy, CREATED, 0, NONE},
    {"process_destroy, not started", destroy, CREATED, 0, NONE},
    {"process_fork", fork_it, CREATED, 0, NONE},
    {"at_fork", set_at_fork, CREATED, 0, NONE},
    {"current_process, parent_process", ask_who, CREATED, 1, NONE},
    {"process_join for some time", join_shortly, RUNNING, -ETIMEDOUT,
        SAW_END},
    {"process_is_alive, it runs", is_alive, RUNNING, 1, SAW_END},
    {"process_exitcode, it runs", exitcode, RUNNING, -EBUSY, SAW_END},
    {"process_pid, _name, _daemon, _sentinel", ask_all, RUNNING, 1, SAW_END},
    {"process_destroy, it runs", destroy, RUNNING, -EBUSY, SAW_END},
    {"active_children, it runs", active_children, RUNNING, 1, SAW_END},
    {"process_signal", send_signal, RUNNING, 0, SAW_END},
    {"process_terminate", terminate, RUNNING, 0, -SIGTERM},
    {"process_kill", kill_it, RUNNING, 0, -SIGKILL},
    {"process_join, it has ended", join, ENDED, 0, NONE},
    {"process_is_alive, it has ended", is_alive, ENDED, 0, NONE},
    {"process_exitcode, it has ended", exitcode, ENDED, TOLD, NONE},
    {"process_destroy, it has ended", destroy, ENDED, 0, NONE},
    {"active_children, it has ended", active_children, ENDED, 0, NONE},
    {"process_kill, it has ended", kill_it, ENDED, 0, NONE},
    {"process_join, it was reaped", join, REAPED, 0, NONE},
    {"process_exitcode, it was reaped", exitcode, REAPED, TOLD, NONE},
    {"process_destroy, it was reaped", destroy, REAPED, 0, NONE},
};

enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

static void
run_waiting_join(void)
{
    static const struct crash_case waits = {"process_join, it ends meanwhile",
        create, create_process, close_reading, join, tell, look, ENDS};

    state = RUNNING;
    wanted = 0;
    orphans = NONE;
    crash_run(&waits);
}

int
main(void)
{
    struct crash_case c = {NULL, create, create_process, close_reading, NULL,
        NULL, look, ENDS};

    plan(CALLS + 1);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (int i = 0; i < CALLS; i++) {
        c.name = calls[i].name;
        c.call = calls[i].call;
        state = calls[i].state;
        wanted = calls[i].answer;
        orphans = calls[i].orphans;
        crash_run(&c);
    }
    run_waiting_join();
    return done();
}
