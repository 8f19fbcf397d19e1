/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crash-joinable.c: a process killed at each point of what it does with a
 * joinable queue, alone, beside a thread, and with the first one to look
 * after it killed, too.  No message is lost, and none comes again that was
 * said to be done; what comes again is redelivered; who joins is told when
 * all is done, and not before; no memory is left.
 */
#include <config.h>

#include "internal.h"

#include "arena.h"
#include "crash-queue.h"
#include "heap.h"
#include "memory.h"

#include <string.h>
#include <unistd.h>

enum {
    SECOND = 5,
    SIZE = 10000, /* of a large message */
    JOINERS = 3,
    BATCH = 3,
    KEPT_UNITS = 8 /* by an empty list: a chunk, and a spare one */
};

static int large; /* are they all? */
static int again[128]; /* how often each number came redelivered */
static pid_t joiners[JOINERS];
static struct sysvmp_msg *message;
static char bytes[SIZE];

static size_t
size(void)
{
    return large ? SIZE : sizeof(int);
}

static int
put_one(int number, int timeout_ms)
{
    memcpy(bytes, &number, sizeof(number));
    return sysvmp_queue_put(q, bytes, size(), timeout_ms);
}

/* The number, or a code. */
static int
get_one(int timeout_ms)
{
    int number;
    ssize_t len = sysvmp_queue_get(q, bytes, size(), timeout_ms);

    if (len < 0)
        return (int)len;
    memcpy(&number, bytes, sizeof(number));
    if (len == (ssize_t)size() && number > 0 && number < 128)
        return number;
    wrong("a message that nobody sent: %zd bytes, %d", len, number);
    return -EBADMSG;
}

static int
get_at_leisure(void)
{
    return get_one(SYSVMP_FOREVER);
}

static void
create_joinable(unsigned flags)
{
    limit = 0;
    large = 0;
    create(SYSVMP_JOINABLE | flags);
    memset(again, 0, sizeof(again));
    message = NULL;
}

static void
create_joinable_empty(void)
{
    create_joinable(0);
}

static void
create_with_two(void)
{
    create_joinable(0);
    want(0, put_one(FIRST, SYSVMP_NOWAIT), "put");
    want(0, put_one(SECOND, SYSVMP_NOWAIT), "put");
}

static void
create_with_two_large(void)
{
    create_joinable(0);
    large = 1;
    want(0, put_one(FIRST, SYSVMP_NOWAIT), "put");
    want(0, put_one(SECOND, SYSVMP_NOWAIT), "put");
}

static void
create_with_one(void)
{
    create_joinable(0);
    want(0, put_one(FIRST, SYSVMP_NOWAIT), "put");
}

static void
get_first(void)
{
    want(FIRST, get_one(SYSVMP_NOWAIT), "the first");
}

static int
done_at_last(void)
{
    return sysvmp_queue_task_done(q);
}

static int
give_back(void)
{
    return sysvmp_queue_task_return(q);
}

/*
 * What must be true afterwards.
 */

static void
memory_is_free(uint32_t most)
{
    uint32_t used, all;

    memory_sweep(arena_current);
    heap_state(arena_current, &used, &all);
    if (used > most)
        wrong("%u pages are in use", used);
}

/* Takes all there is, and has done it; join tells when that is so. */
static void
do_all(void)
{
    int number;

    while ((number = get_one(SYSVMP_NOWAIT)) > 0) {
        got[number]++;
        again[number] += sysvmp_queue_redelivered(q);
        want(-EAGAIN, sysvmp_queue_join(q, SYSVMP_NOWAIT),
            "join, and one is not done");
        want(0, sysvmp_queue_task_done(q), "task_done");
    }
    want(-EAGAIN, number, "a get from the empty queue");
    want(0, sysvmp_queue_qsize(q), "messages at the end");
}

