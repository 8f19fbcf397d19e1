/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fileno-end.c: who waits by poll(2) is told of the end of file, in whatever
 * way the last sender went, and not before; what children hold of it; and what
 * happens to descriptors behind our back: an exec closes them, a program
 * closes all that it does not know, a thread closes the end that another one
 * is using, the first three are free.
 */
#include <config.h>

#include "child.h"
#include "files.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static struct sysvmp_queue *q;
static struct sysvmp_conn *end[2];
static _Atomic int *stage;

static void
new_queue(unsigned flags)
{
    must(sysvmp_queue_create(&q, 0, flags | SYSVMP_FILENO), "queue_create");
    *stage = 0;
}

static void
new_pipe(unsigned flags)
{
    must(sysvmp_pipe_create(end, flags | SYSVMP_FILENO), "pipe_create");
    *stage = 0;
}

static void
destroy_pipe(void)
{
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

static int64_t
get(void)
{
    char buf[16];

    return sysvmp_queue_get(q, buf, sizeof(buf), SYSVMP_NOWAIT);
}

static int64_t
receive(void)
{
    char buf[16];

    return sysvmp_conn_recv(end[0], buf, sizeof(buf), SYSVMP_NOWAIT);
}

/*
 * The last sender's end.
 */

enum how { CLOSES, DESTROYS, LEAVES, EXITS, IS_KILLED, WAYS };

static const char *const ways[WAYS] = {"closes", "destroys", "leaves",
    "exits", "is killed"};

static void
send_no_more(enum how how)
{
    switch (how) {
    case CLOSES:
        (void)sysvmp_queue_close(q);
        break;
    case DESTROYS:
        sysvmp_queue_destroy(q);
        break;
    case LEAVES:
        (void)sysvmp_leave();
        break;
    case IS_KILLED:
        kill(getpid(), SIGKILL);
        break;
    default:
        break;
    }
}

/* Puts one, waits until its parent sleeps, then ends. */
static int
last_sender(void *arg)
{
    enum how how = *(const enum how *)arg;

    if (sysvmp_queue_put(q, "12", 2, SYSVMP_FOREVER) != 0)
        return 1;
    until(stage, 1);
    if (!asleep(getppid()))
        return 2;
    send_no_more(how);
    if (how < EXITS) /* it must not be its exit that tells */
        until(stage, 2);
    return 0;
}

static void
by(enum how how)
{
    struct sysvmp_process *p;
    int fd;

    new_queue(SYSVMP_EOF);
    fd = sysvmp_queue_fileno(q);
    p = started(last_sender, &how);
    must(sysvmp_queue_close(q), "queue_close");
    is_int(POLLIN, readiness(fd, -1), "fileno: a sender has put");
    is_int(2, get(), "... which we get");
    is_int(0, readiness(fd, 0), "... then there is nothing");
    *stage = 1;
    is_int(POLLHUP, readiness(fd, -1), "... and the end of file, as it %s",
        ways[how]);
    is_int(-EPIPE, get(), "... says get");
    is_int(POLLHUP, readiness(fd, 0), "... it stays so");
    *stage = 2;
    is_int(how == IS_KILLED ? -SIGKILL : 0, end_of(p), "... its end");
    sysvmp_queue_destroy(q);
}

static int
put_one(void *arg)
{
    (void)arg;
    return sysvmp_queue_put(q, "12", 2, SYSVMP_FOREVER);
}

static void
message_and_end(void)
{
    new_queue(SYSVMP_EOF);
    is_int(0, reap(child(put_one, NULL)), "fileno: put and gone");
    must(sysvmp_queue_close(q), "queue_close");
    is_int(POLLIN | POLLHUP, readiness(sysvmp_queue_fileno(q), -1),
        "... both is told");
    is_int(2, get(), "... the message comes first");
    is_int(POLLHUP, readiness(sysvmp_queue_fileno(q), -1), "... the end");
    is_int(-EPIPE, get(), "... after it");
    sysvmp_queue_destroy(q);
}

static void
no_end(void)
{
    new_queue(0);
    is_int(0, reap(child(put_one, NULL)), "fileno: without SYSVMP_EOF");
    must(sysvmp_queue_close(q), "queue_close");
    is_int(POLLIN, readiness(sysvmp_queue_fileno(q), -1),
        "... there is a message");
    is_int(2, get(), "... which comes");
    is_int(0, readiness(sysvmp_queue_fileno(q), 0), "... and no end");
    is_int(-EAGAIN, get(), "... as get says");
    sysvmp_queue_destroy(q);
}

/*
 * Ends of pipes that are given.
 */

static int
has_given(void *arg)
{
    int before = *(const int *)arg;

    /* Of the four directions: one, with a descriptor to read beside it. */
    if (files() != before + 2)
        return 1;
    if (sysvmp_conn_send(end[1], "12", 2, SYSVMP_FOREVER) != 0)
        return 2;
    until(stage, 1);
    return 0;
}

static void
given(void)
{
    struct sysvmp_conn *other[2];
    struct sysvmp_process *p;
    int before = files(), fd;

    must(sysvmp_pipe_create(other, SYSVMP_FILENO), "pipe_create");
    new_pipe(SYSVMP_SIMPLEX);
    fd = sysvmp_conn_fileno(end[0]);
    p = created(has_given, &before);
    must(sysvmp_process_give(p, end[1]), "process_give");
    must(sysvmp_process_start(p), "process_start");
    is_int(POLLIN, readiness(fd, -1), "fileno: a child has an end and sends");
    is_int(2, receive(), "... we receive");
    is_int(0, readiness(fd, 0), "... it is no end of file that we gave ours");
    is_int(-EBADF, sysvmp_conn_send(end[1], "", 0, SYSVMP_NOWAIT),
        "... which is closed");
    must(sysvmp_conn_close(other[0]), "conn_close");
    is_int(POLLHUP, readiness(sysvmp_conn_fileno(other[1]), 0),
        "... it has none of another pipe, of which one end is closed");
    *stage = 1;
    is_int(POLLHUP, readiness(fd, -1), "... its exit is the end of file");
    is_int(-EPIPE, receive(), "... says recv");
    is_int(0, end_of(p), "... it had the descriptors of its end alone");
    sysvmp_conn_destroy(other[0]);
    sysvmp_conn_destroy(other[1]);
    destroy_pipe();
    is_int(before, files(), "... none is left");
}

/* While others fork, a count of no holders proves nothing, but to hang up
 * does. */
static int
fork_on(void *arg)
{
    (void)arg;
    while (*stage == 0)
        if (fork() == 0)
            _exit(0);
        else
            reap(-1);
    return 0;
}

static void
while_others_fork(void)
{
    int wrong = 0, accepted = 0;
    pid_t pid;

    *stage = 0;
    must(sysvmp_pipe_create(end, 0), "pipe_create"); /* the program's first */
    pid = child(fork_on, NULL);
    destroy_pipe();
    for (int i = 0; i < 500; i++) {
        must(sysvmp_pipe_create(end, SYSVMP_FILENO | SYSVMP_SIMPLEX),
            "pipe_create");
        must(sysvmp_conn_close(end[1]), "conn_close");
        wrong += readiness(sysvmp_conn_fileno(end[0]), -1) != POLLHUP ||
            receive() != -EPIPE;
        destroy_pipe();
    }
    /* A child might hold the other end: it is written to. */
    for (int i = 0; accepted < 20 && i < 50000; i++) {
        must(sysvmp_pipe_create(end, SYSVMP_FILENO | SYSVMP_SIMPLEX),
            "pipe_create");
        must(sysvmp_conn_close(end[0]), "conn_close");
        accepted += sysvmp_conn_send(end[1], "", 1, SYSVMP_NOWAIT) == 0;
        destroy_pipe();
    }
    *stage = 1;
    is_int(0, reap(pid), "fileno: another process forks all the time");
    is_int(0, wrong, "... the end of file is told once, and is it");
    ok(accepted > 0, "... sends to nobody are accepted meanwhile: no SIGPIPE");
}

/*
 * Behind our back.
 */

/* cat holds what it was, but can send no more: its descriptors are closed. */
static int
becomes_cat(void *arg)
{
    int *in = arg;

    if (in[0] != STDIN_FILENO)
        dup2(in[0], STDIN_FILENO);
    execlp("cat", "cat", (char *)NULL);
    return 127;
}

static void
over_exec(void)
{
    int in[2];
    pid_t pid;

    if (pipe2(in, O_CLOEXEC) < 0)
        bail("pipe2: %s", strerror(errno));
    new_queue(SYSVMP_EOF);
    must(sysvmp_queue_put(q, "12", 2, SYSVMP_FOREVER), "put");
    pid = child(becomes_cat, in);
    must(sysvmp_queue_close(q), "queue_close");
    is_int(2, get(), "fileno: a sender becomes another program");
    is_int(POLLHUP, readiness(sysvmp_queue_fileno(q), -1),
        "... which can't send: it is the end of file");
    is_int(-EPIPE, get(), "... says get");
    close(in[0]);
    close(in[1]);
    is_int(0, reap(pid), "... it had not ended");
    sysvmp_queue_destroy(q);
}

/* Its name is put into path[PATH_MAX]. */
static int
temporary_file(char *path)
{
    const char *dir = getenv("TMPDIR");
    int fd;

    snprintf(path, PATH_MAX, "%s/fileno-end.XXXXXX", dir ? dir : "/tmp");
    fd = mkstemp(path);
    if (fd < 0)
        bail("%s: %s", path, strerror(errno));
    return fd;
}

/* All closed, and something else in their place. */
static int
closes_all(void *arg)
{
    const char *path = arg;
    struct stat status;
    int highest = lowest_free(), fd;

    for (fd = 3; fd < 100; fd++)
        close(fd);
    while ((fd = open(path, O_RDWR | O_CREAT, 0600)) < highest + 10)
        if (fd < 0)
            return 1;
    if (sysvmp_queue_put(q, "34", 2, SYSVMP_FOREVER) != 0)
        return 2; /* it was not empty */
    if (get() != 2 || get() != 2)
        return 3;
    if (sysvmp_queue_put(q, "56", 2, SYSVMP_FOREVER) != -EBADF ||
        !strstr(sysvmp_last_error(), "descriptor"))
        return 4;
    if (get() != -EAGAIN || sysvmp_queue_qsize(q) != 0)
        return 5;
    sysvmp_queue_destroy(q);
    if (fstat(fd, &status) != 0 || status.st_size != 0)
        return 6;
    for (fd = 3; fd < highest + 10; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            return 7;
    return 0;
}

static void
all_closed(void)
{
    char path[PATH_MAX];
    int fd = temporary_file(path), ready;

    close(fd);
    new_queue(SYSVMP_EOF);
    must(sysvmp_queue_put(q, "12", 2, SYSVMP_FOREVER), "put");
    is_int(0, reap(child(closes_all, path)), "fileno: who has closed all "
        "descriptors may not put into an empty queue, and does nothing to "
        "those that took their place");
    ready = readiness(sysvmp_queue_fileno(q), 0);
    is_int(POLLIN, ready, "... it took the last one: we are told once more");
    is_int(-EAGAIN, get(), "... and find nothing");
    is_int(0, readiness(sysvmp_queue_fileno(q), 0), "... then not");
    must(sysvmp_queue_put(q, "12", 2, SYSVMP_FOREVER), "put");
    is_int(2, get(), "... all goes on");
    is_int(0, readiness(sysvmp_queue_fileno(q), 0), "... as before");
    unlink(path);
    sysvmp_queue_destroy(q);
}

/* None of the first three. */
static int
without_first(void *arg)
{
    int fd, before;

    (void)arg;
    for (fd = 0; fd < 3; fd++)
        close(fd);
    before = files();
    new_queue(0);
    new_pipe(0);
    for (fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            return 1;
    if (put_one(NULL) != 0 ||
        readiness(sysvmp_queue_fileno(q), 0) != POLLIN || get() != 2 ||
        readiness(sysvmp_queue_fileno(q), 0) != 0)
        return 2;
    sysvmp_queue_destroy(q);
    destroy_pipe();
    return files() != before ? 3 : 0;
}

/* One thread receives in a loop, another one closes the end, and opens files:
 * none of them is read. */
static void *
receive_on(void *arg)
{
    int64_t answer;

    do
        answer = receive();
    while (answer == -EAGAIN);
    *(int64_t *)arg = answer;
    return NULL;
}

static void
closed_by_thread(void)
{
    char path[PATH_MAX];
    int fd = temporary_file(path), wrong = 0;

    if (write(fd, "precious", 8) != 8)
        bail("write: %s", strerror(errno));
    for (int i = 0; i < 300; i++) {
        int64_t answer = 0;
        pthread_t thread;
        int other;

        new_pipe(SYSVMP_SIMPLEX);
        pthread_create(&thread, NULL, receive_on, &answer);
        pause_us((unsigned)i % 100);
        must(sysvmp_conn_close(end[0]), "conn_close");
        other = open(path, O_RDONLY | O_CLOEXEC);
        pthread_join(thread, NULL);
        wrong += answer != -EBADF || lseek(other, 0, SEEK_CUR) != 0;
        close(other);
        destroy_pipe();
    }
    is_int(0, wrong, "fileno: a thread closes the end that another one is "
        "using: -EBADF, and nothing else is read");
    close(fd);
    unlink(path);
}

int
main(void)
{
    plan(WAYS * 7 + 5 + 5 + 9 + 3 + 4 + 6 + 1 + 1);
    stage = shared(sizeof(*stage));
    for (int how = 0; how < WAYS; how++)
        by((enum how)how);
    message_and_end();
    no_end();
    given();
    while_others_fork();
    over_exec();
    all_closed();
    is_int(0, reap(child(without_first, NULL)),
        "fileno: the first three are free, and stay so");
    closed_by_thread();
    return done();
}
