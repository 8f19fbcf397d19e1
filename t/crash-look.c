/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crash-look.c: a process killed at each point of each call that only looks
 * at an object.  It leaves all as it was: the messages, who waits, and who
 * shall be told that an owner died.
 */
#include <config.h>

#include "crash.h"
#include "sysvmp.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { BYTES = 3, GOT = 200, OTHER = 250, STOPPED_CASES = 4 };

/* What the objects hold when the victim looks; DONE: and never will again. */
static enum { NOTHING, SOMETHING, ALL, DONE } held;

static struct sysvmp_queue *queue;
static struct sysvmp_conn *reads, *writes;
static struct sysvmp_lock *lock;
static struct sysvmp_rlock *rlock;
static pid_t getter, receiver, locker, rlocker;

/* So that each waiter sleeps. */
__attribute__((__constructor__(101))) static void
never_spin(void)
{
    setenv("SYSVMP_SPIN_US", "0", 1);
}

/* An owner of both locks, that lives or dies with them. */
static int
take_both(void)
{
    return sysvmp_lock_acquire(lock, SYSVMP_NOWAIT) +
        sysvmp_rlock_acquire(rlock, SYSVMP_NOWAIT);
}

static int
give_both(void)
{
    return sysvmp_lock_release(lock) + sysvmp_rlock_release(rlock);
}

static void
create(void)
{
    struct sysvmp_conn *end[2];

    must(sysvmp_queue_create(&queue, 2, SYSVMP_EOF), "queue_create");
    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_rlock_create(&rlock), "rlock_create");
    reads = end[0];
    writes = end[1];
}

static void
put_and_send(int messages)
{
    for (int i = 0; i < messages; i++) {
        want(0, sysvmp_queue_put(queue, "abc", BYTES, SYSVMP_NOWAIT), "put");
        want(0, sysvmp_conn_send(writes, "abc", BYTES, SYSVMP_NOWAIT),
            "send");
    }
}

static void
close_for_writing(void)
{
    want(0, sysvmp_queue_close(queue), "close");
    want(0, sysvmp_conn_close(writes), "close");
}

/* NOTHING: the locks are free, too; ALL: we have them; else: the dead. */
static void
create_held(void)
{
    create();
    if (held == SOMETHING || held == DONE)
        want(0, reap(peer(take_both)), "an owner that dies");
    if (held == SOMETHING || held == ALL)
        put_and_send(held == ALL ? 2 : 1);
    if (held == ALL)
        want(0, take_both(), "acquire");
}

static void
close_if_done(void)
{
    if (held == DONE)
        close_for_writing();
}

/* Peers: one for each thing that there is to wait for. */

static int
peer_gets(void)
{
    char buf[BYTES];

    return sysvmp_queue_get(queue, buf, BYTES, SYSVMP_FOREVER) == BYTES
        ? GOT
        : OTHER;
}

static int
peer_receives(void)
{
    char buf[BYTES];

    return sysvmp_conn_recv(reads, buf, BYTES, SYSVMP_FOREVER) == BYTES
        ? GOT
        : OTHER;
}

static int
peer_locks(void)
{
    int result = sysvmp_lock_acquire(lock, SYSVMP_FOREVER);

    return result < 0 || sysvmp_lock_release(lock) < 0 ? OTHER : result;
}

static int
peer_rlocks(void)
{
    int result = sysvmp_rlock_acquire(rlock, SYSVMP_FOREVER);

    return result < 0 || sysvmp_rlock_release(rlock) < 0 ? OTHER : result;
}

static void
let_wait(void)
{
    if (held == NOTHING) {
        getter = sleeping_peer(peer_gets);
        receiver = sleeping_peer(peer_receives);
    }
    if (held == ALL) {
        locker = sleeping_peer(peer_locks);
        rlocker = sleeping_peer(peer_rlocks);
    }
    close_if_done();
}

static void
look_at_messages(void)
{
    char buf[BYTES];
    int messages = held == ALL ? 2 : held == SOMETHING;
    int end = held == DONE ? -EPIPE : -EAGAIN;

    for (int i = 0; i < messages; i++) {
        want(BYTES, sysvmp_queue_get(queue, buf, BYTES, SYSVMP_NOWAIT),
            "a message of the queue");
        want(BYTES, sysvmp_conn_recv(reads, buf, BYTES, SYSVMP_NOWAIT),
            "a message of the pipe");
    }
    if (held == NOTHING) {
        put_and_send(1);
        want(GOT, peer_end(getter), "the peer's get");
        want(GOT, peer_end(receiver), "the peer's recv");
    }
    want(end, sysvmp_queue_get(queue, buf, BYTES, SYSVMP_NOWAIT), "get");
    want(end, sysvmp_conn_recv(reads, buf, BYTES, SYSVMP_NOWAIT), "recv");
}