/* The victim lives and has n claims, or 0. */
static void
last_look_but(int n)
{
    if (n > 0)
        want(-EAGAIN, sysvmp_queue_join(q, SYSVMP_NOWAIT),
            "join, while the victim has some");
    else
        want(0, sysvmp_queue_join(q, CRASH_BOUND_MS), "join");
    memory_is_free(KEPT_UNITS + (uint32_t)n * (large ? 3 : 2));
    sysvmp_queue_destroy(q);
}

/* It came at most once, and then, if it was taken before, redelivered. */
static void
want_again(int number, int times)
{
    want(times, got[number], "how often it came");
    want(times, again[number], "... redelivered");
}

/*
 * One takes.
 */

/* It lives on, with what it has got. */
static void
look_at_taker(const struct crash_end *end)
{
    do_all();
    if (end->acknowledged)
        want(FIRST, end->answer, "the victim's get");
    want(!end->acknowledged, got[FIRST], "the first came");
    want(1, got[SECOND], "the second came");
    want(0, again[SECOND], "... redelivered");
    last_look_but(end->acknowledged);
}

/* It has ended in any case. */
static void
look_at_dead_taker(const struct crash_end *end)
{
    do_all();
    want(1, got[FIRST], "the first came");
    if (end->acknowledged)
        want(1, again[FIRST], "... redelivered");
    want(1, got[SECOND], "the second came");
    last_look_but(0);
}

static int
get_several(void)
{
    int numbers[BATCH];
    struct sysvmp_item items[BATCH];

    for (int i = 0; i < BATCH; i++)
        items[i] = (struct sysvmp_item){.data = &numbers[i],
            .size = sizeof(numbers[i])};
    return (int)sysvmp_queue_get_many(q, items, BATCH, SYSVMP_FOREVER);
}

static void
look_at_taker_of_two(const struct crash_end *end)
{
    do_all();
    if (end->acknowledged)
        want(2, end->answer, "the victim's get_many");
    want(!end->acknowledged, got[FIRST], "the first came");
    want(!end->acknowledged, got[SECOND], "the second came");
    last_look_but(end->acknowledged ? 2 : 0);
}

static int
get_in_place(void)
{
    return sysvmp_queue_get_msg(q, &message, SYSVMP_FOREVER) == 0 ? FIRST
                                                                  : -1;
}

/* A peer sleeps, and is to have what the victim does not get. */

static int
peer_does(void)
{
    int number = get_one(SYSVMP_FOREVER);

    if (number == -EPIPE)
        return 200;
    number += number > 0 && sysvmp_queue_redelivered(q) ? FILLING : 0;
    return number > 0 && sysvmp_queue_task_done(q) == 0 ? number : 250;
}

static void
let_peer_do(void)
{
    waiter = sleeping_peer(peer_does);
}

static void
put_for_taker(void)
{
    victim_asleep_or_dead();
    let_peer_do();
    want(0, put_one(FIRST, SYSVMP_NOWAIT), "put");
}

/* The victim ends, and so the peer must come to its end without help. */
static void
look_at_peer(const struct crash_end *end)
{
    int number = peer_end(waiter);

    (void)end;
    if (number != FIRST && number != FIRST + FILLING)
        wrong("the peer's get: %d", number);
    do_all();
    want(0, got[FIRST], "it came again");
    last_look_but(0);
}

static void
take_cases(void)
{
    static const struct crash_case stays = {"get", create_with_two, NULL,
        NULL, get_at_leisure, NULL, look_at_taker, STAYS};
    static const struct crash_case ends = {"get, then the end",
        create_with_two, NULL, NULL, get_at_leisure, NULL,
        look_at_dead_taker, ENDS};
    static const struct crash_case big = {"get, large",
        create_with_two_large, NULL, NULL, get_at_leisure, NULL,
        look_at_taker, STAYS};
    static const struct crash_case many = {"get_many", create_with_two, NULL,
        NULL, get_several, NULL, look_at_taker_of_two, STAYS};
    static const struct crash_case in_place = {"get_msg", create_with_two,
        NULL, NULL, get_in_place, NULL, look_at_taker, STAYS};
    static const struct crash_case waits = {"get, empty, and another waits",
        create_joinable_empty, NULL, NULL, get_at_leisure, put_for_taker,
        look_at_peer, ENDS};

    crash_run(&stays);
    crash_run(&ends);
    crash_run(&big);
    crash_run(&many);
    crash_run(&in_place);
    crash_run(&waits);
}

