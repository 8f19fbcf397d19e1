/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * joinable.c: what is taken from a joinable queue is its taker's until it is
 * done, and goes back to the front, in its old order, when the taker gives it
 * back, destroys its handle, leaves, ends or is killed; who joins waits for
 * all to be done.
 */
#include <config.h>

#include "payload.h"
#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BOUND_MS = 20000,
    SHORT_MS = 20,
    BATCH = 5,
    JOINERS = 3,
    OTHERS = 40, /* objects, so that the next one is in another set */
    DEATHS = 20
};

#define LARGE (300 * KIB)
#define MS    INT64_C(1000000)

static struct sysvmp_queue *q;
static char *buf; /* of LARGE bytes */

/* Shared with the children. */
static struct board {
    _Atomic int ready; /* the child has what it is to have */
    _Atomic int go;
    _Atomic int answer;
    void *_Atomic at; /* of a message in place */
} *board;

static void
create(size_t maxsize, unsigned flags)
{
    must(sysvmp_queue_create(&q, maxsize, SYSVMP_JOINABLE | flags),
        "queue_create");
    atomic_store(&board->ready, 0);
    atomic_store(&board->go, 0);
    atomic_store(&board->answer, 0);
}

static void
destroy(void)
{
    sysvmp_queue_destroy(q);
    q = NULL;
}

/* Messages are numbers; those of LARGE bytes begin with one. */

static int
put(int number)
{
    return sysvmp_queue_put(q, &number, sizeof(number), SYSVMP_NOWAIT);
}

static void
put_up_to(int n)
{
    for (int i = 1; i <= n; i++)
        must(put(i), "put");
}

static int
get_for(int timeout_ms)
{
    int number;
    ssize_t len =
        sysvmp_queue_get(q, &number, sizeof(number), timeout_ms);

    return len == sizeof(number) ? number : len < 0 ? (int)len : -1;
}

static int
get(void)
{
    return get_for(SYSVMP_NOWAIT);
}

/* Is this the next one, and was it taken before? */
static int
got(int number, int redelivered)
{
    int seen = get();

    if (seen != number)
        diag("wanted %d, seen %d", number, seen);
    return seen == number && sysvmp_queue_redelivered(q) == redelivered;
}

/* Takes and does n, and there is no more. */
static int
ends_with(int n)
{
    for (int i = 0; i < n; i++)
        if (get() < 0 || sysvmp_queue_task_done(q) != 0)
            return 0;
    return get() == -EAGAIN && sysvmp_queue_task_done(q) == -EOVERFLOW &&
        sysvmp_queue_join(q, SYSVMP_NOWAIT) == 0;
}

static void
put_large(unsigned seed)
{
    payload_fill(buf, LARGE, seed);
    must(sysvmp_queue_put(q, buf, LARGE, SYSVMP_NOWAIT), "put");
}

static int
got_large(unsigned seed, int redelivered)
{
    return sysvmp_queue_get(q, buf, LARGE, SYSVMP_NOWAIT) ==
        (ssize_t)LARGE &&
        payload_whole(buf, LARGE, seed) &&
        sysvmp_queue_redelivered(q) == redelivered;
}

/*
 * One thread.
 */

