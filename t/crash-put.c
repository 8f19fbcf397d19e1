/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crash-put.c: a process killed at each point of a put to a queue, or of its
 * close; also while another thread of it waits for a message, or puts and gets
 * as well; and with the next one who finds the message, what the dead have
 * left or the end of file killed, too.  What was acknowledged is there, once;
 * nobody hangs; the limit is exact afterwards, and no memory is lost.
 */
#include <config.h>

#include "crash-queue.h"

static int
put_at_leisure(void)
{
    return put(VICTIMS, SYSVMP_FOREVER);
}

static int
put_shortly(void)
{
    return put(VICTIMS, 2);
}

static int
put_at_once(void)
{
    return put(VICTIMS, SYSVMP_NOWAIT);
}

/* Everything was received: was the victim's message, as often as it must? */
static void
check_victims(const struct crash_end *end, int answer)
{
    if (end->acknowledged)
        want(answer, end->answer, "the victim's put");
    if (end->acknowledged)
        want(answer == 0, got[VICTIMS], "the victim's message came");
    else if (got[VICTIMS] > 1)
        wrong("the victim's message came %d times", got[VICTIMS]);
}

static void
look_alone(const struct crash_end *end)
{
    drain();
    check_victims(end, 0);
    last_look();
}

static void
look_with_getter(const struct crash_end *end)
{
    peer_got();
    drain();
    check_victims(end, 0);
    last_look();
}

static void
room_cases(void)
{
    static const struct crash_case alone = {"put, nobody waits",
        create_empty, NULL, NULL, put_at_leisure, NULL, look_alone, STAYS};
    static const struct crash_case bounded = {"put, bounded queue",
        create_bounded, NULL, NULL, put_at_leisure, NULL, look_alone, STAYS};
    static const struct crash_case waited = {"put, somebody waits",
        create_empty, NULL, let_peer_get, put_at_leisure, NULL,
        look_with_getter, STAYS};
    static const struct crash_case waited_bounded = {
        "put, bounded queue, somebody waits", create_bounded, NULL,
        let_peer_get, put_at_leisure, NULL, look_with_getter, STAYS};

    crash_run(&alone);
    crash_run(&bounded);
    crash_run(&waited);
    crash_run(&waited_bounded);
}

/*
 * A full queue.
 */

/* The victim sleeps first, so that the room is for it. */
static void
make_room_for_two(void)
{
    victim_asleep_or_dead();
    let_peer_put();
    want(FIRST, take(SYSVMP_NOWAIT), "the first message");
    /* Should the peer have been faster, there must be more room. */
    victim_asleep_or_dead();
    if (!victim_done())
        take(SYSVMP_NOWAIT);
}

static void
look_at_both(const struct crash_end *end)
{
    peer_has_put();
    drain();
    check_victims(end, 0);
    want(1, got[PEERS], "the peer's message came");
    last_look();
}

static void
look_refused(const struct crash_end *end)
{
    int answer = end->answer;

    peer_has_put();
    drain();
    check_victims(end, answer == -EAGAIN ? -EAGAIN : -ETIMEDOUT);
    want(0, got[VICTIMS], "the victim's message, of which there was no room");
    want(1, got[PEERS], "the peer's message came");
    last_look();
}

static void
full_cases(void)
{
    static const struct crash_case bounded = {"put, bounded queue, full",
        create_bounded_full, NULL, NULL, put_at_leisure, make_room_for_two,
        look_at_both, STAYS};
    static const struct crash_case bounded_timeout = {
        "put, bounded queue, full, the time runs out", create_bounded_full,
        NULL, let_peer_put, put_shortly, NULL, look_refused, STAYS};
    static const struct crash_case at_once = {"put without waiting, full",
        create_bounded_full, NULL, let_peer_put, put_at_once, NULL,
        look_refused, STAYS};

    crash_run(&bounded);
    crash_run(&bounded_timeout);
    crash_run(&at_once);
}