/*
 * It is done, or given back.
 */

/* Done: who was told so sees it never again. */
static void
look_at_done(const struct crash_end *end)
{
    do_all();
    if (end->acknowledged)
        want(0, end->answer, "the victim's task_done");
    if (got[FIRST] > !end->acknowledged)
        wrong("the first came %d times", got[FIRST]);
    want(got[FIRST], again[FIRST], "... redelivered");
    want(1, got[SECOND], "the second came");
    last_look_but(0);
}

static int
done_in_place(void)
{
    return sysvmp_queue_task_done_msg(q, message);
}

static void
get_first_in_place(void)
{
    want(FIRST, get_in_place(), "get_msg");
}

static int
destroy_in_place(void)
{
    sysvmp_msg_destroy(message);
    return 0;
}

static int
destroy_handle(void)
{
    sysvmp_queue_destroy(q);
    return 0;
}

static void
look_at_returned(const struct crash_end *end)
{
    (void)end;
    do_all();
    want_again(FIRST, 1);
    want(1, got[SECOND], "the second came");
    want(0, again[SECOND], "... redelivered");
    last_look_but(0);
}

/* Some wait until all is done. */

static int
peer_joins(void)
{
    return -sysvmp_queue_join(q, SYSVMP_FOREVER);
}

static void
let_join(void)
{
    for (int i = 0; i < JOINERS; i++)
        joiners[i] = sleeping_peer(peer_joins);
}

/* Where it is done, they are told without help. */
static void
look_at_joiners(const struct crash_end *end)
{
    if (sysvmp_queue_qsize(q) > 0)
        do_all();
    if (got[FIRST] > !end->acknowledged)
        wrong("the first came %d times", got[FIRST]);
    want(got[FIRST], again[FIRST], "... redelivered");
    for (int i = 0; i < JOINERS; i++)
        want(0, peer_end(joiners[i]), "a join");
    last_look_but(0);
}

/* One waits for more, or for the end. */

static void
create_with_end(void)
{
    create_joinable(SYSVMP_EOF);
    want(0, put_one(FIRST, SYSVMP_NOWAIT), "put");
}

static void
get_and_close(void)
{
    get_first();
    want(0, sysvmp_queue_close(q), "close");
}

static int
peer_closes_and_does(void)
{
    want(0, sysvmp_queue_close(q), "close");
    return peer_does();
}

static void
let_peer_see_end(void)
{
    want(0, sysvmp_queue_close(q), "close");
    waiter = sleeping_peer(peer_closes_and_does);
}

static void
look_at_end(const struct crash_end *end)
{
    int seen = peer_end(waiter);

    if (seen != 200 && (end->acknowledged || seen != FIRST + FILLING))
        wrong("the peer's get: %d", seen);
    want(-EPIPE, get_one(SYSVMP_FOREVER), "end of file for us");
    last_look_but(0);
}

static void
look_at_peer_again(const struct crash_end *end)
{
    (void)end;
    want(FIRST + FILLING, peer_end(waiter), "the peer's get");
    do_all();
    want(0, got[FIRST], "it came again");
    last_look_but(0);
}

