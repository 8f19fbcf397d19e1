/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crash-get.c: a process killed at each point of a get from a queue, also
 * while another thread of it waits for a message or for room, and with the
 * next one who finds the room or the message killed, too.  Each thread takes
 * at most one message with it; nobody hangs; the limit is exact afterwards.
 */
#include <config.h>

#include "crash-queue.h"

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
    want(limit - 1, got[FILLING],
        "the messages that the victim did not want");
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

    crash_run(&alone);
    crash_run(&waited);
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
 * Out of shared memory: a large message; a short one before it, in the
 * kernel's queue or not; the last of a block.
 */

static void
create_with_two_unbounded(void)
{
    create_empty();
    want(0, put(FIRST, SYSVMP_NOWAIT), "put");
    want(0, put(FILLING, SYSVMP_NOWAIT), "put");
}

/* The first has a block to itself, and is to be followed by a large one. */
static void
create_two_blocks(void)
{
    create_empty();
    want(0, put(HELP, SYSVMP_NOWAIT), "put");
    want(0, put(FIRST, SYSVMP_NOWAIT), "put");
    want(0, put(FILLING, SYSVMP_NOWAIT), "put");
    want(HELP, get(SYSVMP_NOWAIT), "get");
}

static void
large_cases(void)
{
    static const struct crash_case alone = {"get of a large message",
        create_with_two, NULL, NULL, get_at_leisure, NULL, look_alone, STAYS};
    static const struct crash_case unbounded = {
        "get of a large message, no limit", create_with_two_unbounded, NULL,
        NULL, get_at_leisure, NULL, look_alone, STAYS};
    static const struct crash_case waited = {
        "get of a large message, a sender waits", create_bounded_full, NULL,
        let_peer_put, get_at_leisure, NULL, look_with_putter, STAYS};
    static const struct crash_case empty = {
        "get of a large message, empty, and another waits", create_empty,
        NULL, NULL, get_at_leisure, put_for_two, look_at_both, STAYS};
    static const struct crash_case small = {
        "get, the buffer is far too small, and another waits", create_empty,
        NULL, NULL, get_into_too_small, put_for_two, look_at_both_small,
        STAYS};
    static const struct crash_case before = {
        "get of a short message before a large one",
        create_with_two_unbounded, NULL, NULL, get_at_leisure, NULL,
        look_alone, STAYS};
    static const struct crash_case last = {"get of the last of a block",
        create_two_blocks, NULL, NULL, get_at_leisure, NULL, look_alone,
        STAYS};

    lengths[FIRST] = LONGEST;
    crash_run(&alone);
    crash_run(&unbounded);
    crash_run(&waited);
    crash_run(&empty);
    crash_run(&small);
    lengths[FIRST] = 0;
    lengths[FILLING] = lengths[HELP] = LONGEST;
    crash_run(&before);
    crash_run(&last);
    memset(lengths, 0, sizeof(lengths));
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

/*
 * Another thread of the victim is inside a call.
 */

static void
sleep_in_get(void)
{
    (void)get(SYSVMP_FOREVER);
}

static void
sleep_in_put(void)
{
    (void)put(VICTIMS, SYSVMP_FOREVER);
}

/* For both threads, if both live for so long, and the peer. */
static void
put_for_three(void)
{
    victim_asleep_or_dead();
    let_peer_get();
    for (int i = 0; i < 3 && !victim_done(); i++) {
        want(0, put(FIRST, CRASH_BOUND_MS), "put");
        victim_asleep_or_dead();
    }
}

/* The room that the victim made may be for its own thread. */
static void
look_at_room(const struct crash_end *end)
{
    if (end->acknowledged)
        want(FIRST, end->answer, "the victim's get");
    if (!within_bound(is_full, NULL))
        wrong("nobody uses the room");
    take(SYSVMP_NOWAIT);
    want(0, peer_end(waiter), "the peer's put");
    drain();
    want(1, got[PEERS], "the peer's message came");
    if (got[VICTIMS] > 1 || got[FIRST] > 1)
        wrong("a message came twice");
    want(limit - 1, got[FILLING],
        "the messages that the victim did not want");
    last_look();
}

static void
thread_cases(void)
{
    static const struct crash_case empty = {"get, empty, and others wait",
        create_empty, NULL, NULL, get_at_leisure, put_for_three, look_at_both,
        ENDS};
    static const struct crash_case bounded = {
        "get, bounded queue, empty, and others wait", create_bounded, NULL,
        NULL, get_at_leisure, put_for_three, look_at_both, ENDS};
    static const struct crash_case waited = {
        "get, bounded queue, senders wait", create_bounded_full, NULL,
        let_peer_put, get_at_leisure, NULL, look_at_room, ENDS};

    crash_run_beside_sleep(&empty, sleep_in_get);
    crash_run_beside_sleep(&bounded, sleep_in_get);
    crash_run_beside_sleep(&waited, sleep_in_put);
}

/*
 * The next one is killed, too.
 */

/* Two senders waited; what the victim took is replaced without help. */
static void
look_after_putters(const struct crash_end *end)
{
    int killed;

    if (end->acknowledged)
        want(FIRST, end->answer, "the victim's get");
    if (!within_bound(is_full, NULL))
        wrong("nobody uses the room");
    for (int i = 0; i < 2; i++)
        take(SYSVMP_NOWAIT);
    want(0, peer_end(waiter), "the peer's put");
    heir_number();
    killed = heir_end() == -SIGKILL;
    drain();
    if (got[PEERS] > 2 || got[PEERS] < 2 - killed)
        wrong("the peer's and the heir's message: %d", got[PEERS]);
    want(limit - 1, got[FILLING],
        "the messages that the victim did not want");
    last_look();
}

/* It sleeps behind the victim, and in front of the peer. */
static void
put_for_heir(void)
{
    victim_asleep_or_dead();
    let_heir_get();
    want(0, put(FIRST, SYSVMP_NOWAIT), "put");
    if (!within_bound(is_empty, NULL))
        wrong("nobody gets the message");
    for (int i = 0; i < 2; i++)
        want(0, put(HELP, CRASH_BOUND_MS), "another put");
}

/* Three messages for three, of whom two may each have died with one. */
static void
look_after_getters(const struct crash_end *end)
{
    int number = heir_number();
    int lost = (heir_end() == -SIGKILL) + !end->acknowledged;

    got[number]++;
    got[peer_end(waiter) & 127]++;
    if (end->acknowledged && end->answer > 0)
        got[end->answer]++;
    drain();
    if (got[FIRST] > 1 || got[HELP] > 2)
        wrong("a message came twice");
    if (got[FIRST] + got[HELP] + lost < 3)
        wrong("%d and %d messages came", got[FIRST], got[HELP]);
    last_look();
}

static int
heir_gets(void)
{
    int number = get(SYSVMP_NOWAIT);

    return number > 0 ? number : number == -EAGAIN ? 0 : 250;
}

static void
look_after_get(const struct crash_end *end)
{
    int number = heir_number();
    int lost = (heir_end() == -SIGKILL) + !end->acknowledged;

    got[number]++;
    if (end->acknowledged && end->answer > 0)
        got[end->answer]++;
    drain();
    if (got[FIRST] > 1 || got[FILLING] > 1)
        wrong("a message came twice");
    if (got[FIRST] + got[FILLING] + lost < 2)
        wrong("%d and %d messages came", got[FIRST], got[FILLING]);
    last_look();
}

static void
heir_cases(void)
{
    static const struct crash_case there = {"get, nobody waits",
        create_with_two, NULL, NULL, get_at_leisure, NULL, look_after_get,
        STAYS};
    static const struct crash_case large = {"get of a large message",
        create_with_two, NULL, NULL, get_at_leisure, NULL, look_after_get,
        STAYS};
    static const struct crash_case waited = {
        "get, bounded queue, two senders wait", create_bounded_full, NULL,
        let_heir_put, get_at_leisure, NULL, look_after_putters, STAYS};
    static const struct crash_case empty = {"get, empty, and two more wait",
        create_empty, NULL, NULL, get_at_leisure, put_for_heir,
        look_after_getters, STAYS};
    static const struct crash_case bounded = {
        "get, bounded queue, empty, and two more wait", create_bounded, NULL,
        NULL, get_at_leisure, put_for_heir, look_after_getters, STAYS};

    crash_run_heir(&there, heir_gets);
    lengths[FIRST] = lengths[FILLING] = LONGEST;
    crash_run_heir(&large, heir_gets);
    lengths[FIRST] = lengths[FILLING] = 0;
    crash_run_heir(&waited, NULL);
    crash_run_heir(&empty, NULL);
    crash_run_heir(&bounded, NULL);
}

/*
 * The victim is stopped, and others go on.
 */

/* The peer gets the one, and the victim the other. */
static void
put_beside(void)
{
    want(0, put(FIRST, CRASH_BOUND_MS), "a put beside it");
    peer_is_back(waiter);
    want(0, put(FIRST, CRASH_BOUND_MS), "a put for it");
}

/* The room is for the peer, whose message is then for the victim. */
static void
take_beside(void)
{
    (void)take(SYSVMP_NOWAIT);
    peer_is_back(waiter);
}

/* Nothing came twice, and the victim has what the others have not. */
static void
look_after_stop(const struct crash_end *end)
{
    if (end->answer <= 0)
        wrong("the victim's get: %d", end->answer);
    else
        got[end->answer]++;
    peer_has_put();
    drain();
    want(1, got[FIRST], "the first message came");
    want(1, got[PEERS], "the peer's message came");
    want(limit - 1, got[FILLING], "the others came");
    last_look();
}

static void
stopped_cases(void)
{
    static const struct crash_case full = {
        "get, bounded queue, a sender waits", create_bounded_full, NULL,
        let_peer_put, get_at_leisure, NULL, look_after_stop, STAYS};
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

    crash_run_stopped(&full, take_beside);
    crash_run_stopped(&empty, put_beside);
    crash_run_stopped(&bounded, put_beside);
    crash_run_stopped(&small, put_beside);
    lengths[FIRST] = LONGEST;
    crash_run_stopped(&empty, put_beside);
    lengths[FIRST] = 0;
}

int
main(void)
{
    plan(9 + 7 + 3 + 5 + 5);
    there_cases();
    empty_cases();
    large_cases();
    end_cases();
    thread_cases();
    heir_cases();
    stopped_cases();
    return done();
}