/*
 * Through shared memory: a large message; a short one behind it; one that does
 * not fit behind the others.
 */

static void
create_listed(void)
{
    create_empty();
    want(0, put(FIRST, SYSVMP_NOWAIT), "put");
}

/* The last block has no room for what the victim puts. */
static void
create_chunk(void)
{
    create_empty();
    want(0, put(FIRST, SYSVMP_NOWAIT), "put");
    for (int i = 0; i < 4; i++)
        want(0, put(FILLING, SYSVMP_NOWAIT), "put");
}

static void
look_in_order(const struct crash_end *end)
{
    drain();
    check_victims(end, 0);
    want(FIRST, order[0], "the first message");
    want(1, got[FIRST], "... came");
    if (got[VICTIMS])
        want(VICTIMS, order[taken - 1], "the last message");
    last_look();
}

static void
large_cases(void)
{
    static const struct crash_case alone = {"put of a large message",
        create_empty, NULL, NULL, put_at_leisure, NULL, look_alone, STAYS};
    static const struct crash_case waited = {
        "put of a large message, somebody waits", create_empty, NULL,
        let_peer_get, put_at_leisure, NULL, look_with_getter, STAYS};
    static const struct crash_case bounded = {
        "put of a large message, bounded queue, full", create_bounded_full,
        NULL, NULL, put_at_leisure, make_room_for_two, look_at_both, STAYS};
    static const struct crash_case both = {
        "put of a large message behind another", create_listed, NULL, NULL,
        put_at_leisure, NULL, look_in_order, STAYS};
    static const struct crash_case behind = {
        "put of a short message behind a large one", create_listed, NULL,
        NULL, put_at_leisure, NULL, look_in_order, STAYS};
    static const struct crash_case chunk = {
        "put where the last block is full", create_chunk, NULL, NULL,
        put_at_leisure, NULL, look_in_order, STAYS};

    lengths[VICTIMS] = LONGEST;
    crash_run(&alone);
    crash_run(&waited);
    crash_run(&bounded);
    lengths[FIRST] = LONGEST;
    crash_run(&both);
    lengths[VICTIMS] = 0;
    crash_run(&behind);
    lengths[FILLING] = lengths[VICTIMS] = SYSVMP_INLINE_MAX;
    crash_run(&chunk);
    memset(lengths, 0, sizeof(lengths));
}

/*
 * A put that finds what others have left that died in theirs.
 */

enum { DEATHS = 3, POINTS = 12 };

static int
put_and_die(void)
{
    put(FILLING, SYSVMP_NOWAIT);
    return 0;
}

/* At some of the first points of a put, others in each round: the message may
 * be in or not. */
static void
die_putting(void)
{
    for (int i = 0; i < DEATHS; i++) {
        (void)reap(dying_peer(put_and_die,
            1 + (crash_round() + i * POINTS / DEATHS) % POINTS));
        drain();
    }
    want(0, sysvmp_queue_qsize(q), "messages");
    got[FILLING] = 0;
}

static void
create_leaky(void)
{
    create_empty();
    die_putting();
}

static void
create_leaky_bounded(void)
{
    create_bounded();
    die_putting();
}

static void
leaky_cases(void)
{
    static const struct crash_case alone = {"put, others died in it",
        create_leaky, NULL, NULL, put_at_leisure, NULL, look_alone, STAYS};
    static const struct crash_case bounded = {
        "put, bounded queue, others died in it", create_leaky_bounded, NULL,
        NULL, put_at_leisure, NULL, look_alone, STAYS};

    crash_run(&alone);
    crash_run(&bounded);
}

/*
 * The last writer's close.
 */

static pid_t second;

static int
close_and_get(void)
{
    want(0, sysvmp_queue_close(q), "close");
    return peer_gets();
}

static void
create_with_end(void)
{
    limit = 0;
    create(SYSVMP_EOF);
}