static void
end_cases(void)
{
    static const struct crash_case alone = {"task_done", create_with_two,
        get_first, NULL, done_at_last, NULL, look_at_done, STAYS};
    static const struct crash_case in_place = {"task_done_msg",
        create_with_two_large, get_first_in_place, NULL, done_in_place, NULL,
        look_at_done, STAYS};
    static const struct crash_case joined = {"task_done, and three join",
        create_with_one, get_first, let_join, done_at_last, NULL,
        look_at_joiners, STAYS};
    static const struct crash_case at_end = {
        "task_done, and one waits for the end", create_with_end,
        get_and_close, let_peer_see_end, done_at_last, NULL, look_at_end,
        STAYS};
    static const struct crash_case returned = {"task_return",
        create_with_two, get_first, NULL, give_back, NULL, look_at_returned,
        STAYS};
    static const struct crash_case waited = {
        "task_return, and another waits", create_with_one, get_first,
        let_peer_do, give_back, NULL, look_at_peer_again, STAYS};
    static const struct crash_case destroyed = {"msg_destroy",
        create_with_two_large, get_first_in_place, NULL, destroy_in_place,
        NULL, look_at_returned, STAYS};
    static const struct crash_case handle = {"destroy, and another waits",
        create_with_one, get_first, let_peer_do, destroy_handle, NULL,
        look_at_peer_again, STAYS};

    crash_run(&alone);
    crash_run(&in_place);
    crash_run(&joined);
    crash_run(&at_end);
    crash_run(&returned);
    crash_run(&waited);
    crash_run(&destroyed);
    crash_run(&handle);
}

/*
 * It puts, joins, or finds what another has left.
 */

static int
put_victims(void)
{
    return put_one(VICTIMS, SYSVMP_FOREVER);
}

static void
look_at_put(const struct crash_end *end)
{
    do_all();
    if (end->acknowledged)
        want(0, end->answer, "the victim's put");
    if (end->acknowledged ? got[VICTIMS] != 1 : got[VICTIMS] > 1)
        wrong("the victim's message came %d times", got[VICTIMS]);
    want(0, again[VICTIMS], "... redelivered");
    want(1, got[FIRST], "the first came");
    last_look_but(0);
}

/* As long as one is not done, all sleep; then all are told. */
static void
do_for_joiners(void)
{
    victim_asleep_or_dead();
    let_join();
    get_first();
    want(0, sysvmp_queue_task_done(q), "task_done");
}

static int
join(void)
{
    return sysvmp_queue_join(q, SYSVMP_FOREVER);
}

static void
look_at_join(const struct crash_end *end)
{
    if (end->acknowledged)
        want(0, end->answer, "the victim's join");
    for (int i = 0; i < JOINERS; i++)
        want(0, peer_end(joiners[i]), "a join");
    last_look_but(0);
}

/* Killed before: it has the first, or was about to do or return it. */

static int
take_and_die(void)
{
    get_first();
    return kill(getpid(), SIGKILL);
}

static void
create_after_death(void)
{
    create_with_two();
    want(-SIGKILL, peer_end(peer(take_and_die)), "who had the first");
}

static int
size_now(void)
{
    return (int)sysvmp_queue_qsize(q);
}

static void
look_after_death(const struct crash_end *end)
{
    do_all();
    want_again(FIRST, 1);
    want(1, got[SECOND], "the second came");
    if (end->acknowledged && end->answer == SECOND)
        wrong("the second came before the first");
    last_look_but(0);
}

static void
look_at_size(const struct crash_end *end)
{
    if (end->acknowledged)
        want(2, end->answer, "the victim's qsize");
    look_after_death(end);
}

static void
other_cases(void)
{
    static const struct crash_case puts = {"put", create_with_one, NULL,
        NULL, put_victims, NULL, look_at_put, STAYS};
    static const struct crash_case joins = {"join, and three more",
        create_with_one, NULL, NULL, join, do_for_joiners, look_at_join,
        STAYS};
    static const struct crash_case finds = {
        "get, after the death of a taker", create_after_death, NULL, NULL,
        get_at_leisure, NULL, look_after_death, ENDS};
    static const struct crash_case sizes = {
        "qsize, after the death of a taker", create_after_death, NULL, NULL,
        size_now, NULL, look_at_size, STAYS};

    crash_run(&puts);
    crash_run(&joins);
    crash_run(&finds);
    crash_run(&sizes);
}

/*
 * Beside another thread of the victim.
 */

static void
sleep_in_get(void)
{
    (void)get(SYSVMP_FOREVER);
}

static int
get_and_return(void)
{
    int error = put_one(FIRST, SYSVMP_FOREVER);

    if (error == 0)
        (void)get_one(SYSVMP_NOWAIT);
    (void)give_back();
    return error;
}

