/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crash-msg.c: a process killed at each point of making a message, putting it,
 * getting one and destroying it, and with one in hand; also with the next one
 * who puts or gets killed, too.  What was acknowledged is there, once, and
 * whole; nobody hangs; what the dead had in hand is free again.
 */
#include <config.h>

#include "crash-queue.h"

static struct sysvmp_msg *msg; /* the victim's */

static void
make(void)
{
    must(sysvmp_msg_create(&msg, length_of(VICTIMS)), "msg_create");
    (void)make_message(sysvmp_msg_data(msg), VICTIMS);
}

static int
create_msg(void)
{
    return sysvmp_msg_create(&msg, LONGEST);
}

static int
destroy_msg(void)
{
    sysvmp_msg_destroy(msg);
    return 0;
}

static int
create_and_destroy(void)
{
    int result = create_msg();

    return result < 0 ? result : destroy_msg();
}

static int
put_at_leisure(void)
{
    return sysvmp_queue_put_msg(q, msg, SYSVMP_FOREVER);
}

/* It is still ours, if it does not go in. */
static int
put_at_once(void)
{
    int result = sysvmp_queue_put_msg(q, msg, SYSVMP_NOWAIT);

    if (result < 0)
        want(VICTIMS, number_of(sysvmp_msg_data(msg), sysvmp_msg_len(msg)),
            "what is still ours");
    return result;
}

/* The number, or a code; it is kept. */
static int
get_msg(int timeout_ms)
{
    int result = sysvmp_queue_get_msg(q, &msg, timeout_ms);

    return result < 0 ? result
                      : number_of(sysvmp_msg_data(msg), sysvmp_msg_len(msg));
}

static int
get_at_leisure(void)
{
    return get_msg(SYSVMP_FOREVER);
}

/*
 * To make one, and to destroy it.
 */

static void
look_at_all(const struct crash_end *end)
{
    drain();
    if (end->acknowledged)
        want(0, end->answer, "the victim's call");
    last_look();
}

static void
own_cases(void)
{
    static const struct crash_case makes = {"msg_create", create_empty, NULL,
        NULL, create_msg, NULL, look_at_all, ENDS};
    static const struct crash_case both = {"msg_create, msg_destroy",
        create_empty, NULL, NULL, create_and_destroy, NULL, look_at_all,
        STAYS};
    static const struct crash_case destroys = {"msg_destroy", create_empty,
        make, NULL, destroy_msg, NULL, look_at_all, STAYS};

    lengths[VICTIMS] = LONGEST;
    crash_run(&makes);
    crash_run(&both);
    crash_run(&destroys);
}

/*
 * To put it.
 */

static void
check_victims(const struct crash_end *end, int answer)
{
    if (end->acknowledged)
        want(answer, end->answer, "the victim's put_msg");
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
    look_alone(end);
}

static void
look_refused(const struct crash_end *end)
{
    drain();
    check_victims(end, -EAGAIN);
    want(0, got[VICTIMS], "the victim's message, of which there was no room");
    last_look();
}

/* One is in the kernel's queue, one in shared memory. */
static void
create_both(void)
{
    create_empty();
    want(0, put(FIRST, SYSVMP_NOWAIT), "put");
    want(0, put(FILLING, SYSVMP_NOWAIT), "put");
}

static void
look_behind(const struct crash_end *end)
{
    drain();
    check_victims(end, 0);
    want(FIRST, order[0], "the first that came");
    want(FILLING, order[1], "the second");
    last_look();
}

static void
take_when_asleep(void)
{
    victim_asleep_or_dead();
    want(FIRST, take(SYSVMP_NOWAIT), "the first message");
}

static void
put_cases(void)
{
    static const struct crash_case empty = {"put_msg", create_empty, make,
        NULL, put_at_leisure, NULL, look_alone, STAYS};
    static const struct crash_case ends = {"put_msg, and it ends",
        create_empty, make, NULL, put_at_leisure, NULL, look_alone, ENDS};
    static const struct crash_case bounded = {"put_msg, bounded queue",
        create_bounded, make, NULL, put_at_leisure, NULL, look_alone, STAYS};
    static const struct crash_case behind = {"put_msg behind others",
        create_both, make, NULL, put_at_leisure, NULL, look_behind, STAYS};
    static const struct crash_case waited = {"put_msg, somebody waits",
        create_empty, make, let_peer_get, put_at_leisure, NULL,
        look_with_getter, STAYS};
    static const struct crash_case full = {"put_msg, it is full",
        create_bounded_full, make, NULL, put_at_leisure, take_when_asleep,
        look_alone, STAYS};
    static const struct crash_case refused = {
        "put_msg without waiting, it is full", create_bounded_full, make,
        NULL, put_at_once, NULL, look_refused, STAYS};

    lengths[VICTIMS] = lengths[FILLING] = LONGEST;
    crash_run(&empty);
    crash_run(&ends);
    crash_run(&bounded);
    crash_run(&behind);
    crash_run(&waited);
    crash_run(&full);
    crash_run(&refused);
    lengths[VICTIMS] = 0;
    crash_run(&empty);
}

