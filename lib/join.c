/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * join.c: waits for children, and what is asked of them: alive, exit code,
 * signals.
 *
 * Only ever this one child is waited for, by its pidfd: no SIGCHLD, no wait
 * for any child.  Threads may join at once: all wait without reaping; the one
 * that reaps does it under the mutex and writes down the code there.
 *
 * The program may reap a child of ours itself, and then have another one with
 * its pid; it may close a pidfd of ours and have another file there.  So no
 * number is used before it is known to be our child's (pidref.h).  Where there
 * is no pidfd, a child that is a member of the program has its pid as long as
 * its alive bit is up; after that its start time tells.
 */
#include "internal.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "hooks.h"
#include "leave.h"
#include "member.h"
#include "memory.h"
#include "process.h"

#define NAP_NS       1000000 /* between looks where there is no pidfd */
#define TERM_WAIT_MS 5000

/* At the end: until the log says for whom we wait, and says it again; a try to
 * give up what is in use just now, and the pause between two. */
#define NOTICE_MS       5000
#define NOTICE_AGAIN_MS 60000
#define TRY_AGAIN_NS    INT64_C(20000000)
#define LOOK_AGAIN_NS   INT64_C(1000000000)

#define BY_PIDFD ((idtype_t) 3) /* P_PIDFD; of Linux 5.4 */

/* Each step under the mutex leaves the list of children such that it can be
 * walked: exit() may come after any. */
void
children_lock(void)
{
    own_mutex_lock(&self.children_mutex);
}