static void
look_at_maybe(const struct crash_end *end)
{
    do_all();
    if (end->acknowledged ? got[FIRST] != 1 : got[FIRST] > 1)
        wrong("the message came %d times", got[FIRST]);
    last_look_but(0);
}

static void
create_joinable_for_two(void)
{
    if (!totals)
        totals = shared(sizeof(*totals));
    atomic_store(&totals->put, 0);
    atomic_store(&totals->got, 0);
    create_joinable(0);
}

/* Each thread may take what the other has put. */
static void
put_and_do(void)
{
    int number = FILLING;
    ssize_t len;

    if (sysvmp_queue_put(q, &number, sizeof(number), SYSVMP_NOWAIT) == 0)
        atomic_fetch_add(&totals->put, 1);
    len = sysvmp_queue_get(q, &number, sizeof(number), SYSVMP_NOWAIT);
    if (len > 0 && sysvmp_queue_task_done(q) == 0)
        atomic_fetch_add(&totals->got, 1);
}

static int
put_and_do_often(void)
{
    for (int i = 0; i < ROUNDS; i++)
        put_and_do();
    return 0;
}

/* Each may have put one, and done one, more than it was told. */
static void
look_at_sum(const struct crash_end *end)
{
    int missing;

    (void)end;
    do_all();
    missing = atomic_load(&totals->put) - atomic_load(&totals->got) -
        got[FILLING];
    if (missing < -2 || missing > 2)
        wrong("%d messages are missing", missing);
    last_look_but(0);
}

static void
thread_cases(void)
{
    static const struct crash_case sleeps = {"put, get, return",
        create_joinable_empty, NULL, NULL, get_and_return, NULL,
        look_at_maybe, ENDS};
    static const struct crash_case busy = {"put, get, done, all the time",
        create_joinable_for_two, NULL, NULL, put_and_do_often, NULL,
        look_at_sum, ENDS};

    crash_run_beside_sleep(&sleeps, sleep_in_get);
    crash_run_beside_loop(&busy, put_and_do);
}

/*
 * The first one to come after it is killed, too.
 */

static int heir_does_it;

/* Takes and does one: its number, which is known if it is not killed. */
static int
heir_does(void)
{
    int number = get_one(SYSVMP_NOWAIT);

    if (number == -EAGAIN)
        return 0;
    return number > 0 && sysvmp_queue_task_done(q) == 0 ? number : 250;
}

static int
heir_puts(void)
{
    return put_one(PEERS, SYSVMP_NOWAIT) == 0 ? PEERS : 250;
}

static int
heir_returns(void)
{
    int number = get_one(SYSVMP_NOWAIT);

    if (number > 0)
        want(0, sysvmp_queue_task_return(q), "the heir's task_return");
    return 0;
}

static int
heir_looks(void)
{
    return sysvmp_queue_qsize(q) >= 0 ? 0 : 250;
}

/* The second is nobody's but the heir's. */
static void
look_after_done(const struct crash_end *end)
{
    int number = heir_number();
    int killed = heir_end() == -SIGKILL;

    do_all();
    if (heir_does_it)
        got[number]++;
    if (got[FIRST] > !end->acknowledged)
        wrong("the first came %d times", got[FIRST]);
    if (got[SECOND] > 1 || got[PEERS] > 1)
        wrong("a message came twice");
    if (got[SECOND] == 0 && !(heir_does_it && killed))
        wrong("the second is lost");
    if (number == PEERS && got[PEERS] == 0)
        wrong("the heir's is lost");
    last_look_but(0);
}

/* Nobody has done anything: all is there, or with an heir that says so. */
static void
look_for_all(const struct crash_end *end)
{
    int number = heir_number();
    int killed = heir_end() == -SIGKILL;

    (void)end;
    do_all();
    got[number]++;
    if (got[FIRST] > 1 || got[SECOND] > 1)
        wrong("a message came twice");
    if (got[FIRST] + got[SECOND] < 2 - killed)
        wrong("a message is lost: %d, %d", got[FIRST], got[SECOND]);
    last_look_but(0);
}

