/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * arguments.c: nonsense is answered by -EINVAL, not by a crash: no handle,
 * one of another kind, no buffer, a length over SSIZE_MAX, an unknown flag, a
 * timeout below -1; handles from before sysvmp_leave() by -EBADF.  A
 * constructor that fails stores NULL; no call changes errno.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>

enum { ODD = 4711 };

static int bad_errno;
static char buf[16];
static void *const garbage = buf;

/* What it answers; and errno is as it was. */
#define CALL(call) \
    (errno = ODD, wrap((int64_t)(call)))

static int64_t
wrap(int64_t result)
{
    if (errno != ODD)
        bad_errno++;
    return result;
}

#define IS(wanted, call) is_int(wanted, CALL(call), "arguments: %s", #call)

static struct sysvmp_lock *lock;
static struct sysvmp_rlock *rlock;
static struct sysvmp_queue *q;
static struct sysvmp_conn *end[2];
static struct sysvmp_semaphore *semaphore, *permits;
static struct sysvmp_event *event;
static struct sysvmp_waitable any[2];
static struct sysvmp_msg *msg;
static struct sysvmp_item item = {buf, sizeof(buf), 1};

static void
constructors(void)
{
    struct sysvmp_queue *no_q = garbage;
    struct sysvmp_conn *no_end[2] = {garbage, garbage};
    struct sysvmp_msg *no_msg = garbage;

    IS(-EINVAL, sysvmp_lock_create(NULL));
    IS(-EINVAL, sysvmp_rlock_create(NULL));
    IS(-EINVAL, sysvmp_queue_create(NULL, 0, 0));
    IS(-EINVAL, sysvmp_pipe_create(NULL, 0));
    IS(-EINVAL, sysvmp_process_create(NULL, NULL, NULL));

    IS(-EINVAL, sysvmp_queue_create(&no_q, 0, 0x80000000u));
    ok(no_q == NULL, "... stores NULL");
    no_q = garbage;
    IS(-EINVAL, sysvmp_queue_create(&no_q, 0, SYSVMP_SIMPLEX));
    ok(no_q == NULL, "... stores NULL");
    no_q = garbage;
    IS(-EINVAL, sysvmp_queue_create(&no_q, (size_t)SSIZE_MAX + 1, 0));
    ok(no_q == NULL, "... stores NULL");
    IS(-EINVAL, sysvmp_pipe_create(no_end, SYSVMP_EOF));
    ok(no_end[0] == NULL && no_end[1] == NULL, "... stores NULL twice");
    IS(-EINVAL, sysvmp_msg_create(NULL, 1));
    IS(-EINVAL, sysvmp_msg_create(&no_msg, (size_t)SSIZE_MAX + 1));
    ok(no_msg == NULL, "... stores NULL");
}

