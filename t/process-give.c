/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process-give.c: a child holds the ends that were given to it and no others;
 * ours closes with the last start, so its death is end of file (F6).
 */
#include <config.h>

#include "child.h"

#include <signal.h>
#include <sys/resource.h>

static struct sysvmp_conn *a[2], *b[2];
static struct sysvmp_queue *queue;
static struct sysvmp_lock *lock;

static int
answer(struct sysvmp_conn *c)
{
    return sysvmp_conn_send(c, "x", 1, SYSVMP_NOWAIT);
}

static void
two_pipes(void)
{
    must(sysvmp_pipe_create(a, 0), "pipe_create");
    must(sysvmp_pipe_create(b, 0), "pipe_create");
}

static void
destroy_pipes(void)
{
    for (int i = 0; i < 2; i++) {
        sysvmp_conn_destroy(a[i]);
        sysvmp_conn_destroy(b[i]);
    }
}

static struct sysvmp_process *
given(sysvmp_target *fn, struct sysvmp_conn *c)
{
    struct sysvmp_process *p = created(fn, c);

    must(sysvmp_process_give(p, c), "process_give");
    return p;
}

static void
start(struct sysvmp_process *p)
{
    must(sysvmp_process_start(p), "process_start");
}

/* Sends one message, then waits for one that never comes. */
static int
send_and_stay(void *arg)
{
    char c;

    return answer(arg) == 0 &&
        sysvmp_conn_recv(arg, &c, 1, SYSVMP_FOREVER) == -EPIPE ? 0 : 1;
}

static int
send_and_go(void *arg)
{
    return answer(arg);
}

static void
death_is_end_of_file(void)
{
    struct sysvmp_process *p;
    char c = 0;

    two_pipes();
    p = given(send_and_stay, a[1]);
    is_int(0, answer(a[1]), "process-give: an end is ours until the start");
    start(p);
    is_int(-EBADF, answer(a[1]), "... and then closed here");
    is_int(1, sysvmp_conn_recv(a[0], &c, 1, SYSVMP_FOREVER),
        "what we sent at it arrives");
    is_int(1, sysvmp_conn_recv(a[0], &c, 1, SYSVMP_FOREVER),
        "... then what the child sent");
    is_int(-EAGAIN, sysvmp_conn_recv(a[0], &c, 1, SYSVMP_NOWAIT),
        "... and no end of file while it lives");
    must(sysvmp_process_kill(p), "process_kill");
    is_int(-EPIPE, sysvmp_conn_recv(a[0], &c, 1, SYSVMP_FOREVER),
        "... but when it was killed (F6)");
    is_int(-EPIPE, answer(a[0]), "... also for who sends");
    is_int(-SIGKILL, end_of(p), "... and it was SIGKILL");
    destroy_pipes();
}

/* In a grandchild: what the child had, and nothing more. */
static int
grandchild(void *arg)
{
    (void)arg;
    return answer(a[0]) == 0 && answer(a[1]) == -EBADF &&
        answer(b[0]) == -EBADF && answer(b[1]) == -EBADF ? 0 : 1;
}

enum { MINE = 1, PEER = 2, READABLE = 4, POLL = 8, OTHERS = 16, CLOSE = 32,
    QUEUE = 64, GRANDCHILD = 128 };

/* Answers which of these were as they should be. */
static int
has_its_own_alone(void *arg)
{
    char c;
    int good = 0;

    (void)arg;
    if (answer(a[0]) == 0)
        good |= MINE;
    if (answer(a[1]) == -EBADF &&
        sysvmp_conn_recv(a[1], &c, 1, SYSVMP_NOWAIT) == -EBADF)
        good |= PEER;
    if (sysvmp_conn_readable(a[1]) == 0 && sysvmp_conn_writable(a[1]) == 0 &&
        sysvmp_conn_readable(a[0]) == 1 && sysvmp_conn_writable(a[0]) == 1)
        good |= READABLE;
    if (sysvmp_conn_poll(a[1], SYSVMP_NOWAIT) == -EBADF)
        good |= POLL;
    if (answer(b[0]) == -EBADF && answer(b[1]) == -EBADF)
        good |= OTHERS;
    if (sysvmp_conn_close(b[0]) == 0)
        good |= CLOSE;
    sysvmp_conn_destroy(b[1]);
    b[1] = b[0];
    if (sysvmp_lock_acquire(lock, SYSVMP_NOWAIT) == 0 &&
        sysvmp_lock_release(lock) == 0 &&
        sysvmp_queue_put(queue, "x", 1, SYSVMP_NOWAIT) == 0)
        good |= QUEUE;
    if (end_of(started(grandchild, NULL)) == 0)
        good |= GRANDCHILD;
    return good;
}

static void
given_alone(void)
{
    struct sysvmp_process *p;
    char c;
    int good;

    two_pipes();
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_queue_create(&queue, 0, 0), "queue_create");
    p = given(has_its_own_alone, a[0]);
    start(p);
    good = end_of(p);
    ok(good & MINE, "a child uses the end that was given to it");
    ok(good & PEER, "... not the other one of that pipe: -EBADF");
    ok(good & READABLE, "... which is neither readable nor writable there");
    ok(good & POLL, "... nor to be polled");
    ok(good & OTHERS, "... nor other pipes: -EBADF");
    ok(good & CLOSE, "... which it may close and destroy");
    ok(good & QUEUE, "... but queues and locks, as ever");
    ok(good & GRANDCHILD, "... and its own child holds no more than it");
    is_int(2, sysvmp_conn_recv(a[1], &c, 1, SYSVMP_NOWAIT) +
        sysvmp_conn_recv(a[1], &c, 1, SYSVMP_NOWAIT),
        "what both sent has arrived");
    is_int(-EPIPE, sysvmp_conn_recv(a[1], &c, 1, SYSVMP_FOREVER),
        "... and then end of file");
    is_int(0, answer(b[0]), "the other pipe is as it was");
    is_int(1, sysvmp_conn_recv(b[1], &c, 1, SYSVMP_NOWAIT), "... here");
    sysvmp_queue_destroy(queue);
    sysvmp_lock_destroy(lock);
    destroy_pipes();
}