static void
in_turn(void)
{
    int64_t start;

    create(0, 0);
    is_int(0, sysvmp_queue_join(q, SYSVMP_FOREVER),
        "joinable: to join a queue where nothing was put does not wait");
    is_int(0, sysvmp_queue_redelivered(q), "... nothing is redelivered");
    is_int(-EOVERFLOW, sysvmp_queue_task_done(q), "... nothing to be done");
    is_int(-EOVERFLOW, sysvmp_queue_task_return(q), "... or returned");
    put_up_to(3);
    is_int(-EAGAIN, sysvmp_queue_join(q, SYSVMP_NOWAIT),
        "put: join would wait");
    ok(got(1, 0), "get: the first, for the first time");
    is_int(2, sysvmp_queue_qsize(q), "... it is not in the queue");
    start = now_ns();
    is_int(-ETIMEDOUT, sysvmp_queue_join(q, SHORT_MS), "... join waits");
    ok(now_ns() - start >= SHORT_MS * MS, "... for its time");
    is_int(0, sysvmp_queue_task_done(q), "task_done");
    is_int(-EOVERFLOW, sysvmp_queue_task_done(q), "... but not twice");
    is_int(-EAGAIN, sysvmp_queue_join(q, SYSVMP_NOWAIT),
        "... join waits for those in the queue");
    ok(ends_with(2), "... until all are done");
    must(sysvmp_queue_put(q, NULL, 0, SYSVMP_NOWAIT), "put");
    is_int(0, sysvmp_queue_get(q, NULL, 0, SYSVMP_NOWAIT), "an empty one");
    is_int(0, sysvmp_queue_task_return(q), "... is returned");
    is_int(0, sysvmp_queue_next_len(q), "... is the first");
    is_int(0, sysvmp_queue_get(q, NULL, 0, SYSVMP_NOWAIT), "... comes again");
    is_int(0, sysvmp_queue_task_done(q), "... is done");
    is_int(0, sysvmp_queue_join(q, SYSVMP_NOWAIT), "... and that was all");
    destroy();
}

static void
returned(void)
{
    create(0, 0);
    put_up_to(5);
    ok(got(1, 0) && got(2, 0) && got(3, 0), "return: three are taken");
    is_int(0, sysvmp_queue_task_return(q), "... the oldest is given back");
    is_int(3, sysvmp_queue_qsize(q), "... is in the queue");
    is_int(0, sysvmp_queue_redelivered(q), "... the last was a first time");
    ok(got(1, 1), "... is first, and redelivered");
    for (int i = 0; i < 3; i++)
        must(sysvmp_queue_task_return(q), "task_return");
    is_int(-EOVERFLOW, sysvmp_queue_task_return(q), "all are given back");
    ok(got(1, 1) && got(2, 1) && got(3, 1) && got(4, 0) && got(5, 0),
        "... and come in their order");
    for (int i = 0; i < 5; i++)
        must(sysvmp_queue_task_done(q), "task_done");
    ok(ends_with(0), "... all are done");
    destroy();
}

static void
too_long(void)
{
    char byte;

    create(0, 0);
    put_large(1);
    put_up_to(1);
    is_int(-EMSGSIZE, sysvmp_queue_get(q, &byte, 1, SYSVMP_NOWAIT),
        "too long for the buffer");
    is_int(-EOVERFLOW, sysvmp_queue_task_done(q), "... it is not taken");
    is_int(2, sysvmp_queue_qsize(q), "... it stays");
    ok(got_large(1, 0), "... first, for the first time");
    is_int(sizeof(int), sysvmp_queue_next_len(q), "next_len: the second's");
    must(sysvmp_queue_task_return(q), "task_return");
    is_int((int64_t)LARGE, sysvmp_queue_next_len(q),
        "... that which came back");
    is_int(-EMSGSIZE, sysvmp_queue_get(q, &byte, 1, SYSVMP_NOWAIT),
        "... which may be too long, too");
    ok(got_large(1, 1), "... and is redelivered");
    must(sysvmp_queue_task_done(q), "task_done");
    ok(ends_with(1), "... the second comes after");
    destroy();
}

static void
bounded(void)
{
    create(2, 0);
    put_up_to(2);
    is_int(1, sysvmp_queue_full(q), "maxsize 2: full");
    ok(got(1, 0), "... one is taken");
    is_int(0, put(3), "... that makes room");
    is_int(0, sysvmp_queue_task_return(q), "... it comes back");
    is_int(3, sysvmp_queue_qsize(q), "... that is more than maxsize");
    ok(got(1, 1), "... one is taken");
    is_int(-EAGAIN, put(4), "... and it is full");
    must(sysvmp_queue_task_done(q), "task_done");
    is_int(-EAGAIN, put(4), "... as what is done was not in it");
    ok(ends_with(2), "... all are done");
    destroy();
}