/*
 * To get one.
 */

static void
create_with_two(void)
{
    create_bounded();
    want(0, put(FIRST, SYSVMP_NOWAIT), "put");
    want(0, put(FILLING, SYSVMP_NOWAIT), "put");
}

static void
look_for_rest(const struct crash_end *end)
{
    drain();
    if (end->acknowledged) {
        want(FIRST, end->answer, "the victim's get_msg");
        want(0, got[FIRST], "its message comes again");
    } else if (got[FIRST] > 1) {
        wrong("the first message came %d times", got[FIRST]);
    }
    want(1, got[FILLING], "the message that the victim did not want");
    last_look();
}

static void
look_with_putter(const struct crash_end *end)
{
    if (end->acknowledged)
        want(FIRST, end->answer, "the victim's get_msg");
    peer_has_put();
    drain();
    want(1, got[PEERS], "the peer's message came");
    last_look();
}

static void
put_for_two(void)
{
    victim_asleep_or_dead();
    let_peer_get();
    want(0, put(FIRST, SYSVMP_NOWAIT), "put");
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
        want(FIRST, end->answer, "the victim's get_msg");
    last_look();
}

/* The case's queue has a large one, or a short one, in the kernel's queue or
 * not. */
static void
get_cases(void)
{
    static const struct crash_case there = {"get_msg of a large message",
        create_with_two, NULL, NULL, get_at_leisure, NULL, look_for_rest,
        STAYS};
    static const struct crash_case ends = {
        "get_msg of a large message, and it ends", create_with_two, NULL,
        NULL, get_at_leisure, NULL, look_for_rest, ENDS};
    static const struct crash_case waited = {
        "get_msg of a large message, a sender waits", create_bounded_full,
        NULL, let_peer_put, get_at_leisure, NULL, look_with_putter, STAYS};
    static const struct crash_case empty = {
        "get_msg of a large message, empty, and another waits", create_empty,
        NULL, NULL, get_at_leisure, put_for_two, look_at_both, STAYS};
    static const struct crash_case listed = {"get_msg of a short message",
        create_with_two, NULL, NULL, get_at_leisure, NULL, look_for_rest,
        STAYS};
    static const struct crash_case kernels = {
        "get_msg from the kernel's queue", create_both, NULL, NULL,
        get_at_leisure, NULL, look_for_rest, STAYS};

    lengths[FIRST] = LONGEST;
    crash_run(&there);
    crash_run(&ends);
    crash_run(&waited);
    crash_run(&empty);
    lengths[FIRST] = 0;
    crash_run(&listed);
    crash_run(&kernels);
    crash_run(&empty);
}

/*
 * The next one is killed, too.
 */

static int
heir_puts(void)
{
    lengths[VICTIMS] = 0;
    must(sysvmp_msg_create(&msg, LONGEST), "msg_create");
    (void)make_message(sysvmp_msg_data(msg), PEERS);
    return sysvmp_queue_put_msg(q, msg, SYSVMP_NOWAIT) == 0 ? PEERS : 0;
}

static void
look_after_put(const struct crash_end *end)
{
    int number = heir_number();

    drain();
    check_victims(end, 0);
    if (got[PEERS] > 1 || (number == PEERS && got[PEERS] != 1))
        wrong("the heir's message came %d times", got[PEERS]);
    last_look();
}

static int
heir_gets(void)
{
    int number = get_msg(SYSVMP_NOWAIT);

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
    static const struct crash_case puts = {"put_msg", create_bounded, make,
        NULL, put_at_leisure, NULL, look_after_put, STAYS};
    static const struct crash_case gets = {"get_msg", create_with_two, NULL,
        NULL, get_at_leisure, NULL, look_after_get, STAYS};

    lengths[FIRST] = lengths[VICTIMS] = lengths[PEERS] = LONGEST;
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

static void
put_beside_and_for_it(void)
{
    want(0, put(FIRST, CRASH_BOUND_MS), "a put beside it");
    peer_is_back(waiter);
    want(0, put(FIRST, CRASH_BOUND_MS), "a put for it");
}

static void
stopped_cases(void)
{
    static const struct crash_case puts = {"put_msg, somebody waits",
        create_empty, make, let_peer_get, put_at_leisure, NULL,
        look_with_getter, STAYS};
    static const struct crash_case gets = {
        "get_msg of a large message, empty, and another waits", create_empty,
        NULL, NULL, get_at_leisure, put_for_two, look_at_both, STAYS};

    lengths[VICTIMS] = lengths[FIRST] = LONGEST;
    crash_run_stopped(&puts, put_beside);
    crash_run_stopped(&gets, put_beside_and_for_it);
    lengths[VICTIMS] = lengths[FIRST] = 0;
}

int
main(void)
{
    plan(3 + 8 + 7 + 2 + 2);
    own_cases();
    put_cases();
    get_cases();
    heir_cases();
    stopped_cases();
    return done();
}
