/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fileno.c: the descriptor of a queue or of a pipe's end: readable while there
 * is a message, however it was put, and not after the last was taken; also for
 * select(2) and epoll(7); once too often for a message at most; and none is
 * left behind.  fileno-end.c has the end of file, and what is done to
 * descriptors behind our back.
 */
#include <config.h>

#include "child.h"
#include "files.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>

enum { LARGE = 100000, ITEMS = 3, SENDERS = 2, RECEIVERS = 3 };

static struct sysvmp_queue *q;
static struct sysvmp_conn *end[2];
static char large[LARGE];

static void
new_queue(size_t maxsize, unsigned flags)
{
    must(sysvmp_queue_create(&q, maxsize, flags | SYSVMP_FILENO),
        "queue_create");
}

static int
put(void)
{
    return sysvmp_queue_put(q, "x", 1, SYSVMP_FOREVER);
}

static int64_t
get(void)
{
    return sysvmp_queue_get(q, large, LARGE, SYSVMP_NOWAIT);
}

/* As poll(2) sees it now. */
static int
now(void)
{
    return readiness(sysvmp_queue_fileno(q), 0);
}

static void
one_by_one(size_t maxsize, const char *what)
{
    new_queue(maxsize, 0);
    is_int(0, now(), "fileno: %s: not readable at first", what);
    must(put(), "put");
    is_int(POLLIN, now(), "... readable after a put");
    is_int(POLLIN, now(), "... and as long as it is there");
    must(put(), "put");
    is_int(1, get(), "... of two one is taken");
    is_int(POLLIN, now(), "... still readable");
    is_int(1, get(), "... the other, too");
    is_int(0, now(), "... not any more");
    is_int(-EAGAIN, get(), "... there is none");
    must(put(), "put");
    is_int(POLLIN, now(), "... another one comes");
    is_int(1, sysvmp_queue_next_len(q), "... it is looked at");
    is_int(POLLIN, now(), "... and stays readable");
    is_int(1, get(), "... until it is taken");
    is_int(0, now(), "... not any more");
    sysvmp_queue_destroy(q);
}

/* By all the ways in, and all the ways out: readable between the two. */

static void
make_items(struct sysvmp_item *items)
{
    static char bytes[ITEMS][4096];

    for (int i = 0; i < ITEMS; i++)
        items[i] = (struct sysvmp_item){.data = bytes[i],
            .size = sizeof(bytes[i]), .len = 2000};
}

static int
put_large(void)
{
    return sysvmp_queue_put(q, large, LARGE, SYSVMP_FOREVER) == 0;
}

static int
put_many(void)
{
    struct sysvmp_item items[ITEMS];

    make_items(items);
    return (int)sysvmp_queue_put_many(q, items, ITEMS, SYSVMP_FOREVER);
}

static int
put_msg(void)
{
    struct sysvmp_msg *m;

    must(sysvmp_msg_create(&m, 10), "msg_create");
    return sysvmp_queue_put_msg(q, m, SYSVMP_FOREVER) == 0;
}

static int
get_one(void)
{
    return get() >= 0;
}

static int
get_many(void)
{
    struct sysvmp_item items[ITEMS];
    int64_t n;

    make_items(items);
    n = sysvmp_queue_get_many(q, items, ITEMS, SYSVMP_NOWAIT);
    return n < 0 ? 0 : (int)n;
}

static int
get_msg(void)
{
    struct sysvmp_msg *m = NULL;

    if (sysvmp_queue_get_msg(q, &m, SYSVMP_NOWAIT) < 0)
        return 0;
    sysvmp_msg_destroy(m);
    return 1;
}

/* How often it was not as it must be. */
static int
through(int (*in)(void), int (*out)(void))
{
    int n = in(), wrong = now() != POLLIN, taken;

    if (in() != n)
        wrong++;
    for (n *= 2; n > 0; n -= taken) {
        wrong += now() != POLLIN;
        taken = out();
        if (taken == 0)
            return wrong + 1;
    }
    return wrong + (now() != 0) + (n != 0);
}

static void
all_ways(void)
{
    static int (*const in[])(void) = {put_large, put_many, put_msg};
    static int (*const out[])(void) = {get_one, get_many, get_msg};
    int wrong = 0;

    new_queue(0, 0);
    for (int i = 0; i < 3; i++)
        for (int o = 0; o < 3; o++)
            for (int again = 0; again < 3; again++)
                if (in[i] != put_large || out[o] != get_many)
                    wrong += through(in[i], out[o]);
    is_int(0, wrong, "fileno: large, many, in place: readable while there is "
        "one, and not after the last");
    /* What takes no more than one waits for nobody. */
    is_int(1, put_large(), "... a large one");
    is_int(-EMSGSIZE, sysvmp_queue_get(q, large, 1, SYSVMP_NOWAIT),
        "... is too long for this buffer");
    is_int(POLLIN, now(), "... and so readable");
    is_int(LARGE, get(), "... for another");
    sysvmp_queue_destroy(q);
}

