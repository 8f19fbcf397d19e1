/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * join.c: waits for children, and what is asked of them: alive, exit code,
 * signals.
 *
 * Only ever this one child is waited for, by its pid or pidfd: no SIGCHLD, no
 * wait for any child.  Threads may join at once: all wait without reaping;
 * who reaps does it under the mutex and writes down the code there.
 */
#include "internal.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "hooks.h"
#include "member.h"
#include "memory.h"
#include "process.h"

#define NAP_NS       1000000 /* between looks where there is no pidfd */
#define TERM_WAIT_MS 5000

void
children_lock(void)
{
    pthread_mutex_lock(&self.children_mutex);
}

void
children_unlock(void)
{
    pthread_mutex_unlock(&self.children_mutex);
}

void
children_add(struct sysvmp_process *p)
{
    p->next = self.children;
    self.children = p;
}

static void
list_remove(struct sysvmp_process **at, const struct sysvmp_process *p)
{
    while (*at != NULL && *at != p)
        at = &(*at)->next;
    if (*at == p)
        *at = p->next;
}

void
children_forget(const struct sysvmp_process *p)
{
    children_lock();
    list_remove(&self.ended_children, p);
    children_unlock();
}

int
process_pidfd(pid_t pid)
{
#ifdef SYS_pidfd_open
    int fd = (int) syscall(SYS_pidfd_open, pid, 0); /* close-on-exec */

    return fd < 0 ? -errno : fd;
#else
    (void) pid;
    return -ENOSYS;
#endif
}

/* How it ended, of a child that somebody else has reaped: newer kernels
 * (Linux 6.15) keep it for those who have a pidfd. */
static bool
code_from_pidfd(int pidfd, int *code)
{
    struct {
        uint64_t mask;
        uint64_t cgroup;
        uint32_t ids[11];
        int32_t status;
    } info = { .mask = 1u << 3 }; /* PIDFD_INFO_EXIT */

    if (pidfd < 0 || ioctl(pidfd, _IOWR(0xff, 11, info), &info) != 0 ||
        (info.mask & (1u << 3)) == 0)
        return false;
    *code = WIFEXITED(info.status) ? WEXITSTATUS(info.status)
                                   : -WTERMSIG(info.status);
    return true;
}

static void
ended(struct sysvmp_process *p, int code)
{
    p->code = code;
    p->state = PROCESS_ENDED;
    list_remove(&self.children, p);
    /* A program that ends with children that it never destroyed has not
     * leaked them. */
    p->next = self.ended_children;
    self.ended_children = p;
    /* It may have been the last one to refer to something, and have had
     * messages. */
    if (p->record.arena != NULL && arena_me(p->record.arena) != 0) {
        member_unreserve(p->record.arena, &p->reserved);
        shm_store(&p->record.arena->head->garbage, 1);
        if (code < 0)
            shm_store(&p->record.arena->head->heap_words.unswept, 1);
    }
}

/* Has it ended?  Under the mutex. */
static bool
reap(struct sysvmp_process *p)
{
    siginfo_t info = { .si_pid = 0 };
    int result, code;

    if (p->state == PROCESS_ENDED)
        return true;
    do
        result = waitid(P_PID, (id_t) p->pid, &info, WEXITED | WNOHANG);
    while (result < 0 && errno == EINTR);
    if (result == 0) {
        if (info.si_pid == 0)
            return false;
        ended(p, info.si_code == CLD_EXITED ? info.si_status
                                            : -info.si_status);
        return true;
    }
    /* Not to be waited for: somebody else has reaped it. */
    p->code_lost = !record_read(&p->record, &code) &&
        !code_from_pidfd(p->pidfd, &code);
    ended(p, p->code_lost ? 0 : code);
    return true;
}

/* Sleeps until it has ended, a signal came, or the deadline has passed. */
static void
await(const struct sysvmp_process *p, struct deadline *deadline)
{
    int64_t left = deadline_left(deadline);
    struct pollfd end = { .fd = p->pidfd, .events = POLLIN };
    struct timespec time = { .tv_sec = (time_t) (left / 1000000000),
        .tv_nsec = (long) (left % 1000000000) };
    siginfo_t info;

    if (p->pidfd >= 0)
        (void) ppoll(&end, 1, left == INT64_MAX ? NULL : &time, NULL);
    else if (left == INT64_MAX && !process_borrowed(p))
        (void) waitid(P_PID, (id_t) p->pid, &info, WEXITED | WNOWAIT);
    else
        deadline_nap(deadline, NAP_NS);
}

static bool
is_us(const struct sysvmp_process *p)
{
    return process_pid(p) == getpid();
}

/* The parent process: ours no more when we have another one. */
static bool
parent_ended(const struct sysvmp_process *p)
{
    return getppid() != p->pid;
}

int
process_look(struct sysvmp_process *p)
{
    bool yes, unstarted;

    if (!process_valid(p))
        return -EINVAL;
    if (process_borrowed(p))
        return is_us(p) ? -ECHILD : parent_ended(p);
    if (p->creator != getpid())
        return -ECHILD;
    children_lock();
    unstarted = p->state < PROCESS_STARTED;
    yes = p->state == PROCESS_STARTED ? reap(p) : p->state == PROCESS_ENDED;
    children_unlock();
    return unstarted ? -ESRCH : yes;
}

bool
process_rings(const struct sysvmp_process *p)
{
    const struct arena *arena = p->record.arena;

    return !process_borrowed(p) && arena != NULL && arena_me(arena) != 0 &&
        member_dead(arena, arena->home, record_child(&p->record)) == 0;
}

