/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crash-queue.h: what the crash tests of a queue's two sides share: one
 * queue, messages that are numbers, and what must be true of it afterwards: of
 * its messages, of its limit, and of the memory, which nobody has any more.
 */
#ifndef CRASH_QUEUE_H
#define CRASH_QUEUE_H

#include "internal.h"

#include "arena.h"
#include "crash.h"
#include "heap.h"
#include "list.h"
#include "memory.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define MAYBE_UNUSED __attribute__((__unused__))

/* What the victim, the peer and the tester put. */
enum { FIRST = 1, VICTIMS = 2, PEERS = 3, HELP = 4, FILLING = 100 };
enum { NUMBERS = 128, LONGEST = 20000 };

static struct sysvmp_queue *q;
static int limit;     /* of the queue; 0: none */
static int full_at;   /* how many of our messages fill it; 1 without limit */
static int got[NUMBERS]; /* how often each was received by the tester, */
static int order[NUMBERS], taken; /* and in which order */
static size_t lengths[NUMBERS]; /* of each one's message; 0: just the number */
static pid_t waiter;

/* So that each waiter sleeps. */
__attribute__((__constructor__(101))) static void
never_spin(void)
{
    setenv("SYSVMP_SPIN_US", "0", 1);
}

/* A message is a number, and again in each byte of the rest. */
struct message {
    int number;
    char filling[LONGEST - sizeof(int)];
};

MAYBE_UNUSED static size_t
length_of(int number)
{
    return lengths[number] > 0 ? lengths[number] : sizeof(number);
}

MAYBE_UNUSED static size_t
make_message(struct message *message, int number)
{
    size_t len = length_of(number);

    message->number = number;
    memset(message->filling, number, len - sizeof(number));
    return len;
}

/* Its number, if it is whole. */
MAYBE_UNUSED static int
number_of(const struct message *message, size_t len)
{
    int number = len >= sizeof(number) ? message->number : 0;

    if (number > 0 && number < NUMBERS && len == length_of(number)) {
        for (size_t i = 0; i < len - sizeof(number); i++)
            if (message->filling[i] != (char)number)
                len = 0;
        if (len > 0)
            return number;
    }
    wrong("a message that nobody sent: %zu bytes, %d", len, number);
    return -EBADMSG;
}

MAYBE_UNUSED static int
put(int number, int timeout_ms)
{
    static _Thread_local struct message message;
    size_t len = make_message(&message, number);

    return sysvmp_queue_put(q, &message, len, timeout_ms);
}

/* The number, or a code. */
MAYBE_UNUSED static int
get(int timeout_ms)
{
    static _Thread_local struct message message;
    ssize_t len = sysvmp_queue_get(q, &message, sizeof(message), timeout_ms);

    return len < 0 ? (int)len : number_of(&message, (size_t)len);
}

/* The tester takes one, and remembers it. */
MAYBE_UNUSED static int
take(int timeout_ms)
{
    int number = get(timeout_ms);

    if (number > 0) {
        got[number]++;
        if (taken < NUMBERS)
            order[taken++] = number;
    }
    return number;
}

MAYBE_UNUSED static void
drain(void)
{
    int number;

    while ((number = take(SYSVMP_NOWAIT)) > 0)
        continue;
    want(-EAGAIN, number, "a get from the empty queue");
}

/* What the dead had is swept up, in every other round before anybody looks at
 * the queue; and what is free then is written to. */
MAYBE_UNUSED static void
sweep_and_write(void)
{
    enum { MSGS = 6, WRITTEN = 100 };
    struct sysvmp_msg *msgs[MSGS];

    if (crash_round() % 2 == 0)
        return;
    memory_sweep(arena_current);
    for (int i = 0; i < MSGS; i++) {
        must(sysvmp_msg_create(&msgs[i], i % 2 ? LONGEST : WRITTEN),
            "msg_create");
        memset((char *)sysvmp_msg_data(msgs[i]) - LIST_HEADER, 0xee,
            LIST_HEADER + WRITTEN);
    }
    for (int i = 0; i < MSGS; i++)
        sysvmp_msg_destroy(msgs[i]);
}

/* What the dead had is swept up: nothing is in use. */
MAYBE_UNUSED static void
look_at_memory(void)
{
    struct sysvmp_lock *lock;
    uint32_t used, all;

    shm_store(&arena_current->head->garbage, 1);
    must(sysvmp_lock_create(&lock), "lock_create");
    sysvmp_lock_destroy(lock);
    memory_sweep(arena_current);
    heap_state(arena_current, &used, &all);
    want(0, used, "pages in use at the end");
}

MAYBE_UNUSED static void
create(unsigned flags)
{
    must(sysvmp_queue_create(&q, (size_t)limit, flags), "queue_create");
    memset(got, 0, sizeof(got));
    taken = 0;
    crash_and_then(sweep_and_write, look_at_memory);
}

