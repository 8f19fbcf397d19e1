/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crash-get.c: a process killed at each point of a get from a queue.  It
 * takes at most one message with it; nobody hangs; the limit is exact
 * afterwards.
 */
#include <config.h>

#include "crash-queue.h"

static pid_t large;

static int
get_at_leisure(void)
{
    return get(SYSVMP_FOREVER);
}

static int
get_shortly(void)
{
    return get(2);
}

static int
get_at_once(void)
{
    return get(SYSVMP_NOWAIT);
}

static int
get_into_too_small(void)
{
    char byte;

    return (int)sysvmp_queue_get(q, &byte, 1, SYSVMP_FOREVER);
}

/*
 * A message is there.
 */

static void
create_with_two(void)
{
    create_bounded();
    want(0, put(FIRST, SYSVMP_NOWAIT), "put");
    want(0, put(FILLING, SYSVMP_NOWAIT), "put");
}

static void
look_alone(const struct crash_end *end)
{
    drain();
    if (end->acknowledged) {
        want(FIRST, end->answer, "the victim's get");
        want(0, got[FIRST], "its message comes again");
    } else if (got[FIRST] > 1) {
        wrong("the first message came %d times", got[FIRST]);
    }
    want(1, got[FILLING], "the message that the victim did not want");
    last_look();
}

/* A sender waits for room. */
static void
look_with_putter(const struct crash_end *end)
{
    if (end->acknowledged)
        want(FIRST, end->answer, "the victim's get");
    peer_has_put();
    drain();
    want(1, got[PEERS], "the peer's message came");
    want(limit > 0 ? limit - 1 : full_at - 1, got[FILLING],
        "the messages that the victim did not want");
    last_look();
}

/* A large message first in the line: there is room for the other one. */
static int
peer_puts_large(void)
{
    static const char bytes[SYSVMP_INLINE_MAX];

    return sysvmp_queue_put(q, bytes, sizeof(bytes), SYSVMP_FOREVER) == 0
        ? 0
        : 250;
}

static void
let_unlike_put(void)
{
    large = sleeping_peer(peer_puts_large);
    let_peer_put();
}

static void
look_with_unlike(const struct crash_end *end)
{
    char bytes[SYSVMP_INLINE_MAX];
    ssize_t len;
    int whole = 0;

    (void)end;
    peer_has_put();
    while ((len = sysvmp_queue_get(q, bytes, sizeof(bytes),
                whole ? SYSVMP_NOWAIT : CRASH_BOUND_MS)) >= 0)
        whole += len == sizeof(bytes);
    want(1, whole, "the large message came");
    want(0, peer_end(large), "the large put");
    last_look();
}

static void
there_cases(void)
{
    static const struct crash_case alone = {"get, nobody waits",
        create_with_two, NULL, NULL, get_at_leisure, NULL, look_alone, STAYS};
    static const struct crash_case waited = {
        "get, bounded queue, a sender waits", create_bounded_full, NULL,
        let_peer_put, get_at_leisure, NULL, look_with_putter, STAYS};
    static const struct crash_case full = {"get, a sender waits",
        create_full, NULL, let_peer_put, get_at_leisure, NULL,
        look_with_putter, STAYS};
    static const struct crash_case unlike = {
        "get, senders of unlike messages wait", create_full, NULL,
        let_unlike_put, get_at_leisure, NULL, look_with_unlike, STAYS};

    crash_run(&alone);
    crash_run(&waited);
    crash_run(&full);
    crash_run(&unlike);
}

/*
 * An empty queue.
 */

/* The victim sleeps first, so that the message is for it. */
static void
put_for_two(void)
{
    victim_asleep_or_dead();
    let_peer_get();
    want(0, put(FIRST, SYSVMP_NOWAIT), "put");
    /* Should the peer have been faster, there must be more. */
    victim_asleep_or_dead();
    if (!victim_done())
        want(0, put(FIRST, SYSVMP_NOWAIT), "put");
}

static void
look_at_both(const struct crash_end *end)
{
    peer_got();
    drain();
    if (end->acknowledged)
        want(FIRST, end->answer, "the victim's get");
    last_look();
}

static void
look_at_both_small(const struct crash_end *end)
{
    int number = peer_got();

    if (end->acknowledged)
        want(-EMSGSIZE, end->answer, "the victim's get");
    want(FIRST, number, "what was too large comes to the next");
    drain();
    last_look();
}

static void
look_refused(const struct crash_end *end)
{
    if (end->acknowledged && end->answer != -EAGAIN &&
        end->answer != -ETIMEDOUT)
        wrong("the victim's get: %d", end->answer);
    want(HELP, peer_got(), "what the peer got");
    last_look();
}

static void
empty_cases(void)
{
    static const struct crash_case empty = {"get, empty, and another waits",
        create_empty, NULL, NULL, get_at_leisure, put_for_two, look_at_both,
        STAYS};
    static const struct crash_case bounded = {
        "get, bounded queue, empty, and another waits", create_bounded, NULL,
        NULL, get_at_leisure, put_for_two, look_at_both, STAYS};
    static const struct crash_case small = {
        "get, the buffer is too small, and another waits", create_empty,
        NULL, NULL, get_into_too_small, put_for_two, look_at_both_small,
        STAYS};
    static const struct crash_case timeout = {
        "get, the time runs out, and another waits", create_empty, NULL,
        let_peer_get, get_shortly, NULL, look_refused, STAYS};
    static const struct crash_case at_once = {"get without waiting, empty",
        create_empty, NULL, let_peer_get, get_at_once, NULL, look_refused,
        STAYS};

    crash_run(&empty);
    crash_run(&bounded);
    crash_run(&small);
    crash_run(&timeout);
    crash_run(&at_once);
}

/*
 * The end of file.
 */

static void
create_with_end(void)
{
    limit = 0;
    create(SYSVMP_EOF);
}

static void
close_here(void)
{
    want(0, sysvmp_queue_close(q), "close");
}

static int
close_and_get(void)
{
    close_here();
    return peer_gets();
}

static void
end_for_two(void)
{
    waiter = sleeping_peer(close_and_get);
    close_here();
}

static void
end_for_two_asleep(void)
{
    victim_asleep_or_dead();
    end_for_two();
}

static void
look_at_end(const struct crash_end *end)
{
    if (end->acknowledged)
        want(-EPIPE, end->answer, "the victim's get");
    want(200, peer_end(waiter), "end of file");
    want(-EPIPE, get(SYSVMP_FOREVER), "end of file for us");
    sysvmp_queue_destroy(q);
}

static void
end_cases(void)
{
    static const struct crash_case there = {"get, at the end of file",
        create_with_end, close_here, end_for_two, get_at_leisure, NULL,
        look_at_end, STAYS};
    static const struct crash_case comes = {
        "get, the end of file comes, and another waits", create_with_end,
        close_here, NULL, get_at_leisure, end_for_two_asleep, look_at_end,
        STAYS};

    crash_run(&there);
    crash_run(&comes);
}

int
main(void)
{
    plan(11);
    there_cases();
    empty_cases();
    end_cases();
    return done();
}