static void
not_joinable(void)
{
    struct sysvmp_msg *m;

    must(sysvmp_queue_create(&q, 0, 0), "queue_create");
    must(put(1), "put");
    is_int(1, get(), "not joinable: get");
    is_int(-EINVAL, sysvmp_queue_task_done(q), "... task_done");
    is_int(-EINVAL, sysvmp_queue_task_return(q), "... task_return");
    is_int(-EINVAL, sysvmp_queue_redelivered(q), "... redelivered");
    is_int(-EINVAL, sysvmp_queue_join(q, SYSVMP_NOWAIT), "... join");
    must(sysvmp_msg_create(&m, 1), "msg_create");
    is_int(-EINVAL, sysvmp_queue_task_done_msg(q, m), "... task_done_msg");
    sysvmp_msg_destroy(m);
    destroy();
    is_int(-EINVAL, sysvmp_queue_task_done(NULL), "NULL: task_done");
    is_int(-EINVAL, sysvmp_queue_task_return(NULL), "... task_return");
    is_int(-EINVAL, sysvmp_queue_redelivered(NULL), "... redelivered");
    is_int(-EINVAL, sysvmp_queue_join(NULL, 0), "... join");
    create(0, 0);
    is_int(-EINVAL, sysvmp_queue_join(q, -2), "... a timeout of -2");
    destroy();
}

/*
 * Several at once.
 */

static void
make_items(struct sysvmp_item *items, int *numbers)
{
    for (int i = 0; i < BATCH; i++)
        items[i] = (struct sysvmp_item){.data = &numbers[i],
            .size = sizeof(*numbers), .len = sizeof(*numbers)};
}

static int
in_order(const int *numbers, int n, int first)
{
    for (int i = 0; i < n; i++)
        if (numbers[i] != first + i)
            return 0;
    return 1;
}

static void
many(void)
{
    int numbers[BATCH] = {1, 2, 3, 4, 5};
    struct sysvmp_item items[BATCH];

    create(0, 0);
    make_items(items, numbers);
    is_int(BATCH, sysvmp_queue_put_many(q, items, BATCH, SYSVMP_NOWAIT),
        "put_many");
    must(put(6), "put");
    memset(numbers, 0, sizeof(numbers));
    is_int(BATCH, sysvmp_queue_get_many(q, items, BATCH, SYSVMP_NOWAIT),
        "get_many");
    ok(in_order(numbers, BATCH, 1), "... in order");
    is_int(1, sysvmp_queue_qsize(q), "... one is left");
    is_int(0, sysvmp_queue_task_done(q), "... the oldest is done");
    is_int(0, sysvmp_queue_task_return(q), "... the next one given back");
    is_int(2, sysvmp_queue_get_many(q, items, BATCH, SYSVMP_NOWAIT),
        "... so there are two");
    ok(numbers[0] == 2 && numbers[1] == 6, "... it and the last");
    is_int(0, sysvmp_queue_redelivered(q), "... which is new");
    for (int i = 0; i < BATCH; i++)
        is_int(0, sysvmp_queue_task_done(q), "... %d of 5 are done", i + 1);
    is_int(-EOVERFLOW, sysvmp_queue_task_done(q), "... no more");
    is_int(0, sysvmp_queue_join(q, SYSVMP_NOWAIT), "... and join returns");
    must(put(1), "put");
    put_large(2);
    is_int(1, sysvmp_queue_get_many(q, items, BATCH, SYSVMP_NOWAIT),
        "get_many: the second has no room");
    must(sysvmp_queue_task_done(q), "task_done");
    is_int(-EMSGSIZE,
        sysvmp_queue_get_many(q, items, BATCH, SYSVMP_NOWAIT),
        "... it is the first then");
    ok(got_large(2, 0), "... and waits for one who has");
    must(sysvmp_queue_task_done(q), "task_done");
    ok(ends_with(0), "... that was all");
    destroy();
}

/*
 * Whose it is.
 */

static void *
other_thread(void *unused)
{
    ok(sysvmp_queue_task_done(q) == -EOVERFLOW &&
            sysvmp_queue_task_return(q) == -EOVERFLOW,
        "another thread of the process has not taken it");
    ok(got(2, 0), "... it takes the next");
    is_int(0, sysvmp_queue_task_return(q), "... gives it back");
    ok(got(2, 1), "... takes it again");
    return unused;
}