static void
of_pipes(void)
{
    char c;

    must(sysvmp_pipe_create(end, SYSVMP_FILENO), "pipe_create");
    for (int i = 0; i < 2; i++) {
        int fd = sysvmp_conn_fileno(end[i]);

        is_int(0, readiness(fd, 0), "fileno: end %d of a pipe: not readable",
            i);
        must(sysvmp_conn_send(end[!i], "x", 1, SYSVMP_FOREVER), "send");
        is_int(POLLIN, readiness(fd, 0), "... until something was sent");
        is_int(0, readiness(sysvmp_conn_fileno(end[!i]), 0),
            "... which the sender's own is not");
        is_int(1, sysvmp_conn_poll(end[i], SYSVMP_NOWAIT),
            "... conn_poll says the same");
        is_int(1, sysvmp_conn_recv(end[i], &c, 1, SYSVMP_NOWAIT),
            "... it is received");
        is_int(0, readiness(fd, 0), "... then not");
    }
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

static void
answers(void)
{
    struct sysvmp_queue *none;

    must(sysvmp_queue_create(&q, 0, 0), "queue_create");
    is_int(-EINVAL, sysvmp_queue_fileno(q),
        "fileno: -EINVAL, of a queue without");
    sysvmp_queue_destroy(q);
    is_int(-EINVAL, sysvmp_queue_fileno(NULL), "... of no queue");
    is_int(-EINVAL, sysvmp_conn_fileno(NULL), "... of no pipe");
    is_int(-EINVAL,
        sysvmp_queue_create(&none, 0, SYSVMP_FILENO | SYSVMP_JOINABLE),
        "... none is joinable as well");
    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
    is_int(-EINVAL, sysvmp_conn_fileno(end[0]), "... of a pipe without");
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX | SYSVMP_FILENO),
        "pipe_create");
    ok(sysvmp_conn_fileno(end[0]) >= 0, "fileno: of the end that receives");
    is_int(-EBADF, sysvmp_conn_fileno(end[1]),
        "... -EBADF of one that only sends");
    must(sysvmp_conn_close(end[0]), "close");
    is_int(-EBADF, sysvmp_conn_fileno(end[0]), "... of one that is closed");
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

/*
 * Other calls of the kernel that wait.
 */

static int
by_select(int fd)
{
    struct timeval none = {0};
    fd_set set;

    FD_ZERO(&set);
    FD_SET(fd, &set);
    return select(fd + 1, &set, NULL, NULL, &none);
}

static int
by_epoll(int epoll)
{
    struct epoll_event event;

    return epoll_wait(epoll, &event, 1, 0);
}

static void
other_calls(void)
{
    int level = epoll_create1(EPOLL_CLOEXEC), edge = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    int fd;

    new_queue(0, SYSVMP_EOF);
    fd = sysvmp_queue_fileno(q);
    epoll_ctl(level, EPOLL_CTL_ADD, fd, &event);
    event.events |= EPOLLET;
    epoll_ctl(edge, EPOLL_CTL_ADD, fd, &event);
    is_int(0, by_select(fd) + by_epoll(level) + by_epoll(edge),
        "fileno: select, epoll, edge-triggered: none at first");
    for (int i = 0; i < 2; i++) {
        must(put(), "put");
        is_int(3, by_select(fd) + by_epoll(level) + by_epoll(edge),
            "... all after a put");
        is_int(2, by_select(fd) + by_epoll(level) + by_epoll(edge),
            "... the edge is told once");
        get();
        is_int(0, by_select(fd) + by_epoll(level) + by_epoll(edge),
            "... none after the get");
    }
    must(sysvmp_queue_close(q), "close");
    is_int(3, by_select(fd) + by_epoll(level) + by_epoll(edge),
        "... all at the end of file");
    is_int(-EPIPE, get(), "... which it is");
    close(level);
    close(edge);
    sysvmp_queue_destroy(q);
}

/*
 * How often too often.
 */

static struct count {
    _Atomic int taken, in_vain;
} *count;

static int
send_many(void *arg)
{
    int n = *(const int *)arg;

    for (int i = 0; i < n; i++) {
        if (sysvmp_queue_put(q, &i, sizeof(i), SYSVMP_FOREVER) != 0)
            return 1;
        if (i % 3 == 0)
            sched_yield();
    }
    return 0;
}