static int
uses_all(void *arg)
{
    (void)arg;
    return answer(a[0]) == 0 && answer(a[1]) == 0 && answer(b[0]) == 0 &&
        answer(b[1]) == 0 ? 0 : 1;
}

static void
none_given(void)
{
    two_pipes();
    is_int(0, end_of(started(uses_all, NULL)),
        "a child to which no end was given uses all");
    is_int(0, answer(a[0]), "... which are still ours");
    destroy_pipes();
}

static void
given_to_two(void)
{
    struct sysvmp_process *p, *q;
    char c;

    two_pipes();
    p = given(send_and_stay, a[1]);
    q = given(send_and_go, a[1]);
    must(sysvmp_process_give(p, a[1]), "process_give");
    start(p);
    is_int(0, answer(a[1]), "given to two, twice to one: ours after one");
    start(q);
    is_int(-EBADF, answer(a[1]), "... closed after both have started");
    is_int(0, end_of(q), "one of them ends");
    for (int i = 0; i < 3; i++)
        is_int(1, sysvmp_conn_recv(a[0], &c, 1, SYSVMP_FOREVER),
            "... message %d arrives", i + 1);
    is_int(-EAGAIN, sysvmp_conn_recv(a[0], &c, 1, SYSVMP_NOWAIT),
        "... no end of file: the other one has it");
    must(sysvmp_process_kill(p), "process_kill");
    is_int(-EPIPE, sysvmp_conn_recv(a[0], &c, 1, SYSVMP_FOREVER),
        "... end of file with the second");
    end_of(p);
    destroy_pipes();
}

static void
not_given(void)
{
    struct sysvmp_process *p, *q;

    two_pipes();
    p = given(send_and_go, a[1]);
    q = given(send_and_go, b[1]);
    must(sysvmp_process_give(p, b[1]), "process_give");
    is_int(0, sysvmp_process_destroy(p), "a process with ends, not started");
    start(q);
    is_int(0, end_of(q), "... is not waited for:");
    is_int(-EBADF, answer(b[1]), "... the other's start closes here");
    is_int(0, answer(a[1]), "... what was its alone stays ours");

    p = given(send_and_go, a[1]);
    must(sysvmp_process_give(p, b[0]), "process_give");
    must(sysvmp_conn_close(b[0]), "conn_close");
    is_int(-EBADF, sysvmp_process_start(p), "an end closed meanwhile: -EBADF");
    is_int(0, answer(a[1]), "... the other one is still ours");
    must(sysvmp_process_destroy(p), "process_destroy");
    p = created(send_and_go, NULL);
    is_int(-EBADF, sysvmp_process_give(p, b[0]), "... nor can it be given");
    must(sysvmp_process_give(p, a[0]), "process_give");
    sysvmp_conn_destroy(a[0]);
    a[0] = NULL;
    is_int(-EBADF, sysvmp_process_start(p), "... nor one destroyed meanwhile");
    must(sysvmp_process_destroy(p), "process_destroy");
    destroy_pipes();
}

/* In a process of its own, of a user that may have no more processes: 0, or
 * the number of what went wrong; 99 where there is no such limit. */
static int
no_room(void *arg)
{
    struct rlimit none = {0, 0}, before;
    struct sysvmp_process *p;
    pid_t pid;

    (void)arg;
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
        return 99;
    getrlimit(RLIMIT_NPROC, &before);
    none.rlim_max = before.rlim_max;
    if (setrlimit(RLIMIT_NPROC, &none) < 0)
        return 99;
    pid = fork();
    if (pid == 0)
        _exit(0);
    if (pid > 0)
        return reap(pid) + 99;

    two_pipes();
    p = given(send_and_go, a[1]);
    if (sysvmp_process_start(p) != -ENOSPC)
        return 1;
    if (strstr(sysvmp_last_error(), "fork") == NULL)
        return 2;
    if (answer(a[1]) != 0)
        return 3;
    if (sysvmp_process_pid(p) != -ESRCH || sysvmp_process_is_alive(p) != 0)
        return 4;
    if (setrlimit(RLIMIT_NPROC, &before) < 0 || sysvmp_process_start(p) != 0)
        return 5;
    if (end_of(p) != 0 || answer(a[1]) != -EBADF)
        return 6;
    destroy_pipes();
    return sysvmp_leave() == 0 ? 0 : 7;
}

static void
start_fails(void)
{
    int result = reap(child(no_room, NULL));

    if (result == 99)
        skip(1, "no limit of processes for us");
    else
        is_int(0, result, "no room for a process: -ENOSPC, the ends stay "
            "ours, and another start gives them");
}

int
main(void)
{
    plan(39);
    start_fails();
    death_is_end_of_file();
    given_alone();
    none_given();
    given_to_two();
    not_given();
    return done();
}