static void
two_threads(void)
{
    pthread_t thread;

    create(0, 0);
    put_up_to(3);
    ok(got(1, 0), "threads: one takes the first");
    if (pthread_create(&thread, NULL, other_thread, NULL) != 0)
        bail("pthread_create");
    pthread_join(thread, NULL);
    is_int(0, sysvmp_queue_redelivered(q),
        "... what the other has taken last is no matter of ours");
    is_int(0, sysvmp_queue_task_done(q), "... one is ours");
    is_int(-EOVERFLOW, sysvmp_queue_task_done(q), "... the other is not");
    is_int(-EAGAIN, sysvmp_queue_join(q, SYSVMP_NOWAIT),
        "... it is not done, though its taker has ended");
    destroy();
}

static int
in_child(void *arg)
{
    struct sysvmp_msg *m = arg;

    ok(sysvmp_queue_task_done(q) == -EOVERFLOW &&
            sysvmp_queue_task_return(q) == -EOVERFLOW,
        "fork: the child has nothing of its parent's");
    is_int(0, sysvmp_queue_redelivered(q), "... it has taken nothing");
    is_int(-EBADF, sysvmp_queue_task_done_msg(q, m),
        "... nor in place");
    sysvmp_msg_destroy(m);
    is_int(1, sysvmp_queue_qsize(q), "... nor can it give that back");
    ok(got(3, 0), "... it takes the next");
    is_int(0, sysvmp_queue_task_done(q), "... and has done it");
    destroy();
    return 0;
}

static void
forked_child(void)
{
    struct sysvmp_msg *m;

    create(0, 0);
    put_up_to(3);
    must(get(), "get");
    must(sysvmp_queue_get_msg(q, &m, SYSVMP_NOWAIT), "get_msg");
    is_int(0, reap(child(in_child, m)), "... ends");
    is_int(0, sysvmp_queue_qsize(q), "... the parent's is not given back");
    is_int(0, sysvmp_queue_task_done(q), "... and done by the parent");
    is_int(0, sysvmp_queue_task_done_msg(q, m), "... so is the other");
    ok(ends_with(0), "... that was all");
    destroy();
}

/*
 * To end without having done it.
 */

static void
take_two(void)
{
    must(get(), "get");
    must(sysvmp_queue_get(q, buf, LARGE, SYSVMP_NOWAIT), "get");
}

static int
destroys(void *unused)
{
    (void)unused;
    take_two();
    destroy();
    atomic_store(&board->ready, 1);
    until(&board->go, 1);
    return 0;
}

static int
leaves(void *unused)
{
    (void)unused;
    take_two();
    must(sysvmp_leave(), "leave");
    atomic_store(&board->ready, 1);
    until(&board->go, 1);
    return 0;
}

static int
ends(void *unused)
{
    (void)unused;
    take_two();
    return 0;
}

static int
exits(void *unused)
{
    (void)unused;
    take_two();
    exit(0);
}

static int
stays(void *unused)
{
    (void)unused;
    take_two();
    atomic_store(&board->ready, 1);
    while (pause() < 0)
        continue;
    return 0;
}

static void
look_at_three(const char *how)
{
    is_int(3, sysvmp_queue_qsize(q), "... gives both back");
    is_int(-EAGAIN, sysvmp_queue_join(q, SYSVMP_NOWAIT),
        "... which are not done");
    ok(got(1, 1), "%s: the first is first again, and redelivered", how);
    ok(got_large(2, 1), "... the large one second, whole, and redelivered");
    ok(got(3, 0), "... then what nobody has had");
    for (int i = 0; i < 3; i++)
        must(sysvmp_queue_task_done(q), "task_done");
    ok(ends_with(0), "... and all are done");
    destroy();
}

static pid_t
let_take(int (*fn)(void *))
{
    create(0, 0);
    must(put(1), "put");
    put_large(2);
    must(put(3), "put");
    return child(fn, NULL);
}

static void
given_back(const char *how, int (*fn)(void *), int alive)
{
    pid_t pid = let_take(fn);

    if (alive)
        until(&board->ready, 1);
    else
        is_int(0, reap(pid), "%s", how);
    look_at_three(how);
    atomic_store(&board->go, 1);
    if (alive)
        is_int(0, reap(pid), "%s: it ends after that", how);
}

