/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crash-many.c: a process killed at each point of put_many or get_many, also
 * with the next one who puts or gets killed, too.  Of a batch that was put the
 * first ones are there, in order, and all that were acknowledged; of one that
 * was being got the last ones are; nobody hangs, the limit is exact, and no
 * memory is lost.
 */
#include <config.h>

#include "crash-queue.h"

/* A batch has numbers from here on; so many are got.  Or it has more. */
enum { BATCH = 10, N = 5, SOME = 4, MORE = 30 };

static struct message messages[NUMBERS];

/* The first alone, a large one, and the rest together. */
static void
make_lengths(void)
{
    lengths[BATCH + 1] = LONGEST;
    lengths[BATCH + 3] = SYSVMP_INLINE_MAX;
}

static int
put_batch(int n, int timeout_ms)
{
    struct sysvmp_item items[NUMBERS];

    for (int i = 0; i < n; i++)
        items[i] = (struct sysvmp_item){&messages[i], 0,
            make_message(&messages[i], BATCH + i)};
    return (int)sysvmp_queue_put_many(q, items, (size_t)n, timeout_ms);
}

static int
put_at_leisure(void)
{
    return put_batch(N, SYSVMP_FOREVER);
}

static int
put_at_once(void)
{
    return put_batch(N, SYSVMP_NOWAIT);
}

/* More short ones than a block has room for at their size. */
static int
put_more(void)
{
    return put_batch(MORE, SYSVMP_FOREVER);
}

/* How many were got, from that number on; or a code. */
static int
get_batch(int n, int number, int timeout_ms)
{
    struct sysvmp_item items[NUMBERS];
    int done;

    for (int i = 0; i < n; i++)
        items[i] = (struct sysvmp_item){&messages[i], LONGEST, 0};
    done = (int)sysvmp_queue_get_many(q, items, (size_t)n, timeout_ms);
    for (int i = 0; i < done; i++)
        want(number + i, number_of(&messages[i], items[i].len),
            "a message of a batch");
    return done;
}

static int
get_some(void)
{
    return get_batch(SOME, BATCH, SYSVMP_FOREVER);
}

static int
get_more(void)
{
    return get_batch(MORE - 1, BATCH, SYSVMP_FOREVER);
}

/* What the tester took of the batch is from `from` on, in order, once: up to
 * where? */
static int
taken_in_order(int from)
{
    int next = from;

    for (int i = 0; i < taken; i++)
        if (order[i] >= BATCH && order[i] < FILLING)
            want(next++, order[i], "the next of the batch");
    return next;
}

/*
 * To put.
 */

static void
create_narrow(void)
{
    limit = 3;
    create(0);
}

/* One is in the kernel's queue, one in shared memory. */
static void
create_both(void)
{
    create_empty();
    want(0, put(FIRST, SYSVMP_NOWAIT), "put");
    lengths[FILLING] = LONGEST;
    want(0, put(FILLING, SYSVMP_NOWAIT), "put");
}

static void
last_look_at_batch(void)
{
    lengths[FILLING] = 0;
    last_look();
}

/* All n of it were wanted; in the queue there was room for so many. */
static void
check_batch(const struct crash_end *end, int n, int from)
{
    int next = taken_in_order(from);

    if (end->acknowledged) {
        want(n, end->answer, "the victim's put_many");
        want(BATCH + n, next, "what came of the batch, and one");
    }
}

static void
look_alone(const struct crash_end *end)
{
    drain();
    check_batch(end, N, BATCH);
    last_look();
}

static void
look_behind(const struct crash_end *end)
{
    drain();
    want(FIRST, order[0], "the first that came");
    want(FILLING, order[1], "the second");
    check_batch(end, N, BATCH);
    last_look_at_batch();
}

static void
look_more(const struct crash_end *end)
{
    drain();
    check_batch(end, MORE, BATCH);
    last_look();
}

static void
look_narrow(const struct crash_end *end)
{
    drain();
    check_batch(end, 3, BATCH);
    last_look();
}

/* The peer waited for one. */
static void
look_with_getter(const struct crash_end *end)
{
    int first = peer_got();

    drain();
    check_batch(end, N, first == BATCH ? BATCH + 1 : BATCH);
    last_look();
}

/* It waits for room, more than once. */
static void
make_room(void)
{
    for (int i = 0; i < N && !victim_done(); i++) {
        victim_asleep_or_dead();
        take(SYSVMP_NOWAIT);
    }
}