static void
let_two_get(void)
{
    waiter = sleeping_peer(close_and_get);
    second = sleeping_peer(close_and_get);
    want(0, sysvmp_queue_close(q), "close");
}

static int
close_queue(void)
{
    return sysvmp_queue_close(q);
}

static int
destroy_queue(void)
{
    sysvmp_queue_destroy(q);
    return 0;
}

static void
look_at_end(const struct crash_end *end)
{
    if (end->acknowledged)
        want(0, end->answer, "the victim's close");
    want(200, peer_end(waiter), "end of file");
    want(200, peer_end(second), "end of file for the other");
    want(-EPIPE, get(SYSVMP_FOREVER), "end of file for us");
    sysvmp_queue_destroy(q);
}

static void
close_cases(void)
{
    static const struct crash_case close = {"close, others wait",
        create_with_end, NULL, let_two_get, close_queue, NULL, look_at_end,
        STAYS};
    static const struct crash_case destroy = {"destroy, others wait",
        create_with_end, NULL, let_two_get, destroy_queue, NULL,
        look_at_end, STAYS};

    crash_run(&close);
    crash_run(&destroy);
}

/*
 * Another thread of the victim is inside a call.
 */

static void
sleep_in_get(void)
{
    (void)get(SYSVMP_FOREVER);
}

/* What the victim put may be for its own thread, which came before the peer;
 * if not, nobody needs help to find it. */
static void
look_with_two(const struct crash_end *end)
{
    if (!within_bound(is_empty, NULL))
        wrong("nobody gets the message");
    want(0, put(HELP, SYSVMP_NOWAIT), "another put");
    got[peer_end(waiter) & 127]++;
    drain();
    if (end->acknowledged)
        want(0, end->answer, "the victim's put");
    if (got[VICTIMS] > 1 || got[HELP] > 1)
        wrong("a message came twice");
    if (got[VICTIMS] + got[HELP] == 0)
        wrong("no message came");
    last_look();
}

static void
thread_cases(void)
{
    static const struct crash_case waited = {"put, others wait",
        create_empty, NULL, let_peer_get, put_at_leisure, NULL,
        look_with_two, STAYS};
    static const struct crash_case bounded = {
        "put, bounded queue, others wait", create_bounded, NULL, let_peer_get,
        put_at_leisure, NULL, look_with_two, STAYS};
    static const struct crash_case both = {"put and get, another waits",
        create_for_two, NULL, let_peer_get, put_and_get_often, NULL,
        look_at_totals, ENDS};

    crash_run_beside_sleep(&waited, sleep_in_get);
    crash_run_beside_sleep(&bounded, sleep_in_get);
    crash_run_beside_loop(&both, put_and_get);
}

/*
 * The next one is killed, too.
 */

static int
heir_puts(void)
{
    return put(PEERS, SYSVMP_NOWAIT) == 0 ? PEERS : 0;
}

/* It came next, and there was room. */
static void
look_after_put(const struct crash_end *end)
{
    int number = heir_number();
    int killed = heir_end() == -SIGKILL;

    drain();
    check_victims(end, 0);
    if (number == 0 && !killed)
        wrong("there was no room for the heir's message");
    if (got[PEERS] > 1 || (number == PEERS && got[PEERS] != 1))
        wrong("the heir's message came %d times", got[PEERS]);
    last_look();
}

/* It waited, and may have been killed with a message in hand. */
static void
look_after_getters(const struct crash_end *end)
{
    int number, lost;

    if (!within_bound(is_empty, NULL))
        wrong("nobody gets the message");
    for (int i = 0; i < 2; i++)
        want(0, put(HELP, CRASH_BOUND_MS), "another put");
    number = heir_number();
    lost = heir_end() == -SIGKILL;
    got[number]++;
    got[peer_end(waiter) & 127]++;
    drain();
    if (got[VICTIMS] > 1 || got[HELP] > 2)
        wrong("a message came twice");
    if (got[VICTIMS] + got[HELP] + lost < 2 + end->acknowledged)
        wrong("%d and %d messages came", got[VICTIMS], got[HELP]);
    last_look();
}

