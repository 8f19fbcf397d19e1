/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * start.c: runs one cell: a fresh process in an IPC namespace of its own
 * (nothing of an earlier cell is in it, and what a failed one leaves goes
 * with it), in a process group of its own that is killed if it hangs.
 */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cell.h"
#include "start.h"

#define CELL_TIMEOUT_MS    60000
#define CODE_NOT_INSTALLED 127

static int
write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return -1;
    n = write(fd, text, strlen(text));
    close(fd);
    return n == (ssize_t)strlen(text) ? 0 : -1;
}

/* Without a mapping CPython could not create the files of its locks. */
static int
enter_user_space(void)
{
    char uid[32], gid[32];

    snprintf(uid, sizeof(uid), "%u %u 1", geteuid(), geteuid());
    snprintf(gid, sizeof(gid), "%u %u 1", getegid(), getegid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWIPC) != 0
        || write_file("/proc/self/setgroups", "deny") != 0
        || write_file("/proc/self/uid_map", uid) != 0)
        return -1;
    return write_file("/proc/self/gid_map", gid);
}

static int
enter_space(enum space space)
{
    switch (space) {
    case SPACE_OWN:
        return unshare(CLONE_NEWIPC);
    case SPACE_OWN_USER:
        return enter_user_space();
    default:
        return 0;
    }
}

enum space
start_space(void)
{
    enum space space;
    int status;

    for (space = SPACE_OWN; space < SPACE_SHARED; space++) {
        pid_t pid = fork();

        if (pid == 0)
            _exit(enter_space(space) == 0 ? 0 : 1);
        if (pid > 0 && waitpid(pid, &status, 0) == pid && status == 0)
            break;
    }
    return space;
}

const char *
start_space_text(enum space space)
{
    static const char *const text[] = {
        "each cell in its own IPC namespace",
        "each cell in its own user and IPC namespace",
        "no private IPC namespace to be had: the system's own"
    };

    return text[space];
}

#define MAX_ARGUMENTS 12
#define NUMBER_SIZE   24

/* Numbers are added as text; the last place stays NULL. */
struct arguments {
    const char *at[MAX_ARGUMENTS + 1];
    char number[MAX_ARGUMENTS][NUMBER_SIZE];
    int n;
};

static void
add_number(struct arguments *a, unsigned long value)
{
    snprintf(a->number[a->n], NUMBER_SIZE, "%lu", value);
    a->at[a->n] = a->number[a->n];
    a->n++;
}

static noreturn void
exec_program(const struct setup *setup, enum program program,
    struct arguments *a)
{
    static const char *const files[] = { "ours", "peers", "cpython.py",
        "peer-apr", "peer-boost", "peer-nng", "peer-zmq" };
    static char path[PATH_MAX];
    char **argv = (char **)(uintptr_t)a->at;

    snprintf(path, sizeof(path), "%s/%s",
        program == CPYTHON ? setup->scripts : setup->programs,
        files[program]);
    a->at[0] = "python3";
    a->at[1] = path;
    if (program == CPYTHON)
        execvp("python3", argv);
    else
        execv(path, argv + 1);
    _exit(errno == ENOENT && program != OURS && program != PEERS
        ? CODE_NOT_INSTALLED : 126);
}

static noreturn void
exec_cell(const struct setup *setup, const struct experiment *e,
    const struct subject *subject)
{
    struct arguments a = { .n = 4 };

    a.at[2] = e->flow.size == 0 ? e->name : "flow";
    a.at[3] = subject->name;
    add_number(&a, (unsigned long)setup->cpu[0]);
    add_number(&a, (unsigned long)setup->cpu[1]);
    add_number(&a, (unsigned long)(setup->ms
        / (e->part == 0 ? 1 : e->part)));
    if (e->flow.size != 0) {
        add_number(&a, e->flow.size);
        add_number(&a, e->flow.senders);
        add_number(&a, e->flow.receivers);
        add_number(&a, e->flow.depth);
    }
    exec_program(setup, subject->program, &a);
}

/* To the end of file, which comes when the last process of the cell ends. */
static void
read_all(int fd, pid_t group, char *buf, size_t size)
{
    struct pollfd pollfd = { fd, POLLIN, 0 };
    size_t have = 0;

    while (have < size - 1) {
        ssize_t n;

        if (poll(&pollfd, 1, CELL_TIMEOUT_MS) <= 0) {
            fprintf(stderr, "the cell hangs\n");
            kill(-group, SIGKILL);
            break;
        }
        n = read(fd, buf + have, size - 1 - have);
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    buf[have] = '\0';
}

static enum outcome
cell_outcome(pid_t pid)
{
    int status;

    if (waitpid(pid, &status, 0) != pid)
        return FAILED;
    if (WIFEXITED(status) && WEXITSTATUS(status) == CODE_NOT_INSTALLED)
        return NOT_INSTALLED;
    if (WIFEXITED(status) && WEXITSTATUS(status) == CELL_CANNOT)
        return CANNOT;
    return status == 0 ? DONE : FAILED;
}

enum outcome
start_cell(const struct setup *setup, const struct experiment *experiment,
    const struct subject *subject, char *buf, size_t size)
{
    struct arguments version = { .at = { [2] = "version" }, .n = 3 };
    int fd[2];
    pid_t pid;

    fflush(NULL);
    if (pipe2(fd, O_CLOEXEC) != 0)
        return FAILED;
    pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        dup2(fd[1], STDOUT_FILENO);
        if (enter_space(setup->space) != 0)
            _exit(126);
        if (subject == NULL)
            exec_program(setup, CPYTHON, &version);
        exec_cell(setup, experiment, subject);
    }
    close(fd[1]);
    if (pid > 0) {
        setpgid(pid, pid);
        read_all(fd[0], pid, buf, size);
    }
    close(fd[0]);
    return pid > 0 ? cell_outcome(pid) : FAILED;
}