static void
killed(void)
{
    pid_t pid = let_take(stays);

    until(&board->ready, 1);
    is_int(1, sysvmp_queue_qsize(q), "a taker lives: one is left");
    slay(pid);
    look_at_three("killed");
}

/* Another one is killed with what came back. */
static void
killed_again(void)
{
    create(0, 0);
    put_up_to(5);
    for (int i = 1; i <= 2; i++) {
        pid_t pid;

        buf[0] = 0;
        atomic_store(&board->ready, 0);
        must(get(), "get");
        must(sysvmp_queue_task_return(q), "task_return");
        pid = child(stays, NULL);
        until(&board->ready, 1);
        slay(pid);
    }
    ok(got(1, 1) && got(2, 1) && got(3, 0) && got(4, 0) && got(5, 0),
        "killed, and the next one: the order is as it was");
    for (int i = 0; i < 5; i++)
        must(sysvmp_queue_task_done(q), "task_done");
    ok(ends_with(0), "... and all are done");
    destroy();
}

/*
 * In place.
 */

static void
messages(void)
{
    struct sysvmp_queue *other;
    struct sysvmp_conn *end[2];
    struct sysvmp_msg *m, *mine;

    create(0, 0);
    must(sysvmp_queue_create(&other, 0, SYSVMP_JOINABLE), "queue_create");
    must(sysvmp_pipe_create(end, 0), "pipe_create");
    must(sysvmp_msg_create(&mine, 1), "msg_create");
    put_up_to(3);
    is_int(0, sysvmp_queue_get_msg(q, &m, SYSVMP_NOWAIT), "get_msg");
    ok(sysvmp_msg_len(m) == sizeof(int) && *(int *)sysvmp_msg_data(m) == 1,
        "... the first");
    is_int(-EOVERFLOW, sysvmp_queue_task_done(q),
        "... is not for task_done");
    is_int(-EINVAL, sysvmp_queue_put_msg(q, m, SYSVMP_NOWAIT),
        "... nor to be put");
    is_int(-EINVAL, sysvmp_queue_put_msg(other, m, SYSVMP_NOWAIT),
        "... elsewhere");
    is_int(-EINVAL, sysvmp_conn_send_msg(end[0], m, SYSVMP_NOWAIT),
        "... nor sent");
    is_int(-EINVAL, sysvmp_queue_task_done_msg(other, m),
        "... nor done where it is not from");
    is_int(-EINVAL, sysvmp_queue_task_done_msg(q, mine),
        "a message of our own is not to be done");
    is_int(-EINVAL, sysvmp_queue_task_done_msg(q, NULL), "... nor is none");
    sysvmp_msg_destroy(mine);
    sysvmp_msg_destroy(m);
    is_int(3, sysvmp_queue_qsize(q), "to destroy it gives it back");
    must(sysvmp_queue_get_msg(q, &m, SYSVMP_NOWAIT), "get_msg");
    is_int(1, sysvmp_queue_redelivered(q), "... it is redelivered");
    is_int(1, *(int *)sysvmp_msg_data(m), "... the same one");
    ok(got(2, 0), "... the next one by a copy");
    is_int(0, sysvmp_queue_task_done(q), "... is done before it");
    is_int(0, sysvmp_queue_task_done_msg(q, m), "... then it is");
    ok(ends_with(1), "... and the rest");
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
    sysvmp_queue_destroy(other);
    destroy();
}

/* Taken by hand in one order, given back in another. */
static void
any_order(void)
{
    struct sysvmp_msg *m[3];

    create(0, 0);
    put_up_to(4);
    for (int i = 0; i < 3; i++)
        must(sysvmp_queue_get_msg(q, &m[i], SYSVMP_NOWAIT), "get_msg");
    sysvmp_msg_destroy(m[2]);
    sysvmp_msg_destroy(m[0]);
    sysvmp_msg_destroy(m[1]);
    ok(got(1, 1) && got(2, 1) && got(3, 1) && got(4, 0),
        "given back in any order they come in the old one");
    destroy();
}