static void
look_for_both(const struct crash_end *end)
{
    (void)end;
    heir_number();
    heir_end();
    do_all();
    want(1, got[FIRST], "the first came");
    want(1, got[SECOND], "the second came");
    if (got[PEERS] > 1 || (heir_end() != -SIGKILL && heir_end() == PEERS &&
            got[PEERS] == 0))
        wrong("the heir's came %d times", got[PEERS]);
    last_look_but(0);
}

static void
heir_cases(void)
{
    static const struct crash_case gets = {"get", create_with_two, NULL,
        NULL, get_at_leisure, NULL, look_for_all, ENDS};
    static const struct crash_case gets_put = {"get", create_with_two, NULL,
        NULL, get_at_leisure, NULL, look_for_both, ENDS};
    static const struct crash_case does = {"task_done", create_with_two,
        get_first, NULL, done_at_last, NULL, look_after_done, ENDS};
    static const struct crash_case returns = {"task_return",
        create_with_two, get_first, NULL, give_back, NULL, look_for_both,
        ENDS};
    static const struct crash_case finds = {
        "get, after the death of a taker", create_after_death, NULL, NULL,
        get_at_leisure, NULL, look_for_both, ENDS};

    crash_run_heir(&does, heir_puts);
    crash_run_heir(&returns, heir_puts);
    crash_run_heir(&finds, heir_puts);
    heir_does_it = 1;
    crash_run_heir(&does, heir_does);
    if (!getenv("SYSVMP_CRASH_ALL")) {
        skip(4, "in the complete form alone");
        return;
    }
    crash_run_heir(&gets, heir_does);
    crash_run_heir(&gets_put, heir_puts);
    crash_run_heir(&returns, heir_returns);
    crash_run_heir(&finds, heir_looks);
}

/*
 * The victim is stopped, and others go on.
 */

static void
put_beside(void)
{
    want(0, put_one(SECOND, CRASH_BOUND_MS), "a put beside it");
    peer_is_back(waiter);
}

static void
put_beside_and_for_it(void)
{
    put_beside();
    want(0, put_one(SECOND, CRASH_BOUND_MS), "a put for it");
}

/* Each message came, and was done by somebody; who joined knows. */
static void
look_at_peer_after_stop(const struct crash_end *end)
{
    int number = peer_end(waiter) % FILLING;

    if (end->answer < 0)
        wrong("the victim's answer: %d", end->answer);
    if (number != FIRST && number != SECOND && number != VICTIMS)
        wrong("the peer's get: %d", number);
    do_all();
    last_look_but(0);
}

/* All is done: then those who join are back. */
static void
join_beside(void)
{
    if (sysvmp_queue_join(q, SYSVMP_NOWAIT) != 0)
        return;
    for (int i = 0; i < JOINERS; i++)
        peer_is_back(joiners[i]);
}

static void
stopped_cases(void)
{
    static const struct crash_case puts = {"put, and another waits",
        create_joinable_empty, NULL, let_peer_do, put_victims, NULL,
        look_at_peer_after_stop, STAYS};
    static const struct crash_case returned = {
        "task_return, and another waits", create_with_one, get_first,
        let_peer_do, give_back, NULL, look_at_peer_after_stop, STAYS};
    static const struct crash_case waits = {"get, empty, and another waits",
        create_joinable_empty, NULL, NULL, get_at_leisure, put_for_taker,
        look_at_peer_after_stop, ENDS};
    static const struct crash_case joined = {"task_done, and three join",
        create_with_one, get_first, let_join, done_at_last, NULL,
        look_at_joiners, STAYS};

    crash_run_stopped(&puts, put_beside);
    crash_run_stopped(&returned, put_beside);
    crash_run_stopped(&waits, put_beside_and_for_it);
    crash_run_stopped(&joined, join_beside);
}

int
main(void)
{
    plan(6 + 8 + 4 + 2 + 8 + 4);
    take_cases();
    end_cases();
    other_cases();
    thread_cases();
    heir_cases();
    stopped_cases();
    return done();
}