static void
good_calls(void)
{
    IS(0, sysvmp_lock_create(&lock));
    IS(0, sysvmp_rlock_create(&rlock));
    IS(0, sysvmp_queue_create(&q, 1, SYSVMP_EOF));
    IS(0, sysvmp_pipe_create(end, SYSVMP_SIMPLEX));
    IS(0, sysvmp_msg_create(&msg, 5));
    IS(0, sysvmp_semaphore_create(&semaphore, 1, 0, 0));
    IS(0, sysvmp_semaphore_create(&permits, 1, 0, SYSVMP_PERMITS));
    IS(0, sysvmp_event_create(&event));
    any[0] = (struct sysvmp_waitable){.kind = SYSVMP_WAIT_EVENT,
        .of.event = event};
    any[1] = (struct sysvmp_waitable){.kind = SYSVMP_WAIT_QUEUE,
        .of.queue = q};
    IS(5, sysvmp_msg_len(msg));
    IS(0, sysvmp_lock_acquire(lock, SYSVMP_FOREVER));
    IS(1, sysvmp_lock_locked(lock));
    IS(-ETIMEDOUT, sysvmp_lock_acquire(lock, 1));
    IS(0, sysvmp_lock_release(lock));
    IS(-EOVERFLOW, sysvmp_lock_release(lock));
    IS(0, sysvmp_rlock_acquire(rlock, 0));
    IS(0, sysvmp_rlock_release(rlock));
    IS(0, sysvmp_queue_put(q, NULL, 0, 0));
    IS(-ETIMEDOUT, sysvmp_queue_put(q, NULL, 0, 1));
    IS(1, sysvmp_queue_full(q));
    IS(0, sysvmp_queue_get(q, NULL, 0, 0));
    IS(-EAGAIN, sysvmp_queue_get(q, buf, sizeof(buf), 0));
    IS(-ETIMEDOUT, sysvmp_queue_get(q, buf, SSIZE_MAX, 1));
    IS(0, sysvmp_conn_send(end[1], "x", 1, -1));
    IS(1, sysvmp_conn_poll(end[0], -1));
    IS(1, sysvmp_conn_recv(end[0], buf, SSIZE_MAX, 0));
    IS(0, sysvmp_conn_poll(end[0], 1));
    IS(1, sysvmp_queue_put_many(q, &item, 1, 0));
    IS(-ETIMEDOUT, sysvmp_queue_put_msg(q, msg, 1));
    IS(1, sysvmp_queue_get_many(q, &item, 1, 0));
    IS(-ETIMEDOUT, sysvmp_queue_get_many(q, &item, 1, 1));
    IS(0, sysvmp_semaphore_acquire(semaphore, 0));
    IS(-ETIMEDOUT, sysvmp_semaphore_acquire(semaphore, 1));
    IS(0, sysvmp_semaphore_release(semaphore, 1));
    IS(0, sysvmp_semaphore_acquire(permits, 0));
    IS(-ETIMEDOUT, sysvmp_semaphore_acquire(permits, 1));
    IS(0, sysvmp_semaphore_release(permits, 1));
    IS(-EPERM, sysvmp_semaphore_release(permits, 1));
    IS(1, sysvmp_semaphore_value(permits));
    IS(0, sysvmp_wait(any, 2, 1));
    IS(-ETIMEDOUT, sysvmp_event_wait(event, 1));
    IS(0, sysvmp_event_set(event));
    IS(1, sysvmp_wait(any, 2, -1));
    IS(0, sysvmp_event_wait(event, -1));
    IS(0, sysvmp_event_clear(event));
}

static void
no_handle(void)
{
    IS(-EINVAL, sysvmp_lock_acquire(NULL, 0));
    IS(-EINVAL, sysvmp_lock_release(NULL));
    IS(-EINVAL, sysvmp_lock_locked(NULL));
    IS(-EINVAL, sysvmp_lock_owner(NULL));
    IS(-EINVAL, sysvmp_rlock_acquire(NULL, 0));
    IS(-EINVAL, sysvmp_rlock_release(NULL));
    IS(-EINVAL, sysvmp_rlock_locked(NULL));
    IS(-EINVAL, sysvmp_rlock_owner(NULL));
    IS(-EINVAL, sysvmp_queue_put(NULL, "x", 1, 0));
    IS(-EINVAL, sysvmp_queue_get(NULL, buf, 1, 0));
    IS(-EINVAL, sysvmp_queue_qsize(NULL));
    IS(-EINVAL, sysvmp_queue_empty(NULL));
    IS(-EINVAL, sysvmp_queue_full(NULL));
    IS(-EINVAL, sysvmp_queue_close(NULL));
    IS(-EINVAL, sysvmp_conn_send(NULL, "x", 1, 0));
    IS(-EINVAL, sysvmp_conn_recv(NULL, buf, 1, 0));
    IS(-EINVAL, sysvmp_conn_poll(NULL, 0));
    IS(-EINVAL, sysvmp_conn_readable(NULL));
    IS(-EINVAL, sysvmp_conn_writable(NULL));
    IS(-EINVAL, sysvmp_conn_close(NULL));
    IS(-EINVAL, sysvmp_queue_put_many(NULL, &item, 1, 0));
    IS(-EINVAL, sysvmp_queue_get_many(NULL, &item, 1, 0));
    IS(-EINVAL, sysvmp_queue_put_msg(NULL, msg, 0));
    IS(-EINVAL, sysvmp_queue_put_msg(q, NULL, 0));
    IS(-EINVAL, sysvmp_queue_get_msg(q, NULL, 0));
    IS(-EINVAL, sysvmp_conn_send_msg(end[1], NULL, 0));
    IS(-EINVAL, sysvmp_conn_recv_msg(end[0], NULL, 0));
    IS(-EINVAL, sysvmp_semaphore_acquire(NULL, 0));
    IS(-EINVAL, sysvmp_semaphore_release(NULL, 1));
    IS(-EINVAL, sysvmp_semaphore_value(NULL));
    IS(-EINVAL, sysvmp_event_set(NULL));
    IS(-EINVAL, sysvmp_event_clear(NULL));
    IS(-EINVAL, sysvmp_event_is_set(NULL));
    IS(-EINVAL, sysvmp_event_wait(NULL, 0));
    IS(-EINVAL, sysvmp_wait(NULL, 1, 0));
    IS(0, sysvmp_msg_len(NULL));
    ok(sysvmp_msg_data(NULL) == NULL, "... nor are there data of NULL");
    CALL((sysvmp_lock_destroy(NULL), sysvmp_rlock_destroy(NULL),
        sysvmp_queue_destroy(NULL), sysvmp_conn_destroy(NULL),
        sysvmp_msg_destroy(NULL), sysvmp_semaphore_destroy(NULL),
        sysvmp_event_destroy(NULL), 0));
    ok(1, "arguments: destroy(NULL) does nothing");
}