void
children_unlock(void)
{
    own_mutex_unlock(&self.children_mutex);
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

/* What the kernel, or what the child has left, says of it. */
enum fate {
    RUNS,
    REAPED,  /* it has ended, and we have its code */
    GONE,    /* somebody else has reaped it */
    REFUSED, /* the kernel can't be asked that way */
};

static int
code_of(const siginfo_t *info)
{
    return info->si_code == CLD_EXITED ? info->si_status : -info->si_status;
}

static enum fate
ask(idtype_t type, id_t id, int options, int *code)
{
    siginfo_t info = { .si_pid = 0 };
    int result;

    do
        result = waitid(type, id, &info, WEXITED | WNOHANG | options);
    while (result < 0 && errno == EINTR);
    if (result < 0)
        return errno == ECHILD ? GONE : REFUSED;
    if (info.si_pid == 0)
        return RUNS;
    *code = code_of(&info);
    return REAPED;
}

/* A filter of system calls may refuse waitid() and allow wait4(). */
static enum fate
ask_wait4(pid_t pid, int *code)
{
    int status;
    pid_t result;

    do
        result = waitpid(pid, &status, WNOHANG);
    while (result < 0 && errno == EINTR);
    if (result < 0)
        return errno == ECHILD ? GONE : REFUSED;
    if (result == 0)
        return RUNS;
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    return REAPED;
}

bool
process_rings(const struct sysvmp_process *p)
{
    const struct arena *arena = p->record.arena;

    return !process_borrowed(p) && arena != NULL && arena_me(arena) != 0 &&
        member_dead(arena, arena->home, record_child(&p->record)) == 0;
}

/* Has a child with that pid ended otherwise than ours has noted of itself? */
static bool
contradicted(const struct sysvmp_process *p)
{
    int noted, seen;

    return record_read(&p->record, &noted) &&
        ask(P_PID, (id_t) p->ref.pid, WNOWAIT, &seen) == REAPED &&
        seen != noted;
}

/*
 * Without a pidfd.  Where nothing tells whose the pid is (no descriptor was
 * left and /proc can't be read), we believe that it is the child's, unless
 * what the child has noted says otherwise.
 */
static enum fate
ask_by_pid(const struct sysvmp_process *p, int *code)
{
    enum pidref_owner owner;
    enum fate fate;

    if (process_rings(p))
        return RUNS;
    owner = pidref_owner(&p->ref);
    if (owner == PIDREF_ANOTHERS ||
        (owner == PIDREF_UNKNOWN && contradicted(p)))
        return GONE;
    fate = ask(P_PID, (id_t) p->ref.pid, 0, code);
    return fate == REFUSED ? ask_wait4(p->ref.pid, code) : fate;
}

/* Does its descriptor tell of an end?  Also where that can't be asked. */
static bool
may_have_ended(int fd)
{
    struct pollfd end = { .fd = fd, .events = POLLIN };

    return poll(&end, 1, 0) != 0;
}

/* Where the kernel refuses every question, a child without a descriptor, that
 * has left the program, is taken for ended. */
static enum fate
fate_of(struct sysvmp_process *p, int *code)
{
    int fd = pidref_fd(&p->ref);
    enum fate fate = REFUSED;

    if (fd >= 0)
        fate = ask(BY_PIDFD, (id_t) fd, 0, code);
    if (fate == REFUSED && fd >= 0 && !may_have_ended(fd))
        return RUNS;
    if (fate == REFUSED)
        fate = ask_by_pid(p, code);
    return fate == REFUSED ? GONE : fate;
}

/* Has it ended?  Under the mutex. */
static bool
reap(struct sysvmp_process *p)
{
    int code = 0;
    enum fate fate;

    if (p->state == PROCESS_ENDED)
        return true;
    fate = fate_of(p, &code);
    if (fate == RUNS)
        return false;
    p->code_lost = fate == GONE && !record_read(&p->record, &code) &&
        !code_from_pidfd(pidref_fd(&p->ref), &code);
    ended(p, p->code_lost ? 0 : code);
    return true;
}

int
process_fd(struct sysvmp_process *p)
{
    int fd;

    children_lock();
    fd = pidref_fd(&p->ref);
    children_unlock();
    return fd;
}

/* Is the pid surely its own?  Then we may sleep until that one ends: the
 * kernel looks the number up when the wait begins. */
static bool
has_its_pid(const struct sysvmp_process *p)
{
    return process_rings(p) || pidref_owner(&p->ref) == PIDREF_ITS_OWN;
}

/* Sleeps until the descriptor tells of an end, a signal came, or the deadline
 * has passed. */
static void
await_fd(int fd, struct deadline *deadline)
{
    int64_t left = deadline_left(deadline);
    struct pollfd end = { .fd = fd, .events = POLLIN };
    struct timespec time = { .tv_sec = (time_t) (left / 1000000000),
        .tv_nsec = (long) (left % 1000000000) };

    if (ppoll(&end, 1, left == INT64_MAX ? NULL : &time, NULL) < 0 &&
        errno != EINTR)
        deadline_nap(deadline, NAP_NS); /* a filter refuses the wait */
}

/* The same, until the process has ended. */
static void
await(struct sysvmp_process *p, struct deadline *deadline)
{
    int64_t left = deadline_left(deadline);
    int fd = process_fd(p);
    siginfo_t info;

    if (fd >= 0)
        await_fd(fd, deadline);
    else if (left != INT64_MAX || process_borrowed(p) || !has_its_pid(p) ||
        (waitid(P_PID, (id_t) p->ref.pid, &info, WEXITED | WNOWAIT) < 0 &&
            errno != EINTR && errno != ECHILD))
        deadline_nap(deadline, NAP_NS);
}

int
process_look(struct sysvmp_process *p)
{
    bool yes, unstarted;

    if (!process_valid(p))
        return -EINVAL;
    if (process_borrowed(p))
        return process_is_parent(p) ? parent_ended() : -ECHILD;
    if (!process_mine(p))
        return -ECHILD;
    children_lock();
    unstarted = p->state < PROCESS_STARTED;
    yes = p->state == PROCESS_STARTED ? reap(p) : p->state == PROCESS_ENDED;
    children_unlock();
    return unstarted ? -ESRCH : yes;
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

    if (process_valid(p) && process_is_us(p))
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
    if (pid > 0)
        return pid;
    if (process_is_parent(p) && self.parent_hidden)
        return error_return(error_detail(-ESRCH, "the parent has no pid here: "
            "it is in a pid namespace that this process can't see into"));
    return error_return(-ESRCH);
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

/* Why it has none. */
static int
no_sentinel(int fd)
{
    switch (fd) {
    case -EMFILE:
    case -ENFILE:
        return error_detail(-ENOSPC,
            "no descriptor was left for the sentinel when the process was "
            "started: see ulimit -n and fs.file-max");
    case -EBADF:
    case -ESRCH:
        return error_detail(-EBADF,
            "the sentinel was closed in this process, which has closed all "
            "descriptors (closefrom?), and can't be opened anew");
    default:
        return error_detail(-ENOSYS, "no sentinel: %s",
            self.parent_hidden
                ? "the parent is in a pid namespace that this process can't "
                  "see into"
                : "this kernel has no pidfd_open (Linux 5.3), or a filter "
                  "of system calls refuses it");
    }
}

int
sysvmp_process_sentinel(const struct sysvmp_process *p)
{
    GUARDED;
    int fd;

    if (!process_valid(p))
        return error_return(-EINVAL);
    if (process_borrowed(p) ? !process_is_parent(p) : !process_mine(p))
        return error_return(-ECHILD);
    if (!process_borrowed(p) && p->state < PROCESS_STARTED)
        return error_return(-ESRCH);
    fd = process_fd((struct sysvmp_process *) p);
    return error_return(fd >= 0 ? fd : no_sentinel(fd));
}

static int
signal_result(long result)
{
    if (result == 0 || errno == ESRCH)
        return 0;
    return errno == EPERM ? -EACCES : -EINVAL;
}

static bool
may_use_pid(const struct sysvmp_process *p)
{
    if (process_borrowed(p))
        return parent_ended() == 0;
    return process_rings(p) || pidref_owner(&p->ref) != PIDREF_ANOTHERS;
}

/* By its pid, which it keeps meanwhile unless somebody reaps it behind our
 * back. */
static int
signal_pid(const struct sysvmp_process *p, int sig)
{
    if (process_borrowed(p) && self.parent_hidden)
        return error_detail(-EACCES,
            "the parent is in a pid namespace that this process can't see "
            "into");
    return may_use_pid(p) ? signal_result(kill(p->ref.pid, sig)) : 0;
}

/* Under the mutex.  A filter of system calls may allow the one and refuse the
 * other; a pid that we may not signal stays so. */
static int
send_signal(struct sysvmp_process *p, int sig)
{
    long result = -1;
    int fd = pidref_fd(&p->ref);

    errno = ENOSYS;
#ifdef SYS_pidfd_send_signal
    if (fd >= 0)
        result = syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0);
#endif
    if (result < 0 && (errno == ENOSYS || errno == EPERM))
        return signal_pid(p, sig);
    return signal_result(result);
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
    if (process_borrowed(p) || !reap(p))
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

/* Does a child run, or a daemon?  *fd: its descriptor, or negative.  Not the
 * child itself: another thread may join and destroy it. */
static bool
first_child(bool daemons, int *fd)
{
    struct sysvmp_process *p, *next;
    bool found = false;

    children_lock();
    for (p = self.children; p != NULL && !found; p = next) {
        next = p->next;
        found = !reap(p) && (!daemons || p->daemon);
        if (found)
            *fd = pidref_fd(&p->ref);
    }
    children_unlock();
    return found;
}

static void
signal_daemons(int sig)
{
    struct sysvmp_process *p, *next;

    children_lock();
    for (p = self.children; p != NULL; p = next) {
        next = p->next;
        if (p->daemon && !reap(p))
            (void) send_signal(p, sig);
    }
    children_unlock();
}

/*
 * The end.
 */

/* Tells the log for whom we wait.  Not under the mutex: it is the program's
 * function. */
static void
give_notice(void)
{
    char name[64];
    pid_t pid = 0;
    int others = -1;

    children_lock();
    for (struct sysvmp_process *p = self.children; p != NULL; p = p->next)
        if (++others == 0) {
            snprintf(name, sizeof(name), "%s", p->name);
            pid = p->ref.pid;
        }
    children_unlock();
    if (others >= 0)
        hooks_log(SYSVMP_LOG_WARNING, "exit: this process waits for the end "
            "of %s (pid %ld) and of %d more of its children", name,
            (long) pid, others);
}

/*
 * Our children may be waiting for what we have, so that is given up first.
 * Where a thread of ours is using it, or a child that is stopped has a lock
 * that we need for that, it is tried again soon.  It is tried each second in
 * any case: other threads may come to have more, or end, and one that destroys
 * the child we wait for closes the descriptor.
 */
static void
await_at_end(int fd, struct deadline *deadline, struct deadline *notice)
{
    int64_t left = deadline_left(notice);
    struct deadline brief = deadline_brief(deadline, TRY_AGAIN_NS);

    brief.deaf = true;
    if (!leave_resign(&brief) && left > TRY_AGAIN_NS)
        left = TRY_AGAIN_NS;
    if (left > LOOK_AGAIN_NS)
        left = LOOK_AGAIN_NS;
    brief = deadline_brief(deadline, left);
    if (fd >= 0)
        await_fd(fd, &brief);
    else
        deadline_nap(&brief, NAP_NS);
    if (deadline_left(notice) > 0)
        return;
    if (first_child(false, &fd))
        give_notice();
    *notice = DEADLINE(NOTICE_AGAIN_MS);
}

void
children_finish(void)
{
    struct deadline notice = DEADLINE(NOTICE_MS);
    struct deadline term = DEADLINE(TERM_WAIT_MS);
    struct deadline forever = DEADLINE(SYSVMP_FOREVER);
    int fd;

    if (!own_mutex_lock_at_end(&self.children_mutex))
        return; /* exit() came in the middle of a lock of it */
    children_unlock();
    signal_daemons(SIGTERM);
    while (first_child(true, &fd) && deadline_left(&term) > 0)
        await_at_end(fd, &term, &notice);
    signal_daemons(SIGKILL);
    while (first_child(false, &fd))
        await_at_end(fd, &forever, &notice);
}