static int
join(struct sysvmp_process *p, int timeout_ms)
{
    struct deadline deadline = DEADLINE(timeout_ms);

    for (;;) {
        int yes = process_look(p);

        if (yes != 0)
            return yes < 0 ? yes : 0;
        if (deadline_left(&deadline) == 0)
            return deadline_code(&deadline);
        if (hooks_interrupted())
            return -EINTR;
        await(p, &deadline);
    }
}

int
sysvmp_process_join(struct sysvmp_process *p, int timeout_ms)
{
    GUARDED;
    int error;

    if (timeout_ms < SYSVMP_FOREVER)
        return error_return(-EINVAL);
    error = join(p, timeout_ms);
    if (error == 0 && p->record.arena != NULL)
        memory_settle(p->record.arena);
    return error_return(error);
}

int
sysvmp_process_is_alive(struct sysvmp_process *p)
{
    GUARDED;
    int yes = process_look(p);

    if (process_valid(p) && process_borrowed(p) && is_us(p))
        return 1;
    if (yes == -ESRCH)
        return 0;
    return yes < 0 ? error_return(yes) : !yes;
}

int
sysvmp_process_exitcode(struct sysvmp_process *p, int *code)
{
    GUARDED;
    int yes = code == NULL ? -EINVAL : process_look(p);

    if (yes == 1 && (process_borrowed(p) || p->code_lost))
        yes = -ECHILD;
    if (yes == 0)
        yes = -EBUSY;
    if (yes < 0)
        return error_return(yes);
    *code = p->code;
    return 0;
}

pid_t
sysvmp_process_pid(const struct sysvmp_process *p)
{
    pid_t pid;

    if (!process_valid(p))
        return error_return(-EINVAL);
    pid = process_pid(p);
    return error_return(pid > 0 ? pid : -ESRCH);
}

const char *
sysvmp_process_name(const struct sysvmp_process *p)
{
    return process_valid(p) ? p->name : NULL;
}

int
sysvmp_process_daemon(const struct sysvmp_process *p)
{
    return process_valid(p) ? p->daemon : error_return(-EINVAL);
}

int
sysvmp_process_sentinel(const struct sysvmp_process *p)
{
    if (!process_valid(p))
        return error_return(-EINVAL);
    if (process_borrowed(p) ? is_us(p) : p->creator != getpid())
        return error_return(-ECHILD);
    if (p->pid == 0)
        return error_return(-ESRCH);
    if (p->pidfd == -EMFILE || p->pidfd == -ENFILE)
        return error_return(error_detail(-ENOSPC,
            "no descriptor was left for the sentinel when the process was "
            "started: see ulimit -n and fs.file-max"));
    if (p->pidfd < 0)
        return error_return(error_detail(-ENOSYS,
            "no sentinel: this kernel has no pidfd_open (Linux 5.3)"));
    return p->pidfd;
}

static int
send_signal(const struct sysvmp_process *p, int sig)
{
    int result;

#ifdef SYS_pidfd_send_signal
    if (p->pidfd >= 0)
        result = (int) syscall(SYS_pidfd_send_signal, p->pidfd, sig, NULL, 0);
    else
#endif
        result = kill(process_pid(p), sig);
    if (result == 0 || errno == ESRCH)
        return 0;
    return errno == EPERM ? -EACCES : -EINVAL;
}

int
sysvmp_process_signal(struct sysvmp_process *p, int sig)
{
    GUARDED;
    int result = process_look(p);

    if (sig < 0 || sig > SIGRTMAX)
        return error_return(-EINVAL);
    if (result != 0) /* of one that has ended: 0 */
        return result == 1 ? 0 : error_return(result);
    children_lock(); /* nobody of ours reaps it meanwhile */
    if (process_borrowed(p) || p->state == PROCESS_STARTED)
        result = send_signal(p, sig);
    children_unlock();
    return error_return(result);
}

int
sysvmp_process_terminate(struct sysvmp_process *p)
{
    return sysvmp_process_signal(p, SIGTERM);
}

int
sysvmp_process_kill(struct sysvmp_process *p)
{
    return sysvmp_process_signal(p, SIGKILL);
}

ssize_t
sysvmp_active_children(struct sysvmp_process **list, size_t n)
{
    GUARDED;
    struct sysvmp_process *p, *next;
    size_t running = 0;

    if (list == NULL && n > 0)
        return error_return(-EINVAL);
    children_lock();
    for (p = self.children; p != NULL; p = next) {
        next = p->next;
        if (reap(p))
            continue;
        if (running < n)
            list[running] = p;
        running++;
    }
    children_unlock();
    return (ssize_t) running;
}

static struct sysvmp_process *
first_child(bool daemons)
{
    struct sysvmp_process *p, *next, *found = NULL;

    children_lock();
    for (p = self.children; p != NULL && found == NULL; p = next) {
        next = p->next;
        if (!reap(p) && (!daemons || p->daemon))
            found = p;
    }
    children_unlock();
    return found;
}

static void
signal_daemons(int sig)
{
    children_lock();
    for (struct sysvmp_process *p = self.children; p != NULL; p = p->next)
        if (p->daemon)
            (void) send_signal(p, sig);
    children_unlock();
}

void
children_finish(void)
{
    struct deadline term = DEADLINE(TERM_WAIT_MS);
    struct deadline forever = DEADLINE(SYSVMP_FOREVER);
    struct sysvmp_process *p;

    signal_daemons(SIGTERM);
    while ((p = first_child(true)) != NULL && deadline_left(&term) > 0)
        await(p, &term);
    signal_daemons(SIGKILL);
    while ((p = first_child(false)) != NULL)
        await(p, &forever);
}