static void
wrong_kind(void)
{
    void *a_lock = lock, *an_rlock = rlock, *a_queue = q, *an_end = end[0];
    struct sysvmp_msg *no_msg = garbage;

    IS(-EINVAL, sysvmp_queue_put(a_lock, "x", 1, 0));
    IS(-EINVAL, sysvmp_queue_get(an_end, buf, 1, 0));
    IS(-EINVAL, sysvmp_queue_qsize(an_rlock));
    IS(-EINVAL, sysvmp_queue_close(a_lock));
    IS(-EINVAL, sysvmp_conn_recv(a_queue, buf, 1, 0));
    IS(-EINVAL, sysvmp_conn_send(a_queue, "x", 1, 0));
    IS(-EINVAL, sysvmp_conn_poll(a_lock, 0));
    IS(-EINVAL, sysvmp_conn_close(an_rlock));
    IS(-EINVAL, sysvmp_lock_acquire(an_rlock, 0));
    IS(-EINVAL, sysvmp_lock_release(a_queue));
    IS(-EINVAL, sysvmp_rlock_acquire(a_lock, 0));
    IS(-EINVAL, sysvmp_rlock_owner(an_end));
    IS(-EINVAL, sysvmp_semaphore_acquire(a_lock, 0));
    IS(-EINVAL, sysvmp_event_set(a_queue));
    IS(-EINVAL, sysvmp_event_wait(an_end, 0));
    IS(-EINVAL, sysvmp_queue_put_many(a_lock, &item, 1, 0));
    IS(-EINVAL, sysvmp_queue_get_many(an_end, &item, 1, 0));
    IS(-EINVAL, sysvmp_queue_put_msg(q, a_lock, 0));
    IS(-EINVAL, sysvmp_queue_put_msg(an_end, msg, 0));
    IS(-EINVAL, sysvmp_conn_send_msg(end[1], a_queue, 0));
    IS(-EINVAL, sysvmp_conn_recv_msg(a_queue, &no_msg, 0));
    ok(no_msg == NULL, "... stores NULL");
    sysvmp_queue_destroy(a_lock);
    sysvmp_lock_destroy(a_queue);
    sysvmp_msg_destroy(a_queue);
    IS(0, sysvmp_lock_locked(lock));
    IS(0, sysvmp_queue_qsize(q));
}

static void
buffers_and_times(void)
{
    const size_t too_long = (size_t)SSIZE_MAX + 1;

    IS(-EINVAL, sysvmp_queue_put(q, NULL, 1, 0));
    IS(-EINVAL, sysvmp_queue_get(q, NULL, 1, 0));
    IS(-EINVAL, sysvmp_conn_send(end[1], NULL, 1, 0));
    IS(-EINVAL, sysvmp_conn_recv(end[0], NULL, 1, 0));
    IS(-EINVAL, sysvmp_queue_put(q, "x", too_long, 0));
    IS(-EINVAL, sysvmp_queue_put(q, "x", SIZE_MAX, 0));
    IS(-EINVAL, sysvmp_queue_get(q, buf, too_long, 0));
    IS(-EINVAL, sysvmp_conn_send(end[1], "x", too_long, 0));
    IS(-EINVAL, sysvmp_conn_recv(end[0], buf, SIZE_MAX, 0));
    IS(-ENOMEM, sysvmp_queue_put(q, "x", SSIZE_MAX, 0));
    IS(-ENOMEM, sysvmp_conn_send(end[1], "x", SSIZE_MAX, 0));
    IS(-EINVAL, sysvmp_lock_acquire(lock, -2));
    IS(-EINVAL, sysvmp_rlock_acquire(rlock, INT_MIN));
    IS(-EINVAL, sysvmp_queue_put(q, "x", 1, -2));
    IS(-EINVAL, sysvmp_queue_get(q, buf, 1, -2));
    IS(-EINVAL, sysvmp_conn_send(end[1], "x", 1, -2));
    IS(-EINVAL, sysvmp_conn_recv(end[0], buf, 1, -2));
    IS(-EINVAL, sysvmp_conn_poll(end[0], -2));
    IS(-EINVAL, sysvmp_queue_put_many(q, &item, 1, -2));
    IS(-EINVAL, sysvmp_queue_get_many(q, &item, 1, -2));
    IS(-EINVAL, sysvmp_queue_put_msg(q, msg, -2));
    IS(-EINVAL, sysvmp_conn_send_msg(end[1], msg, -2));
    IS(1, sysvmp_queue_empty(q));
    IS(0, sysvmp_conn_poll(end[0], 0));
}