/* By poll(2) alone, until the end of file. */
static int
receive_all(void *arg)
{
    int fd = sysvmp_queue_fileno(q), in_vain = 0, taken = 0;
    int64_t answer = 0;
    int number;

    (void)arg;
    must(sysvmp_queue_close(q), "close");
    while (answer != -EPIPE) {
        if (readiness(fd, -1) == 0)
            return 1;
        answer = sysvmp_queue_get(q, &number, sizeof(number), SYSVMP_NOWAIT);
        if (answer < 0 && answer != -EAGAIN && answer != -EPIPE)
            return 2;
        in_vain += answer == -EAGAIN;
        taken += answer >= 0;
    }
    atomic_fetch_add(&count->taken, taken);
    atomic_fetch_add(&count->in_vain, in_vain);
    return 0;
}

static void
too_often(int receivers, int n)
{
    pid_t sender[SENDERS], receiver[RECEIVERS];
    int ends = 0;

    memset(count, 0, sizeof(*count));
    new_queue(0, SYSVMP_EOF);
    for (int i = 0; i < receivers; i++)
        receiver[i] = child(receive_all, NULL);
    for (int i = 0; i < SENDERS; i++)
        sender[i] = child(send_many, &n);
    must(sysvmp_queue_close(q), "close");
    for (int i = 0; i < SENDERS; i++)
        ends += reap(sender[i]);
    for (int i = 0; i < receivers; i++)
        ends += reap(receiver[i]);
    is_int(0, ends, "fileno: %d wait by poll(2) for %d messages of %d senders",
        receivers, n * SENDERS, SENDERS);
    is_int(n * SENDERS, count->taken, "... each of which comes");
    ok(count->in_vain <= n * SENDERS * (receivers - 1),
        "... of %d times that it was readable %d were in vain: of one "
        "receiver none, of several one for each message of another's",
        count->taken + count->in_vain, count->in_vain);
    sysvmp_queue_destroy(q);
}

/*
 * Descriptors.
 */

static void
none_left(void)
{
    int before;

    must(sysvmp_queue_create(&q, 0, 0), "queue_create");
    before = files();
    for (int i = 0; i < 50; i++) {
        struct sysvmp_queue *other;

        must(sysvmp_queue_create(&other, 0, SYSVMP_FILENO), "queue_create");
        must(sysvmp_pipe_create(end, SYSVMP_FILENO), "pipe_create");
        if (i % 2)
            must(sysvmp_conn_close(end[i % 4 / 2]), "conn_close");
        sysvmp_conn_destroy(end[0]);
        sysvmp_conn_destroy(end[1]);
        sysvmp_queue_destroy(other);
    }
    is_int(before, files(), "fileno: no descriptor is left by 50 queues and "
        "pipes");
    must(sysvmp_pipe_create(end, 0), "pipe_create");
    is_int(before, files(), "... a pipe without has none");
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
    sysvmp_queue_destroy(q);

    new_queue(0, 0);
    is_int(before + 2, files(), "... a queue has two");
    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX | SYSVMP_FILENO),
        "pipe_create");
    is_int(before + 5, files(), "... both ends of a pipe have three");
    must(sysvmp_leave(), "leave");
    is_int(before, files(), "... none after sysvmp_leave()");
    is_int(-EBADF, sysvmp_queue_fileno(q), "... so -EBADF");
    sysvmp_queue_destroy(q);
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

static void
run_out(void)
{
    struct rlimit was, few;
    int before = files(), error = 0, n = 0;

    getrlimit(RLIMIT_NOFILE, &was);
    few = was;
    few.rlim_cur = (rlim_t)(lowest_free() + 5);
    setrlimit(RLIMIT_NOFILE, &few);
    q = NULL;
    while (error == 0 && n++ < 10)
        error = sysvmp_pipe_create(end, SYSVMP_FILENO);
    is_int(-ENOSPC, error, "fileno: no descriptor is free");
    is_int(1, n, "... for both directions of a pipe");
    ok(strstr(sysvmp_last_error(), "RLIMIT_NOFILE") != NULL,
        "... the text names the limit: %s", sysvmp_last_error());
    is_int(before, files(), "... what there was of it is closed");
    setrlimit(RLIMIT_NOFILE, &was);
    must(sysvmp_pipe_create(end, SYSVMP_FILENO), "pipe_create");
    is_int(before + 6, files(), "... with more there is one");
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

int
main(int argc, char **argv)
{
    int n = long_form(argc, argv) ? 1000000 : 10000;

    plan(2 * 13 + 5 + 12 + 8 + 9 + 6 + 6 + 5);
    count = shared(sizeof(*count));
    one_by_one(0, "a queue without a limit");
    one_by_one(2, "a bounded queue");
    all_ways();
    of_pipes();
    answers();
    other_calls();
    too_often(1, n);
    too_often(RECEIVERS, n);
    none_left();
    run_out();
    return done();
}