/* What a destroyed queue has taken back can't be touched. */
static void
queue_goes_first(void)
{
    struct sysvmp_msg *m;

    create(0, 0);
    put_up_to(1);
    must(sysvmp_queue_get_msg(q, &m, SYSVMP_NOWAIT), "get_msg");
    destroy();
    ok(!sysvmp_msg_data(m) && sysvmp_msg_len(m) == 0,
        "the queue is destroyed before its message: it has taken it back");
    sysvmp_msg_destroy(m);
    ok(1, "... which can be destroyed then");
}

static int
takes_in_place(void *unused)
{
    struct sysvmp_msg *m;

    (void)unused;
    must(sysvmp_queue_get_msg(q, &m, SYSVMP_NOWAIT), "get_msg");
    atomic_store(&board->at, sysvmp_msg_data(m));
    atomic_store(&board->ready, 1);
    while (pause() < 0)
        continue;
    return 0;
}

static void
in_place(void)
{
    struct sysvmp_msg *m;
    pid_t pid;

    create(0, 0);
    must(sysvmp_msg_create(&m, LARGE), "msg_create");
    payload_fill(sysvmp_msg_data(m), LARGE, 7);
    atomic_store(&board->at, sysvmp_msg_data(m));
    is_int(0, sysvmp_queue_put_msg(q, m, SYSVMP_NOWAIT),
        "a large message is put without a copy");
    must(sysvmp_queue_get_msg(q, &m, SYSVMP_NOWAIT), "get_msg");
    ok(sysvmp_msg_data(m) == atomic_load(&board->at),
        "... taken where it lies");
    sysvmp_msg_destroy(m);
    pid = child(takes_in_place, NULL);
    until(&board->ready, 1);
    ok(sysvmp_queue_get_msg(q, &m, SYSVMP_NOWAIT) == -EAGAIN && !m,
        "... one takes it, then there is none");
    slay(pid);
    must(sysvmp_queue_get_msg(q, &m, SYSVMP_NOWAIT), "get_msg");
    ok(sysvmp_msg_data(m) == atomic_load(&board->at) &&
            sysvmp_queue_redelivered(q) == 1,
        "... and is killed: it lies there still, and is redelivered");
    ok(sysvmp_msg_len(m) == LARGE &&
            payload_whole(sysvmp_msg_data(m), LARGE, 7),
        "... whole");
    is_int(0, sysvmp_queue_task_done_msg(q, m), "... and done");
    ok(ends_with(0), "... that was all");
    destroy();
}

/*
 * Asleep.
 */

/* Gets one: its number; with 100 where it is redelivered. */
static int
sleeps_in_get(void *unused)
{
    int number = get_for(BOUND_MS);

    (void)unused;
    if (number == -EPIPE)
        return 200;
    if (number < 0)
        return 250;
    number += 100 * sysvmp_queue_redelivered(q);
    return sysvmp_queue_task_done(q) == 0 ? number : 251;
}

static pid_t
sleeper(int (*fn)(void *))
{
    pid_t pid = child(fn, NULL);

    if (!asleep(pid))
        diag("it does not sleep");
    return pid;
}

/* How often a sleeper gets what one who dies has had, and soon. */
static int
woken_by_death(void)
{
    int good = 0;

    for (int i = 0; i < DEATHS; i++) {
        pid_t taker, pid;
        int64_t start;

        must(put(1), "put");
        put_large(2);
        atomic_store(&board->ready, 0);
        taker = child(stays, NULL);
        until(&board->ready, 1);
        pid = sleeper(sleeps_in_get);
        start = now_ns();
        slay(taker);
        good += reap(pid) == 101 && now_ns() - start < BOUND_MS * MS / 2;
        good -= !got_large(2, 1);
        must(sysvmp_queue_task_done(q), "task_done");
    }
    return good;
}

/* In the first set of semaphores, and in one that is not. */
static void
deaths(void)
{
    struct sysvmp_lock *others[OTHERS];

    create(0, 0);
    is_int(DEATHS, woken_by_death(),
        "a taker is killed: who sleeps in get is woken, and gets it");
    destroy();
    for (int i = 0; i < OTHERS; i++)
        must(sysvmp_lock_create(&others[i]), "lock_create");
    create(0, 0);
    is_int(DEATHS, woken_by_death(), "... also in the next set");
    destroy();
    for (int i = 0; i < OTHERS; i++)
        sysvmp_lock_destroy(others[i]);
}