static void
let_heir_see_end(void)
{
    sleeping_heir(close_and_get);
    let_two_get();
}

static void
look_at_end_after_heir(const struct crash_end *end)
{
    int code = heir_end();

    if (code != -SIGKILL)
        want(200, code, "end of file for the heir");
    look_at_end(end);
}

static void
heir_cases(void)
{
    static const struct crash_case bounded = {"put, bounded queue",
        create_bounded, NULL, NULL, put_at_leisure, NULL, look_after_put,
        STAYS};
    static const struct crash_case leaky = {"put, others died in it",
        create_leaky, NULL, NULL, put_at_leisure, NULL, look_after_put,
        STAYS};
    static const struct crash_case large = {"put of a large message",
        create_empty, NULL, NULL, put_at_leisure, NULL, look_after_put,
        STAYS};
    static const struct crash_case waited = {"put, two wait", create_empty,
        NULL, let_heir_get, put_at_leisure, NULL, look_after_getters, STAYS};
    static const struct crash_case waited_bounded = {
        "put, bounded queue, two wait", create_bounded, NULL, let_heir_get,
        put_at_leisure, NULL, look_after_getters, STAYS};
    static const struct crash_case close = {"close, others wait",
        create_with_end, NULL, let_heir_see_end, close_queue, NULL,
        look_at_end_after_heir, STAYS};

    crash_run_heir(&bounded, heir_puts);
    crash_run_heir(&leaky, heir_puts);
    lengths[VICTIMS] = lengths[PEERS] = LONGEST;
    crash_run_heir(&large, heir_puts);
    lengths[VICTIMS] = lengths[PEERS] = 0;
    crash_run_heir(&waited, NULL);
    crash_run_heir(&waited_bounded, NULL);
    crash_run_heir(&close, NULL);
}

/*
 * The victim is stopped, and others go on.
 */

/* What is put now is for the peer. */
static void
put_beside(void)
{
    want(0, put(HELP, CRASH_BOUND_MS), "a put beside it");
    peer_is_back(waiter);
}

/* There is room for the peer, and then for the victim. */
static void
make_room_beside(void)
{
    (void)take(SYSVMP_NOWAIT);
    peer_is_back(waiter);
    (void)take(SYSVMP_NOWAIT);
}

/* Where nobody may put any more, nobody waits. */
static void
look_for_end_beside(void)
{
    if (get(SYSVMP_NOWAIT) != -EPIPE)
        return;
    peer_is_back(waiter);
    peer_is_back(second);
}

static void
stopped_cases(void)
{
    static const struct crash_case waited = {"put, somebody waits",
        create_empty, NULL, let_peer_get, put_at_leisure, NULL,
        look_with_getter, STAYS};
    static const struct crash_case bounded = {
        "put, bounded queue, somebody waits", create_bounded, NULL,
        let_peer_get, put_at_leisure, NULL, look_with_getter, STAYS};
    static const struct crash_case full = {"put, bounded queue, full",
        create_bounded_full, NULL, NULL, put_at_leisure, make_room_for_two,
        look_at_both, STAYS};
    static const struct crash_case close = {"close, others wait",
        create_with_end, NULL, let_two_get, close_queue, NULL, look_at_end,
        STAYS};

    crash_run_stopped(&waited, put_beside);
    crash_run_stopped(&bounded, put_beside);
    crash_run_stopped(&full, make_room_beside);
    crash_run_stopped(&close, look_for_end_beside);
    lengths[VICTIMS] = LONGEST;
    crash_run_stopped(&waited, put_beside);
    lengths[VICTIMS] = 0;
}

int
main(void)
{
    plan(11 + 6 + 3 + 6 + 5);
    room_cases();
    full_cases();
    large_cases();
    leaky_cases();
    close_cases();
    thread_cases();
    heir_cases();
    stopped_cases();
    return done();
}