static void
look_at_locks(void)
{
    int told = held == SOMETHING || held == DONE ? SYSVMP_OWNER_DEAD : 0;

    if (held == ALL) {
        want(0, give_both(), "release");
        want(0, peer_end(locker), "the peer's lock");
        want(0, peer_end(rlocker), "the peer's rlock");
    }
    want(told, sysvmp_lock_acquire(lock, CRASH_BOUND_MS), "lock");
    want(told, sysvmp_rlock_acquire(rlock, CRASH_BOUND_MS), "rlock");
    want(0, give_both(), "release");
}

static void
destroy(void)
{
    sysvmp_queue_destroy(queue);
    sysvmp_conn_destroy(reads);
    sysvmp_conn_destroy(writes);
    sysvmp_lock_destroy(lock);
    sysvmp_rlock_destroy(rlock);
}

static int wanted;

static void
look(const struct crash_end *end)
{
    /* -ENOSYS: a kernel where the next length can't be known. */
    if (end->acknowledged && end->answer != -ENOSYS)
        want(wanted, end->answer, "the victim's call");
    look_at_messages();
    look_at_locks();
    destroy();
}

/* The calls. */

static int
qsize(void)
{
    return (int)sysvmp_queue_qsize(queue);
}

static int
empty(void)
{
    return sysvmp_queue_empty(queue);
}

static int
full(void)
{
    return sysvmp_queue_full(queue);
}

static int
next_len(void)
{
    return (int)sysvmp_queue_next_len(queue);
}

static int
conn_next_len(void)
{
    return (int)sysvmp_conn_next_len(reads);
}

static int
poll_at_once(void)
{
    return sysvmp_conn_poll(reads, SYSVMP_NOWAIT);
}

static int
poll_shortly(void)
{
    return sysvmp_conn_poll(reads, 2);
}

static int
readable(void)
{
    return sysvmp_conn_readable(reads) * 2 + sysvmp_conn_readable(writes);
}

static int
writable(void)
{
    return sysvmp_conn_writable(reads) * 2 + sysvmp_conn_writable(writes);
}

static int
locked(void)
{
    return sysvmp_lock_locked(lock) + sysvmp_rlock_locked(rlock);
}

/* Is it as it should be? */
static int
owner(void)
{
    pid_t pid = held == ALL ? getppid() : 0;

    return sysvmp_lock_owner(lock) == pid && sysvmp_rlock_owner(rlock) == pid;
}

static const struct call {
    const char *name;
    int (*call)(void);
    int answer[4]; /* by what is held */
} calls[] = {
    {"queue_qsize", qsize, {0, 1, 2, 0}},
    {"queue_empty", empty, {1, 0, 0, 1}},
    {"queue_full", full, {0, 0, 1, 0}},
    {"queue_next_len", next_len, {-EAGAIN, BYTES, BYTES, -EPIPE}},
    {"conn_next_len", conn_next_len, {-EAGAIN, BYTES, BYTES, -EPIPE}},
    {"conn_poll without waiting", poll_at_once, {0, 1, 1, 1}},
    {"conn_poll for some time", poll_shortly, {0, 1, 1, 1}},
    {"conn_readable", readable, {2, 2, 2, 2}},
    {"conn_writable", writable, {1, 1, 1, 0}},
    {"lock_locked, rlock_locked", locked, {0, 0, 2, 0}},
    {"lock_owner, rlock_owner", owner, {1, 1, 1, 1}},
};

enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

/*
 * The victim is stopped while it looks: that holds up nobody.
 */

static int was_beside; /* in this round */

static void
create_anew(void)
{
    was_beside = 0;
    create_held();
}

static void
put_and_send_beside(void)
{
    was_beside = 1;
    put_and_send(1);
    peer_is_back(getter);
    peer_is_back(receiver);
}

/* It saw the messages or did not. */
static void
look_after_stop(const struct crash_end *end)
{
    if (end->answer < 0 && end->answer != -EAGAIN && end->answer != -ENOSYS)
        wrong("the victim's answer: %d", end->answer);
    if (!was_beside)
        put_and_send(1);
    want(GOT, peer_end(getter), "the peer's get");
    want(GOT, peer_end(receiver), "the peer's recv");
    destroy();
}

static void
stopped_cases(void)
{
    static int (*const looks[])(void) = {qsize, next_len, conn_next_len,
        poll_shortly};
    struct crash_case c = {"a look, others wait", create_anew, NULL,
        let_wait, NULL, NULL, look_after_stop, STAYS};

    held = NOTHING;
    for (int i = 0; i < STOPPED_CASES; i++) {
        c.call = looks[i];
        crash_run_stopped(&c, put_and_send_beside);
    }
}

int
main(void)
{
    struct crash_case c = {NULL, create_held, close_if_done, let_wait, NULL,
        NULL, look, STAYS};
    static const char *const of[] = {"nothing there", "something there",
        "full, and locked", "at the end"};

    plan(4 * CALLS + STOPPED_CASES);
    for (held = NOTHING; held <= DONE; held++) {
        diag("%s:", of[held]);
        for (int i = 0; i < CALLS; i++) {
            c.name = calls[i].name;
            c.call = calls[i].call;
            wanted = calls[i].answer[held];
            crash_run(&c);
        }
    }
    stopped_cases();
    return done();
}
