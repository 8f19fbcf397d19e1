/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process-quiet.c: what the library does not do to the program: no signal
 * handler, no thread, no descriptor but sentinels, no child that wait() could
 * meet beside those that the program started, no cancellation inside a call.
 */
#include <config.h>

#include "child.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

static struct sysvmp_lock *lock;
static struct sysvmp_rlock *rlock;
static struct sysvmp_queue *queue;
static struct sysvmp_conn *end[2];
static _Atomic int *word;

static int
entries(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    int n = 0;

    if (!dir)
        bail("%s: %s", path, strerror(errno));
    while ((entry = readdir(dir)))
        n += entry->d_name[0] != '.';
    closedir(dir);
    return n;
}

static int
threads(void)
{
    return entries("/proc/self/task");
}

/* But for the directory itself. */
static int
descriptors(void)
{
    return entries("/proc/self/fd") - 1;
}

/* A sum over all that can be told of the signals' dispositions. */
static uintptr_t
dispositions(void)
{
    struct sigaction act;
    uintptr_t sum = 0;

    for (int sig = 1; sig < NSIG; sig++)
        if (sigaction(sig, NULL, &act) == 0)
            sum = sum * 31 + (uintptr_t)act.sa_handler +
                (uintptr_t)act.sa_flags;
    return sum;
}

static int
blocked(void)
{
    sigset_t mask;
    int n = 0;

    sigprocmask(SIG_BLOCK, NULL, &mask);
    for (int sig = 1; sig < NSIG; sig++)
        n += sigismember(&mask, sig) == 1;
    return n;
}

static void
create_all(void)
{
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_rlock_create(&rlock), "rlock_create");
    must(sysvmp_queue_create(&queue, 0, 0), "queue_create");
    must(sysvmp_pipe_create(end, 0), "pipe_create");
}