static void
wakes(const char *how, int (*fn)(void *))
{
    pid_t taker, pid;

    create(0, 0);
    must(put(1), "put");
    put_large(2);
    taker = child(fn, NULL);
    until(&board->ready, 1);
    pid = sleeper(sleeps_in_get);
    atomic_store(&board->go, 1);
    is_int(101, reap(pid), "%s: who sleeps in get is woken, and gets it",
        how);
    is_int(0, reap(taker), "... and the other ends");
    ok(got_large(2, 1), "... what else it had comes after");
    must(sysvmp_queue_task_done(q), "task_done");
    ok(ends_with(0), "... and all are done");
    destroy();
}

static void
take_and_wait(void)
{
    take_two();
    atomic_store(&board->ready, 1);
    until(&board->go, 1);
}

static int
destroys_later(void *unused)
{
    (void)unused;
    take_and_wait();
    destroy();
    return 0;
}

static int
leaves_later(void *unused)
{
    (void)unused;
    take_and_wait();
    must(sysvmp_leave(), "leave");
    return 0;
}

static int
returns_later(void *unused)
{
    (void)unused;
    take_and_wait();
    must(sysvmp_queue_task_return(q), "task_return");
    must(sysvmp_queue_task_return(q), "task_return");
    return 0;
}

static int
ends_later(void *unused)
{
    (void)unused;
    take_and_wait();
    return 0;
}

/* By a get of another one. */
static int
sleeps_in_put(void *unused)
{
    int number = 9;

    (void)unused;
    return sysvmp_queue_put(q, &number, sizeof(number), BOUND_MS) == 0 ? 0
                                                                       : 250;
}

static void
room(void)
{
    pid_t pid;

    create(1, 0);
    must(put(1), "put");
    pid = sleeper(sleeps_in_put);
    ok(got(1, 0), "maxsize 1: one is taken");
    is_int(0, reap(pid), "... who sleeps in put is woken");
    ok(got(9, 0), "... and its message comes");
    destroy();
}

/*
 * To join.
 */

static int
joins(void *unused)
{
    (void)unused;
    return -sysvmp_queue_join(q, SYSVMP_FOREVER);
}

static void
let_join(pid_t *pids)
{
    for (int i = 0; i < JOINERS; i++)
        pids[i] = sleeper(joins);
}

static int
joined(const pid_t *pids)
{
    int bad = 0;

    for (int i = 0; i < JOINERS; i++)
        bad += reap(pids[i]) != 0;
    return bad;
}

static void
joiners(void)
{
    pid_t pids[JOINERS];
    struct sysvmp_msg *m;

    create(0, 0);
    put_up_to(2);
    let_join(pids);
    ok(got(1, 0), "three join: one is taken");
    is_int(0, sysvmp_queue_task_return(q), "... given back");
    ok(got(1, 1) && got(2, 0), "... both are taken");
    is_int(0, sysvmp_queue_task_done(q), "... one is done");
    for (int i = 0; i < JOINERS; i++)
        ok(asleep(pids[i]), "... joiner %d sleeps", i + 1);
    is_int(0, sysvmp_queue_task_done(q), "... the last is done");
    is_int(0, joined(pids), "... which wakes all of them");
    must(put(1), "put");
    let_join(pids);
    must(sysvmp_queue_get_msg(q, &m, SYSVMP_NOWAIT), "get_msg");
    is_int(0, sysvmp_queue_task_done_msg(q, m),
        "likewise when it is done in place");
    is_int(0, joined(pids), "... that wakes all of them");
    is_int(0, sysvmp_queue_join(q, SHORT_MS), "... and a join is at once");
    destroy();
}

static int
done_in_child(void *unused)
{
    (void)unused;
    return get() > 0 && sysvmp_queue_task_done(q) == 0 ? 0 : 1;
}

