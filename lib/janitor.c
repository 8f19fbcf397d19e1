/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * janitor.c: starts the janitor without the program's noticing.
 *
 * It must not be a child that the program's wait() could meet, so a helper in
 * between ends at once and hands it to init; and no SIGCHLD may come, so the
 * helper is cloned without one, and reaped by its pid.  Both borrow our memory
 * until they exec or end, as vfork() has it: that costs nothing however large
 * we are, but they may only make system calls, and no signal handler may run
 * in them.
 *
 * A process that orphans come home to (init of a container, a subreaper) would
 * meet the janitor after all: it gets none.
 */
#include "internal.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arena.h"
#include "deadline.h"
#include "hooks.h"
#include "janitor.h"

#define NAME       "sysvmp-janitor"
#define STACK      (64 * 1024)
#define START_MS   10000
#define CANDIDATES 3

struct launch {
    /* Tried in turn; "" is none.  (What is aligned is the stack after it.) */
    _Alignas(16) char paths[CANDIDATES][1024];
    char version[12], key[12], creator[12], fd[12];
    char *arguments[6];
    int socket;    /* its end */
    char *stack;   /* for both, one half each */
    sigset_t mask;
};

/*
 * Where it is.
 */

/* The library lies in .libs of a build tree, or in lib of a tree that was
 * installed and moved. */
static void
beside_library(struct launch *launch)
{
    Dl_info library;
    const char *slash;
    int length;

    /* Of a program with the library in it: whatever it was started as. */
    if (dladdr((void *) (intptr_t) janitor_start, &library) == 0 ||
        library.dli_fname[0] != '/')
        return;
    slash = strrchr(library.dli_fname, '/');
    length = (int) (slash - library.dli_fname);
    if (length >= 6 && strncmp(slash - 6, "/.libs", 6) == 0)
        snprintf(launch->paths[0], sizeof(launch->paths[0]),
            "%.*s/../../tools/" NAME, length, library.dli_fname);
    else
        snprintf(launch->paths[2], sizeof(launch->paths[2]),
            "%.*s/../libexec/libsysvmp/" NAME, length, library.dli_fname);
}

/* SYSVMP_JANITOR is 0, for none, or its path.  false: none is wanted. */
static bool
find(struct launch *launch)
{
    const char *wanted = secure_getenv("SYSVMP_JANITOR");

    if (wanted != NULL && strchr(wanted, '/') != NULL) {
        snprintf(launch->paths[0], sizeof(launch->paths[0]), "%s", wanted);
        return true;
    }
    if (wanted != NULL && strcmp(wanted, "0") == 0)
        return false;
    if (getauxval(AT_SECURE) == 0)
        beside_library(launch);
    snprintf(launch->paths[1], sizeof(launch->paths[1]), "%s",
        SYSVMP_LIBEXECDIR "/" NAME);
    return true;
}

/*
 * In the two processes that share our memory.  They end by returning: before a
 * call of _exit() a sanitizer would look at the stack, which is not its own.
 */

static int
become_janitor(void *arg)
{
    /* Nothing preloaded, which might have us in it and want a janitor. */
    static char none[] = "SYSVMP_JANITOR=0";
    static char *const environment[] = { none, NULL };
    struct launch *launch = arg;

    setsid(); /* whoever kills our group does not kill it */
    fcntl(launch->socket, F_SETFD, 0);
    for (int i = 0; i < CANDIDATES; i++)
        if (launch->paths[i][0] != '\0')
            execve(launch->paths[i], launch->arguments, environment);
    return 127;
}

static int
help(void *arg)
{
    struct launch *launch = arg;

    (void) clone(become_janitor, launch->stack + STACK / 2,
        CLONE_VM | CLONE_VFORK, launch);
    return 0;
}

/*
 * In ours.
 */

static void
run_helper(struct launch *launch)
{
    sigset_t all;
    pid_t helper;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &launch->mask);
    helper = clone(help, launch->stack + STACK, CLONE_VM | CLONE_VFORK,
        launch);
    if (helper > 0)
        while (waitpid(helper, NULL, __WCLONE) < 0 && errno == EINTR)
            continue;
    pthread_sigmask(SIG_SETMASK, &launch->mask, NULL);
}

static void
set_arguments(struct launch *launch, key_t key)
{
    char *arguments[6] = { (char *) (intptr_t) NAME, launch->version,
        launch->key, launch->creator, launch->fd, NULL };

    snprintf(launch->version, sizeof(launch->version), "%u", ARENA_VERSION);
    snprintf(launch->key, sizeof(launch->key), "%d", (int) key);
    snprintf(launch->creator, sizeof(launch->creator), "%d", (int) getpid());
    snprintf(launch->fd, sizeof(launch->fd), "%d", launch->socket);
    memcpy(launch->arguments, arguments, sizeof(arguments));
}

/* Its pid, when it is up; 0: it ended, or is not up in time. */
static pid_t
await(int socket)
{
    struct deadline deadline = DEADLINE(START_MS);
    struct pollfd fd = { .fd = socket, .events = POLLIN };
    int32_t pid = 0;
    int64_t left;

    while (fd.revents == 0 && (left = deadline_left(&deadline)) > 0)
        (void) poll(&fd, 1, (int) (left / 1000000) + 1);
    if (fd.revents == 0 || read(socket, &pid, sizeof(pid)) != sizeof(pid))
        return 0;
    return pid;
}

/* Orphans come home to us. */
static bool
adopts_orphans(void)
{
    int subreaper = 0;

    prctl(PR_GET_CHILD_SUBREAPER, &subreaper, 0, 0, 0);
    return subreaper || getpid() == 1;
}

/* After unshare(CLONE_NEWPID) the helper would be the first process of the
 * namespace, and with its end nobody could be forked there any more. */
static bool
forks_into_another_namespace(void)
{
    static const char next[] = "/proc/self/ns/pid_for_children";
    struct stat ours, children, link;

    if (stat("/proc/self/ns/pid", &ours) < 0 || lstat(next, &link) < 0)
        return false;
    /* It can't be opened before its first process was forked. */
    return stat(next, &children) < 0 || ours.st_ino != children.st_ino;
}

static void
launch_with_socket(struct janitor *janitor, struct launch *launch, key_t key)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return;
    launch->socket = ends[1];
    set_arguments(launch, key);
    run_helper(launch);
    close(ends[1]);
    janitor->pid = await(ends[0]);
    if (janitor->pid != 0)
        janitor->socket = ends[0];
    else
        close(ends[0]);
}

void
janitor_start(struct janitor *janitor, key_t key)
{
    struct launch *launch = calloc(1, sizeof(*launch) + STACK);

    *janitor = (struct janitor){ .socket = -1 };
    if (launch != NULL && find(launch) && !adopts_orphans() &&
        !forks_into_another_namespace()) {
        launch->stack = (char *) (launch + 1);
        launch_with_socket(janitor, launch, key);
    }
    free(launch);
    if (janitor->pid == 0)
        hooks_keep(SYSVMP_LOG_WARNING,
            "no janitor: if every process of this program is killed, what it "
            "leaves in the kernel stays until the next program of this user "
            "starts, or until `sysvmp clean`");
}

void
janitor_go(struct janitor *janitor, int home)
{
    int32_t id = home;

    if (janitor->socket < 0)
        return;
    /* Not by closing alone: a fork by another thread may have our end. */
    (void) send(janitor->socket, &id, sizeof(id), MSG_NOSIGNAL);
    close(janitor->socket);
    janitor->socket = -1;
}