static void
put_cases(void)
{
    static const struct crash_case empty = {"put_many", create_empty, NULL,
        NULL, put_at_leisure, NULL, look_alone, STAYS};
    static const struct crash_case behind = {"put_many behind others",
        create_both, NULL, NULL, put_at_leisure, NULL, look_behind, STAYS};
    static const struct crash_case narrow = {
        "put_many without waiting, there is room for some", create_narrow,
        NULL, NULL, put_at_once, NULL, look_narrow, STAYS};
    static const struct crash_case full = {"put_many, it is full",
        create_narrow, NULL, NULL, put_at_leisure, make_room, look_alone,
        STAYS};
    static const struct crash_case waited = {"put_many, somebody waits",
        create_empty, NULL, let_peer_get, put_at_leisure, NULL,
        look_with_getter, STAYS};
    static const struct crash_case more = {"put_many of many", create_empty,
        NULL, NULL, put_more, NULL, look_more, STAYS};

    make_lengths();
    crash_run(&empty);
    crash_run(&behind);
    crash_run(&narrow);
    crash_run(&full);
    crash_run(&waited);
    for (int i = 0; i < MORE; i++)
        lengths[BATCH + i] = 1000;
    crash_run(&more);
    memset(lengths, 0, sizeof(lengths));
}

/*
 * To get.
 */

/* n of a batch, the first of them perhaps in the kernel's queue. */
static void
create_with(int n, int queue_limit, int by_one)
{
    limit = queue_limit;
    create(0);
    if (by_one)
        for (int i = 0; i < n; i++)
            want(0, put(BATCH + i, SYSVMP_NOWAIT), "put");
    else
        want(n, put_batch(n, SYSVMP_NOWAIT), "put_many");
}

static void
create_with_batch(void)
{
    create_with(N, 0, 0);
}

static void
create_with_singles(void)
{
    create_with(N, 0, 1);
}

static void
create_bounded_with_batch(void)
{
    create_with(N, N, 0);
    full_at = N;
}

static void
create_with_more(void)
{
    create_with(MORE, 0, 0);
}

/* Those that were not got are the last ones, all of them. */
static void
check_rest(const struct crash_end *end, int all, int some)
{
    int missing = 0;

    while (missing < all && got[BATCH + missing] == 0)
        missing++;
    want(BATCH + all, taken_in_order(BATCH + missing), "the rest, and one");
    if (end->acknowledged) {
        want(some, end->answer, "the victim's get_many");
        want(some, missing, "messages that are not there any more");
    } else if (missing > some) {
        wrong("%d messages are lost", missing);
    }
}

static void
look_at_rest(const struct crash_end *end)
{
    drain();
    check_rest(end, N, SOME);
    last_look();
}

static void
look_at_more(const struct crash_end *end)
{
    drain();
    check_rest(end, MORE, MORE - 1);
    last_look();
}

static void
look_with_putter(const struct crash_end *end)
{
    peer_has_put();
    drain();
    if (end->acknowledged)
        check_rest(end, N, SOME);
    want(1, got[PEERS], "the peer's message came");
    want(PEERS, order[taken - 1], "... as the last");
    last_look();
}

/* Both wait; who comes first may take all there is. */
static void
put_batch_for_two(void)
{
    victim_asleep_or_dead();
    let_peer_get();
    want(SOME, put_batch(SOME, SYSVMP_NOWAIT), "put_many");
    victim_asleep_or_dead();
    if (!victim_done())
        want(0, put(FIRST, SYSVMP_NOWAIT), "put");
}

static int
get_any(void)
{
    struct sysvmp_item items[SOME];

    for (int i = 0; i < SOME; i++)
        items[i] = (struct sysvmp_item){&messages[i], LONGEST, 0};
    return (int)sysvmp_queue_get_many(q, items, SOME, SYSVMP_FOREVER);
}

static void
look_at_both(const struct crash_end *end)
{
    if (end->acknowledged && (end->answer < 1 || end->answer > SOME))
        wrong("the victim's get_many: %d", end->answer);
    peer_got();
    drain();
    for (int i = 0; i < SOME; i++)
        if (got[BATCH + i] > 1)
            wrong("a message came twice");
    last_look();
}