/* Its taker is killed, the next one has done it. */
static void
joined_after_death(void)
{
    pid_t pids[JOINERS], pid;

    create(0, 0);
    must(put(1), "put");
    put_large(2);
    pid = child(stays, NULL);
    until(&board->ready, 1);
    let_join(pids);
    slay(pid);
    is_int(-EAGAIN, sysvmp_queue_join(q, SYSVMP_NOWAIT),
        "a taker is killed: what it had is not done");
    is_int(0, reap(child(done_in_child, NULL)), "... another has done it");
    ok(got_large(2, 1), "... what else it had comes again");
    must(sysvmp_queue_task_done(q), "task_done");
    is_int(0, joined(pids), "... then all who join are woken");
    destroy();
}

/*
 * The end of file.
 */

/* Takes one, and nobody puts any more: waits to be told, then does it. */
static int
holds(void *unused)
{
    (void)unused;
    must(get(), "get");
    must(sysvmp_queue_close(q), "close");
    atomic_store(&board->ready, 1);
    until(&board->go, 1);
    return sysvmp_queue_task_done(q) == 0 ? 0 : 1;
}

static int
closes_and_gets(void *unused)
{
    must(sysvmp_queue_close(q), "close");
    return sleeps_in_get(unused);
}

static void
end_of_file(void)
{
    pid_t taker, pid;

    create(0, SYSVMP_EOF);
    put_up_to(1);
    taker = child(holds, NULL);
    until(&board->ready, 1);
    must(sysvmp_queue_close(q), "close");
    is_int(-EAGAIN, get(), "end of file: not while another has one");
    is_int(-EAGAIN, sysvmp_queue_next_len(q), "... next_len: likewise");
    is_int(-ETIMEDOUT, get_for(SHORT_MS), "... get waits for it");
    pid = sleeper(closes_and_gets);
    atomic_store(&board->go, 1);
    is_int(200, reap(pid), "... it is done: who sleeps sees the end");
    is_int(0, reap(taker), "... and the taker ends");
    is_int(-EPIPE, get(), "... get");
    is_int(-EPIPE, sysvmp_queue_next_len(q), "... next_len");
    destroy();
}

static void
end_of_file_after_death(void)
{
    pid_t taker, pid;

    create(0, SYSVMP_EOF);
    put_up_to(1);
    taker = child(holds, NULL);
    until(&board->ready, 1);
    must(sysvmp_queue_close(q), "close");
    pid = sleeper(closes_and_gets);
    slay(taker);
    is_int(101, reap(pid),
        "the taker is killed instead: who sleeps gets it, and no end");
    is_int(-EPIPE, get(), "... the end comes when it is done");
    destroy();
}

/* Two processes have one each, and want more. */
static int
done_and_gets(void *unused)
{
    int code = holds(unused);

    return code == 0 ? sleeps_in_get(unused) : code;
}

static void
end_of_file_for_two(void)
{
    pid_t other;

    create(0, SYSVMP_EOF);
    put_up_to(2);
    other = child(done_and_gets, NULL);
    until(&board->ready, 1);
    must(sysvmp_queue_close(q), "close");
    ok(got(2, 0), "two have one each, and nobody puts");
    is_int(-EPIPE, get(), "... who has one itself is told the end at once");
    atomic_store(&board->go, 1);
    is_int(0, sysvmp_queue_task_done(q), "... ours is done");
    is_int(200, reap(other), "... the other sees the end when both are");
    is_int(-EPIPE, get(), "... and so do we");
    destroy();
}

int
main(void)
{
    plan(210);
    board = shared(sizeof(*board));
    buf = payload_buffer(LARGE);
    in_turn();
    returned();
    too_long();
    bounded();
    not_joinable();
    many();
    two_threads();
    forked_child();
    given_back("destroyed", destroys, 1);
    given_back("left", leaves, 1);
    given_back("ended", ends, 0);
    given_back("exited", exits, 0);
    killed();
    killed_again();
    messages();
    any_order();
    queue_goes_first();
    in_place();
    deaths();
    wakes("destroy", destroys_later);
    wakes("leave", leaves_later);
    wakes("return", returns_later);
    wakes("end", ends_later);
    room();
    joiners();
    joined_after_death();
    end_of_file();
    end_of_file_after_death();
    end_of_file_for_two();
    payload_free(buf, LARGE);
    return done();
}