MAYBE_UNUSED static void
create_empty(void)
{
    limit = 0;
    create(0);
}

MAYBE_UNUSED static void
create_bounded(void)
{
    limit = 2;
    create(0);
}

/* Puts FIRST, then FILLING until it is full; where it never is, FIRST. */
MAYBE_UNUSED static void
fill(void)
{
    full_at = 0;
    while (put(full_at == 0 ? FIRST : FILLING, SYSVMP_NOWAIT) == 0)
        if (++full_at > limit)
            break;
}

MAYBE_UNUSED static void
create_bounded_full(void)
{
    create_bounded();
    fill();
    want(limit, full_at, "messages that fill it");
}

/* The last one left: it is empty, the limit is exact, all works. */
MAYBE_UNUSED static void
last_look(void)
{
    want(0, sysvmp_queue_qsize(q), "messages at the end");
    fill();
    want(limit > 0 ? limit : 1, full_at, "messages that fill it at the end");
    want(FIRST, get(SYSVMP_NOWAIT), "the first of them");
    full_at = 0;
    sysvmp_queue_destroy(q);
}

/* Peers. */

MAYBE_UNUSED static int
peer_gets(void)
{
    int number = get(SYSVMP_FOREVER);

    return number > 0 ? number : number == -EPIPE ? 200 : 250;
}

MAYBE_UNUSED static int
peer_puts(void)
{
    return put(PEERS, SYSVMP_FOREVER) == 0 ? 0 : 250;
}

MAYBE_UNUSED static void
let_peer_get(void)
{
    waiter = sleeping_peer(peer_gets);
}

MAYBE_UNUSED static void
let_peer_put(void)
{
    waiter = sleeping_peer(peer_puts);
}

/* The peer waits for a message: if there is one it must end without help,
 * else it is given one.  What it got. */
MAYBE_UNUSED static int
peer_got(void)
{
    int number;

    if (sysvmp_queue_qsize(q) == 0)
        want(0, put(HELP, CRASH_BOUND_MS), "another put");
    number = peer_end(waiter);
    if (number > 0 && number < NUMBERS)
        got[number]++;
    else
        wrong("the peer's get: %d", number);
    return number;
}

/* The peer waits for room: if there is some it must end without help, else
 * we make room. */
MAYBE_UNUSED static void
peer_has_put(void)
{
    if (sysvmp_queue_qsize(q) >= full_at)
        take(SYSVMP_NOWAIT);
    want(0, peer_end(waiter), "the peer's put");
}

/* Two threads of the victim put and get at once: what came of it. */

enum { ROUNDS = 20 };

static struct totals {
    _Atomic int put, got; /* acknowledged */
} *totals;

MAYBE_UNUSED static void
create_for_two(void)
{
    if (!totals)
        totals = shared(sizeof(*totals));
    atomic_store(&totals->put, 0);
    atomic_store(&totals->got, 0);
    create_bounded();
}

MAYBE_UNUSED static void
put_and_get(void)
{
    if (put(FILLING, SYSVMP_NOWAIT) == 0)
        atomic_fetch_add(&totals->put, 1);
    if (get(SYSVMP_NOWAIT) > 0)
        atomic_fetch_add(&totals->got, 1);
}

MAYBE_UNUSED static int
put_and_get_often(void)
{
    for (int i = 0; i < ROUNDS; i++)
        put_and_get();
    return 0;
}

/* Each thread may have put one more than it was told, and have got one. */
MAYBE_UNUSED static void
look_at_totals(const struct crash_end *end)
{
    int number = peer_got();
    int missing;

    (void)end;
    drain();
    missing = atomic_load(&totals->put) - atomic_load(&totals->got) -
        got[FILLING];
    if (missing < -2 || missing > 2)
        wrong("%d messages are missing; the peer got %d", missing, number);
    last_look();
}

/* The heir waited for a message before the peer did, or for room. */

MAYBE_UNUSED static void
let_heir_get(void)
{
    sleeping_heir(peer_gets);
    let_peer_get();
}

MAYBE_UNUSED static void
let_heir_put(void)
{
    sleeping_heir(peer_puts);
    let_peer_put();
}

/* The number that it got or put; 0: it was killed. */
MAYBE_UNUSED static int
heir_number(void)
{
    int code = heir_end();

    if (code != -SIGKILL && (code < 0 || code >= NUMBERS))
        wrong("the heir: %d", code);
    return code < 0 || code >= NUMBERS ? 0 : code;
}

MAYBE_UNUSED static int
is_empty(void *unused)
{
    (void)unused;
    return sysvmp_queue_qsize(q) == 0;
}

MAYBE_UNUSED static int
is_full(void *unused)
{
    (void)unused;
    return sysvmp_queue_qsize(q) >= full_at;
}

#endif /* CRASH_QUEUE_H */