static void
get_cases(void)
{
    static const struct crash_case batch = {"get_many", create_with_batch,
        NULL, NULL, get_some, NULL, look_at_rest, STAYS};
    static const struct crash_case singles = {
        "get_many, some are in the kernel's queue", create_with_singles,
        NULL, NULL, get_some, NULL, look_at_rest, STAYS};
    static const struct crash_case waited = {
        "get_many, bounded queue, a sender waits", create_bounded_with_batch,
        NULL, let_peer_put, get_some, NULL, look_with_putter, STAYS};
    static const struct crash_case empty = {
        "get_many, empty, and another waits", create_empty, NULL, NULL,
        get_any, put_batch_for_two, look_at_both, STAYS};
    static const struct crash_case more = {"get_many of many",
        create_with_more, NULL, NULL, get_more, NULL, look_at_more, STAYS};

    make_lengths();
    crash_run(&batch);
    crash_run(&singles);
    crash_run(&waited);
    crash_run(&empty);
    for (int i = 0; i < MORE; i++)
        lengths[BATCH + i] = 1000;
    crash_run(&more);
    memset(lengths, 0, sizeof(lengths));
}

/*
 * The next one is killed, too.
 */

static int
heir_puts(void)
{
    return put(PEERS, SYSVMP_NOWAIT) == 0 ? PEERS : 0;
}

static void
look_after_put(const struct crash_end *end)
{
    int number = heir_number();

    drain();
    check_batch(end, N, BATCH);
    if (got[PEERS] > 1 || (number == PEERS && got[PEERS] != 1))
        wrong("the heir's message came %d times", got[PEERS]);
    last_look();
}

static int
heir_gets(void)
{
    struct sysvmp_item items[1] = {{messages, LONGEST, 0}};

    return (int)sysvmp_queue_get_many(q, items, 1, SYSVMP_NOWAIT) == 1
        ? number_of(messages, items[0].len)
        : 0;
}

/* The heir took one more at most. */
static void
look_after_get(const struct crash_end *end)
{
    int number = heir_number();
    int killed = heir_end() == -SIGKILL, missing = 0;

    if (number >= BATCH)
        got[number]++;
    drain();
    while (missing < N && got[BATCH + missing] == 0)
        missing++;
    if (missing > SOME + killed)
        wrong("%d messages are lost", missing);
    if (end->acknowledged && missing < SOME)
        wrong("message %d came again", missing);
    for (int i = missing; i < N; i++)
        want(1, got[BATCH + i], "how often one of the rest came");
    last_look();
}

static void
heir_cases(void)
{
    static const struct crash_case puts = {"put_many", create_empty, NULL,
        NULL, put_at_leisure, NULL, look_after_put, STAYS};
    static const struct crash_case gets = {"get_many", create_with_batch,
        NULL, NULL, get_some, NULL, look_after_get, STAYS};

    make_lengths();
    crash_run_heir(&puts, heir_puts);
    crash_run_heir(&gets, heir_gets);
}

/*
 * The victim is stopped, and others go on.
 */

static void
put_beside(void)
{
    want(0, put(HELP, CRASH_BOUND_MS), "a put beside it");
    peer_is_back(waiter);
}

/* The peer has one; the victim gets what is there. */
static void
put_beside_and_for_it(void)
{
    put_beside();
    want(0, put(HELP, CRASH_BOUND_MS), "a put for it");
}

/* One after the other: the victim may be stopped with the list's lock. */
static void
put_one_for_two(void)
{
    victim_asleep_or_dead();
    let_peer_get();
    want(0, put(FIRST, SYSVMP_NOWAIT), "put");
    if (!victim_done())
        want(0, put(FIRST, CRASH_BOUND_MS), "put");
}

static void
look_put_after_stop(const struct crash_end *end)
{
    int first = peer_got();

    drain();
    want(N, end->answer, "the victim's put_many");
    want(BATCH + N, taken_in_order(first == BATCH ? BATCH + 1 : BATCH),
        "what came of the batch, and one");
    last_look();
}

static void
stopped_cases(void)
{
    static const struct crash_case puts = {"put_many, somebody waits",
        create_empty, NULL, let_peer_get, put_at_leisure, NULL,
        look_put_after_stop, STAYS};
    static const struct crash_case gets = {
        "get_many, empty, and another waits", create_empty, NULL, NULL,
        get_any, put_one_for_two, look_at_both, STAYS};

    make_lengths();
    crash_run_stopped(&puts, put_beside);
    crash_run_stopped(&gets, put_beside_and_for_it);
    memset(lengths, 0, sizeof(lengths));
}

int
main(void)
{
    plan(6 + 5 + 2 + 2);
    put_cases();
    get_cases();
    heir_cases();
    stopped_cases();
    return done();
}
