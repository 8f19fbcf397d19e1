/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * janitor.c: sleeps until no process of an arena is left, then cleans up.
 *
 *   sysvmp-janitor VERSION KEY CREATOR SOCKET
 *
 * It is started by the library before the arena exists (lib/janitor.c), writes
 * its pid to the socket when it is up, and reads from it until the arena is
 * complete or its creator dead.  It has no memory of the program, no
 * descriptor, no part of its session, and nothing attached while it sleeps.
 * Signals that are sent to everybody at a shutdown do not end it: it ends by
 * itself when the members have.
 */
#include "internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "block.h"
#include "directory.h"
#include "inspect.h"

#define NAP_NS     1000000   /* while a child is on the way; doubled, up to */
#define NAP_MAX_NS 100000000
#define REMOVAL_NS 20000000  /* for the last member to finish the removal */
#define REMOVAL_MAX_NS 600000000
#define REFUSALS_MAX 100 /* looks, at most NAP_MAX_NS apart */

static void
close_all_but(int kept)
{
    DIR *descriptors;
    struct dirent *entry;

#ifdef SYS_close_range
    if (syscall(SYS_close_range, kept + 1, ~0U, 0) == 0 &&
        (kept == 0 || syscall(SYS_close_range, 0, kept - 1, 0) == 0))
        return;
#endif
    descriptors = opendir("/proc/self/fd");
    if (descriptors == NULL) {
        for (int fd = 0; fd < (int) sysconf(_SC_OPEN_MAX); fd++)
            if (fd != kept)
                close(fd);
        return;
    }
    while ((entry = readdir(descriptors)) != NULL) {
        int fd = atoi(entry->d_name);

        if (entry->d_name[0] != '.' && fd != kept && fd != dirfd(descriptors))
            close(fd);
    }
    closedir(descriptors);
}

static void
settle(int socket)
{
    static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE,
        SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2 };
    sigset_t none;

    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        signal(ignored[i], SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    close_all_but(socket);
    if (chdir("/") < 0)
        _exit(1);
}

/* Says that we are up; returns when the arena is complete, with its home
 * block, or with -1 when nobody is left who would complete it. */
static int
await_arena(int socket)
{
    int32_t pid = (int32_t) getpid();
    int32_t home = -1;

    if (write(socket, &pid, sizeof(pid)) == sizeof(pid))
        while (read(socket, &home, sizeof(home)) < 0 && errno == EINTR)
            continue;
    close(socket);
    return home;
}

/* Sleeps until there is no member: 0; or -EIDRM: the last removes it all. */
static int
await_nobody(int home)
{
    struct sembuf nobody = sem_operation(BLOCK_MEMBERS, 0, 0);
    struct deadline forever = DEADLINE(SYSVMP_FOREVER);

    return sysv_semwait(home, &nobody, 1, &forever);
}

static void
nap(int64_t ns)
{
    struct deadline forever = DEADLINE(SYSVMP_FOREVER);

    deadline_nap(&forever, ns);
}

/*
 * Whoever would have made it or completed it has ended, or has made it and
 * removed it again: it said so, or its end of the socket is closed.
 */
static bool
incomplete(struct inspection *it)
{
    if (it->arena.head == NULL)
        directory_leave(it->arena.user, it->arena.key); /* a kill between */
    else if (it->attached == 0)
        (void) inspect_remove(it);
    else
        return false; /* somebody else looks at it just now */
    return true;
}

/*
 * Looks once: true when there is nothing left to do.  What the kernel refuses
 * to remove, a filter of system calls that we inherited, stays listed.  So
 * does what it refuses to let us see, again and again; once is no answer, as
 * memory may be short just then.
 */
static bool
look(key_t key, pid_t creator, int *home)
{
    static int refusals;
    struct inspection it;
    bool done = true;

    inspect_open(&it, key, creator);
    switch (it.verdict) {
    case VERDICT_GONE:
    case VERDICT_STARTING:
        done = incomplete(&it);
        break;
    case VERDICT_LIVE:
        done = inspect_abandoned(&it) == 1;
        if (done)
            (void) inspect_remove(&it);
        else
            *home = it.arena.home;
        break;
    case VERDICT_DEAD:
        (void) inspect_remove(&it);
        break;
    case VERDICT_UNKNOWN:
        done = it.error == 0 || ++refusals == REFUSALS_MAX;
        break;
    }
    inspect_close(&it);
    return done;
}

/* Nothing is attached before nobody is left: whoever removes a segment that
 * somebody has attached still sees it for a while. */
static void
clean_up_after(key_t key, pid_t creator, int home)
{
    int64_t pause_ns = 0, removal_ns = REMOVAL_NS;

    do {
        if (home >= 0 && await_nobody(home) != 0) {
            nap(removal_ns); /* longer where somebody else removed it */
            removal_ns *= removal_ns < REMOVAL_MAX_NS ? 2 : 1;
            continue;
        }
        if (pause_ns > 0)
            nap(pause_ns);
        pause_ns = pause_ns == 0 ? NAP_NS : pause_ns * 2;
        if (pause_ns > NAP_MAX_NS)
            pause_ns = NAP_MAX_NS;
    } while (!look(key, creator, &home));
}

int
main(int argc, char **argv)
{
    int socket, home;

    if (argc != 5 || strtoul(argv[1], NULL, 10) != ARENA_VERSION)
        return 2;
    socket = atoi(argv[4]);
    settle(socket);
    home = await_arena(socket);
    clean_up_after((key_t) strtol(argv[2], NULL, 10),
        (pid_t) strtol(argv[3], NULL, 10), home);
    return 0;
}