/* Their handles are from before sysvmp_leave(). */
static void
old_handles(void)
{
    IS(-EBADF, sysvmp_lock_acquire(lock, 0));
    IS(-EBADF, sysvmp_lock_acquire(lock, -1));
    IS(-EBADF, sysvmp_lock_release(lock));
    IS(-EBADF, sysvmp_lock_locked(lock));
    IS(-EBADF, sysvmp_lock_owner(lock));
    IS(-EBADF, sysvmp_rlock_acquire(rlock, -1));
    IS(-EBADF, sysvmp_rlock_release(rlock));
    IS(-EBADF, sysvmp_rlock_locked(rlock));
    IS(-EBADF, sysvmp_rlock_owner(rlock));
    IS(-EBADF, sysvmp_semaphore_acquire(semaphore, -1));
    IS(-EBADF, sysvmp_semaphore_release(semaphore, 1));
    IS(-EBADF, sysvmp_semaphore_acquire(permits, -1));
    IS(-EBADF, sysvmp_semaphore_release(permits, 1));
    IS(-EBADF, sysvmp_semaphore_value(semaphore));
    IS(-EBADF, sysvmp_event_set(event));
    IS(-EBADF, sysvmp_event_clear(event));
    IS(-EBADF, sysvmp_event_is_set(event));
    IS(-EBADF, sysvmp_event_wait(event, -1));
    IS(2, sysvmp_wait(any, 2, -1)); /* each would say so at once */
    IS(-EBADF, sysvmp_queue_put(q, "x", 1, -1));
    IS(-EBADF, sysvmp_queue_get(q, buf, 1, -1));
    IS(-EBADF, sysvmp_queue_qsize(q));
    IS(-EBADF, sysvmp_queue_empty(q));
    IS(-EBADF, sysvmp_queue_full(q));
    IS(-EBADF, sysvmp_conn_send(end[1], "x", 1, -1));
    IS(-EBADF, sysvmp_conn_recv(end[0], buf, 1, -1));
    IS(-EBADF, sysvmp_conn_poll(end[0], -1));
    IS(-EBADF, sysvmp_queue_put_many(q, &item, 1, -1));
    IS(-EBADF, sysvmp_queue_get_many(q, &item, 1, -1));
    IS(-EBADF, sysvmp_queue_put_msg(q, msg, -1));
    IS(-EBADF, sysvmp_conn_send_msg(end[1], msg, -1));
    IS(0, sysvmp_msg_len(msg));
}

static void
after_leave(void)
{
    struct sysvmp_queue *again;

    IS(0, sysvmp_leave());
    IS(0, sysvmp_leave());
    old_handles();
    is_int(0, ipc_left(), "... nothing is left");
    IS(0, sysvmp_queue_create(&again, 0, 0));
    IS(0, sysvmp_queue_put(again, "x", 1, 0));
    old_handles();
    CALL((sysvmp_lock_destroy(lock), sysvmp_rlock_destroy(rlock),
        sysvmp_queue_destroy(q), sysvmp_conn_destroy(end[0]),
        sysvmp_conn_destroy(end[1]), sysvmp_msg_destroy(msg),
        sysvmp_semaphore_destroy(semaphore),
        sysvmp_semaphore_destroy(permits), sysvmp_event_destroy(event), 0));
    IS(1, sysvmp_queue_get(again, buf, 1, 0));
    CALL((sysvmp_queue_destroy(again), 0));
}

int
main(void)
{
    plan(19 + 41 + 38 + 24 + 24 + 70 + 1);
    constructors();
    good_calls();
    no_handle();
    wrong_kind();
    buffers_and_times();
    after_leave();
    is_int(0, bad_errno, "arguments: no call has changed errno");
    return done();
}
