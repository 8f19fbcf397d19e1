/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pidref.c: tells whether a pidfd, or a pid, is still that of the process
 * which it was opened for.
 *
 * From Linux 6.9 on, pidfds are files of a file system of their own, pidfs,
 * in which each process has an inode with a number that is never used again
 * while the system runs.  One fstat(2) tells whether a descriptor is ours, and
 * a pidfd that was lost is opened anew by the pid and compared.
 *
 * Before that all pidfds have one inode.  There /proc/self/fdinfo says for
 * which pid a descriptor is, and /proc/PID/stat when the process of that pid
 * has started, in ticks of 10 ms.  That is also what tells a pid where there
 * is no pidfd.  A pid that was used again within the tick in which it was
 * given out could not be told; to use up all pids takes longer.
 *
 * /proc may be that of another pid namespace, where numbers mean something
 * else, so it is asked who we are before it is believed.
 */
#include "internal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "pidref.h"
#include "shared.h"

#define PIDFS 0x50494446 /* PID_FS_MAGIC */

/* Of /proc/PID/stat: fields from the one behind the name on. */
#define START_FIELD 20

static int
open_pidfd(pid_t pid)
{
#ifdef SYS_pidfd_open
    int fd = (int) syscall(SYS_pidfd_open, pid, 0); /* close-on-exec */

    return fd < 0 ? -errno : fd;
#else
    (void) pid;
    return -ENOSYS;
#endif
}

/*
 * /proc.
 */

/* Reads the beginning of a file as a string: 0, or a negative errno. */
static int
read_file(const char *name, char *text, size_t size)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    ssize_t n;
    int error;

    if (fd < 0)
        return -errno;
    do
        n = read(fd, text, size - 1);
    while (n < 0 && errno == EINTR);
    error = n < 0 ? -errno : 0;
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return error;
}

/* Is it of our own pid namespace? */
static bool
proc_is_ours(void)
{
    char text[24];
    ssize_t n = readlink("/proc/self", text, sizeof(text) - 1);

    if (n <= 0)
        return false;
    text[n] = '\0';
    return strtol(text, NULL, 10) == getpid();
}

/* When the process of that pid has started; 0: that can't be read; -ESRCH:
 * there is none.  /proc may hide the processes of other users (hidepid), so it
 * is not believed alone.  The name in the file may have anything in it. */
static int64_t
start_of(pid_t pid)
{
    char name[40], text[1024];
    const char *at;
    int error;

    snprintf(name, sizeof(name), "/proc/%ld/stat", (long) pid);
    error = read_file(name, text, sizeof(text));
    if (error == -ENOENT || error == -ESRCH)
        return kill(pid, 0) < 0 && errno == ESRCH ? -ESRCH : 0;
    if (error < 0)
        return 0;
    at = strrchr(text, ')');
    for (int i = 0; i < START_FIELD && at != NULL; i++)
        at = strchr(at + 1, ' ');
    return at != NULL ? strtoll(at, NULL, 10) : 0;
}

/* The pid of which fdinfo says that the descriptor is; -1 of one that was
 * reaped; 0: it is no pidfd, or that can't be read. */
static long
pid_of(int fd)
{
    char name[48], text[1024];
    const char *at;

    snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
    if (!proc_is_ours() || read_file(name, text, sizeof(text)) < 0)
        return 0;
    at = strstr(text, "\nPid:");
    return at != NULL ? strtol(at + sizeof("\nPid:") - 1, NULL, 10) : 0;
}

/*
 * Descriptors.
 */

/* Whether this kernel has pidfs; asked once, of the first pidfd. */
static bool
has_inodes(int fd)
{
    static _Atomic int answer; /* 0: not asked yet; 1: yes; 2: no */
    struct statfs status;

    if (own_load(&answer) == 0)
        own_store(&answer,
            fstatfs(fd, &status) == 0 && status.f_type == PIDFS ? 1 : 2);
    return own_load(&answer) == 1;
}

static bool
note_inode(struct pidref *ref)
{
    struct stat status;

    if (fstat(ref->fd, &status) < 0)
        return false;
    ref->device = (uint64_t) status.st_dev;
    ref->inode = (uint64_t) status.st_ino;
    return ref->inode != 0;
}

/*
 * A child that nobody has reaped yet has its pid for sure, also where the
 * descriptor can't be had.  What is neither told by its inode nor by /proc is
 * closed at once: nobody could tell later that it is ours.
 */
void
pidref_take(struct pidref *ref, pid_t pid)
{
    *ref = (struct pidref){ .pid = pid, .fd = open_pidfd(pid) };
    if (ref->fd == -ESRCH || (ref->fd >= 0 && has_inodes(ref->fd) &&
            note_inode(ref)))
        return;
    if (proc_is_ours())
        ref->start = start_of(pid);
    if (ref->fd >= 0 && ref->start <= 0) {
        close(ref->fd);
        ref->fd = -ENOSYS;
    }
}

void
pidref_take_ended(struct pidref *ref)
{
    pidref_close(ref);
    ref->fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (ref->fd < 0)
        ref->fd = -errno;
    else
        (void) note_inode(ref);
}

static bool
is_own_inode(const struct pidref *ref, int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 &&
        (uint64_t) status.st_dev == ref->device &&
        (uint64_t) status.st_ino == ref->inode;
}

/* Of a pidfd whose process was reaped, fdinfo says no more than that: one of
 * another process that was reaped could not be told.  It is as readable. */
static bool
is_own(const struct pidref *ref, int fd)
{
    long pid;

    if (ref->inode != 0)
        return is_own_inode(ref, fd);
    pid = pid_of(fd);
    return pid == -1 ||
        (pid == ref->pid && start_of(ref->pid) == ref->start);
}

/* What has that pid now, if it is the same process. */
static int
open_again(const struct pidref *ref)
{
    int fd = ref->pid > 0 ? open_pidfd(ref->pid) : -ESRCH;

    if (fd < 0 || is_own(ref, fd))
        return fd;
    close(fd);
    return -ESRCH;
}

int
pidref_fd(struct pidref *ref)
{
    if (ref->fd >= 0 && is_own(ref, ref->fd))
        return ref->fd;
    if (ref->fd < 0 && ref->fd != -EBADF)
        return ref->fd;
    ref->fd = open_again(ref);
    if (ref->fd < 0 && ref->fd != -ESRCH)
        ref->fd = -EBADF; /* it is tried again: there may be room then */
    return ref->fd;
}

enum pidref_owner
pidref_owner(const struct pidref *ref)
{
    int64_t start;

    if (ref->fd == -ESRCH || ref->start == -ESRCH)
        return PIDREF_ANOTHERS;
    if (ref->start == 0 || !proc_is_ours())
        return PIDREF_UNKNOWN;
    start = start_of(ref->pid);
    if (start == 0)
        return PIDREF_UNKNOWN;
    return start == ref->start ? PIDREF_ITS_OWN : PIDREF_ANOTHERS;
}

void
pidref_close(struct pidref *ref)
{
    if (ref->fd >= 0 && is_own(ref, ref->fd))
        close(ref->fd);
    *ref = PIDREF_NONE;
}