static void
destroy_all(void)
{
    sysvmp_lock_destroy(lock);
    sysvmp_rlock_destroy(rlock);
    sysvmp_queue_destroy(queue);
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

static int
use_all(void)
{
    char c;

    return sysvmp_lock_acquire(lock, SYSVMP_FOREVER) == 0 &&
        sysvmp_lock_release(lock) == 0 &&
        sysvmp_rlock_acquire(rlock, SYSVMP_FOREVER) == 0 &&
        sysvmp_rlock_release(rlock) == 0 &&
        sysvmp_queue_put(queue, "x", 1, SYSVMP_FOREVER) == 0 &&
        sysvmp_queue_get(queue, &c, 1, SYSVMP_FOREVER) == 1 &&
        sysvmp_conn_send(end[0], "x", 1, SYSVMP_FOREVER) == 0 &&
        sysvmp_conn_recv(end[1], &c, 1, SYSVMP_FOREVER) == 1;
}

static int
sleep_a_little(void)
{
    char c;

    return sysvmp_queue_get(queue, &c, 1, 5) == -ETIMEDOUT &&
        sysvmp_conn_recv(end[1], &c, 1, 5) == -ETIMEDOUT;
}

static int
wait_for_word(void *arg)
{
    (void)arg;
    until(word, 1);
    return 0;
}

static void
quiet(void)
{
    uintptr_t before = dispositions();
    int fds = descriptors(), mask = blocked(), status;
    struct sysvmp_process *p, *q;
    pid_t pid;

    create_all();
    ok(use_all() && sleep_a_little(), "process-quiet: the calls work");
    is_int(1, threads(), "... they made no thread");
    is_int(fds, descriptors(), "... no descriptor");
    is_int(-1, waitpid(-1, &status, WNOHANG), "... no child");
    ok(dispositions() == before, "... changed no signal's disposition");
    is_int(mask, blocked(), "... nor the mask");

    p = started(wait_for_word, NULL);
    q = started(wait_for_word, NULL);
    is_int(1, threads(), "two processes were started: no thread");
    is_int(fds + (sysvmp_process_sentinel(p) >= 0) +
        (sysvmp_process_sentinel(q) >= 0), descriptors(),
        "... a sentinel for each is all");
    ok(dispositions() == before, "... signals as before");
    pid = child(wait_for_word, NULL);
    atomic_store(word, 1);
    end_of(p);
    end_of(q);
    is_int(fds, descriptors(), "... the sentinels are gone with them");
    is_int(pid, waitpid(-1, &status, 0), "wait meets our own fork's child");
    is_int(-1, waitpid(-1, &status, 0), "... and then none");
    is_int(ECHILD, errno, "... ECHILD");
    ok(dispositions() == before, "... signals as before");
    is_int(mask, blocked(), "... and the mask");
    destroy_all();
}

/* A child begins as a program begins: with stdin, stdout, stderr, and what
 * was open in its parent. */
static int
is_quiet(void *arg)
{
    int fds = *(int *)arg;

    return threads() == 1 && descriptors() == fds && use_all() &&
        threads() == 1 && descriptors() == fds &&
        waitpid(-1, NULL, WNOHANG) < 0 ? 0 : 1;
}

static void
quiet_child(void)
{
    int fds = descriptors();

    create_all();
    is_int(0, end_of(started(is_quiet, &fds)), "a child is quiet, too");
    is_int(0, reap(child(is_quiet, &fds)), "... and one of our own fork()");
    destroy_all();
}

static int sigchlds;

static void
on_sigchld(int sig)
{
    (void)sig;
    sigchlds++;
}

static void
handler_kept(void)
{
    struct sigaction act = {.sa_handler = on_sigchld}, now;

    sigaction(SIGCHLD, &act, NULL);
    end_of(started(wait_for_word, NULL));
    sigaction(SIGCHLD, NULL, &now);
    ok(now.sa_handler == on_sigchld, "a SIGCHLD handler stays");
    is_int(1, sigchlds, "... and is called as ever");
    signal(SIGCHLD, SIG_DFL);
}

/* Each call, with a cancellation pending all the time.  It is never acted on:
 * the sanitizers take a thread's forced end for an error. */
static void *
call_everything(void *arg)
{
    struct sysvmp_process *p;
    struct sysvmp_process *list[1];
    int *done = arg, code;

    pthread_cancel(pthread_self());
    create_all();
    *done += use_all() && sleep_a_little();
    p = started(wait_for_word, NULL);
    (void)sysvmp_active_children(list, 1);
    (void)sysvmp_process_is_alive(p);
    *done += sysvmp_process_join(p, SYSVMP_FOREVER) == 0;
    *done += sysvmp_process_exitcode(p, &code) == 0 && code == 0;
    sysvmp_process_destroy(p);
    (void)sysvmp_parent_process();
    (void)sysvmp_conn_poll(end[1], 5);
    (void)sysvmp_queue_close(queue);
    (void)sysvmp_conn_close(end[0]);
    destroy_all();
    (void)sysvmp_cpu_count();
    (void)sysvmp_last_error();
    *done += sysvmp_leave() == 0;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    return NULL;
}

static void *
recv_one(void *arg)
{
    char c;

    *(int *)arg = (int)sysvmp_conn_recv(end[1], &c, 1, SYSVMP_FOREVER);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    return NULL;
}

static void
no_cancellation(void)
{
    pthread_t thread;
    void *result;
    int done = 0;

    if (pthread_create(&thread, NULL, call_everything, &done) != 0)
        bail("pthread_create");
    pthread_join(thread, &result);
    is_int(4, done, "a pending cancellation is not acted on in any call");
    ok(result != PTHREAD_CANCELED, "... it outlived them");

    create_all();
    done = 0;
    if (pthread_create(&thread, NULL, recv_one, &done) != 0)
        bail("pthread_create");
    pthread_cancel(thread);
    pause_us(5000);
    must(sysvmp_conn_send(end[0], "x", 1, SYSVMP_FOREVER), "conn_send");
    pthread_join(thread, &result);
    is_int(1, done, "one that comes while a call sleeps waits for its end");
    destroy_all();
}

int
main(void)
{
    plan(15 + 2 + 2 + 3);
    word = shared(sizeof(*word));
    quiet();
    quiet_child();
    handler_kept();
    no_cancellation();
    return done();
}
