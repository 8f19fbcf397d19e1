/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crash-fileno.c: a process killed at each point of a call on a queue of
 * which others wait in poll(2), without a timeout: of a put, a get, the last
 * sender's close; also as one of two threads, and with one of those who wait
 * killed when it was told.  Nobody sleeps over a message or the end of file;
 * for each kill they are told once too often at most.
 */
#include <config.h>

#include "crash-queue.h"
#include "files.h"

enum { END = 200, ITEMS = 3 };

/* How often somebody was told, and there was nothing; in this round. */
static _Atomic int *in_vain;

static int
ready(void)
{
    return readiness(sysvmp_queue_fileno(q), 0);
}

static void
create_told(unsigned flags)
{
    limit = 0;
    if (!in_vain)
        in_vain = shared(sizeof(*in_vain));
    atomic_store(in_vain, 0);
    create(flags | SYSVMP_FILENO);
}

static void
create_empty_told(void)
{
    create_told(0);
}

static void
create_with_one(void)
{
    create_told(0);
    want(0, put(FIRST, SYSVMP_NOWAIT), "put");
}

static void
create_with_two(void)
{
    create_with_one();
    want(0, put(FILLING, SYSVMP_NOWAIT), "put");
}

/* Peers wait by poll(2) alone. */
static int
poll_and_get(void)
{
    int number;

    for (;;) {
        readiness(sysvmp_queue_fileno(q), -1);
        number = get(SYSVMP_NOWAIT);
        if (number != -EAGAIN)
            return number > 0 ? number : number == -EPIPE ? END : 250;
        atomic_fetch_add(in_vain, 1);
    }
}

static void
let_peer_poll(void)
{
    waiter = sleeping_peer(poll_and_get);
}

/* A byte that is too many is gone when somebody has come to see. */
static void
look_when_quiet(void)
{
    want(0, ready(), "readiness of the empty queue");
    if (atomic_load(in_vain) > 1)
        wrong("told in vain %d times", atomic_load(in_vain));
    last_look();
}

/* Takes all; before each there is readiness. */
static void
drain_when_told(void)
{
    int number;

    do {
        if (sysvmp_queue_qsize(q) > 0)
            want(POLLIN, ready(), "readiness with a message there");
        else if (ready() != 0)
            atomic_fetch_add(in_vain, 1);
        number = take(SYSVMP_NOWAIT);
    } while (number > 0);
    want(-EAGAIN, number, "a get from the empty queue");
}

static void
look_at_victims(const struct crash_end *end)
{
    drain_when_told();
    if (end->acknowledged)
        want(0, end->answer, "the victim's put");
    if (got[VICTIMS] > 1 || (end->acknowledged && got[VICTIMS] != 1))
        wrong("the victim's message came %d times", got[VICTIMS]);
    look_when_quiet();
}

/* If there is a message the peer ends by itself, else it is given one. */
static void
look_with_peer(const struct crash_end *end)
{
    peer_got();
    look_at_victims(end);
}

/*
 * To put.
 */

static int
put_one(void)
{
    return put(VICTIMS, SYSVMP_FOREVER);
}

static int
put_in_place(void)
{
    struct message message;
    struct sysvmp_msg *m;

    must(sysvmp_msg_create(&m, make_message(&message, VICTIMS)), "create");
    memcpy(sysvmp_msg_data(m), &message, sysvmp_msg_len(m));
    return sysvmp_queue_put_msg(q, m, SYSVMP_FOREVER);
}

/* The first is the victim's, the others need not come. */
static int
put_many(void)
{
    static struct message message[ITEMS];
    struct sysvmp_item items[ITEMS];

    for (int i = 0; i < ITEMS; i++)
        items[i] = (struct sysvmp_item){.data = &message[i],
            .len = make_message(&message[i], i == 0 ? VICTIMS : FILLING)};
    return sysvmp_queue_put_many(q, items, ITEMS, SYSVMP_FOREVER) == ITEMS
        ? 0 : 1;
}

static void
die_putting(void)
{
    for (int i = 0; i < 3; i++)
        (void)reap(dying_peer(put_one, 1 + (crash_round() + i * 4) % 12));
    drain();
    got[VICTIMS] = 0;
}

/* Others have left what they did not come to. */
static void
create_leaky(void)
{
    create_empty_told();
    die_putting();
}

static void
put_cases(void)
{
    static const struct crash_case alone = {"put, nobody waits",
        create_empty_told, NULL, NULL, put_one, NULL, look_at_victims,
        STAYS};
    static const struct crash_case waited = {"put, somebody polls",
        create_empty_told, NULL, let_peer_poll, put_one, NULL,
        look_with_peer, STAYS};
    static const struct crash_case second = {"put of a second message",
        create_with_one, NULL, NULL, put_one, NULL, look_at_victims, STAYS};
    static const struct crash_case leaky = {
        "put, others died in it, somebody polls", create_leaky, NULL,
        let_peer_poll, put_one, NULL, look_with_peer, STAYS};
    static const struct crash_case in_place = {
        "put in place, somebody polls", create_empty_told, NULL,
        let_peer_poll, put_in_place, NULL, look_with_peer, STAYS};
    static const struct crash_case many = {"put_many, somebody polls",
        create_empty_told, NULL, let_peer_poll, put_many, NULL,
        look_with_peer, STAYS};

    crash_run(&alone);
    crash_run(&waited);
    crash_run(&second);
    crash_run(&leaky);
    crash_run(&in_place);
    crash_run(&many);
    lengths[VICTIMS] = LONGEST;
    crash_run(&waited);
    lengths[VICTIMS] = 0;
}

/*
 * To get.
 */

static int
get_one(void)
{
    return get(SYSVMP_NOWAIT);
}

static int
get_in_place(void)
{
    struct sysvmp_msg *m;
    int result = sysvmp_queue_get_msg(q, &m, SYSVMP_NOWAIT);

    sysvmp_msg_destroy(m);
    return result == 0 ? FIRST : result;
}

static int
get_many(void)
{
    static struct message message[ITEMS];
    struct sysvmp_item items[ITEMS];

    for (int i = 0; i < ITEMS; i++)
        items[i] = (struct sysvmp_item){.data = &message[i],
            .size = sizeof(message[i])};
    return sysvmp_queue_get_many(q, items, ITEMS, SYSVMP_NOWAIT) > 0
        ? FIRST : 0;
}

static int
get_from_empty(void)
{
    return get(SYSVMP_NOWAIT) == -EAGAIN &&
        sysvmp_queue_next_len(q) == -EAGAIN ? FIRST : 0;
}

/* What comes then is told to who waits then. */
static void
look_after_get(const struct crash_end *end)
{
    if (end->acknowledged)
        want(FIRST, end->answer, "the victim's get");
    drain_when_told();
    if (got[FIRST] > 1 || (end->acknowledged && got[FIRST] > 0))
        wrong("the first message came again");
    let_peer_poll();
    want(0, put(HELP, SYSVMP_NOWAIT), "put");
    want(HELP, peer_end(waiter), "the message of who waits then");
    look_when_quiet();
}

static void
get_cases(void)
{
    static const struct crash_case last = {"get of the last one",
        create_with_one, NULL, NULL, get_one, NULL, look_after_get, STAYS};
    static const struct crash_case first = {"get of one of two",
        create_with_two, NULL, NULL, get_one, NULL, look_after_get, STAYS};
    static const struct crash_case in_place = {"get of the last in place",
        create_with_one, NULL, NULL, get_in_place, NULL, look_after_get,
        STAYS};
    static const struct crash_case many = {"get_many of all",
        create_with_two, NULL, NULL, get_many, NULL, look_after_get, STAYS};
    static const struct crash_case nothing = {
        "get where others died in a put", create_leaky, NULL, NULL,
        get_from_empty, NULL, look_after_get, STAYS};

    crash_run(&last);
    crash_run(&first);
    crash_run(&in_place);
    crash_run(&many);
    crash_run(&nothing);
    lengths[FIRST] = LONGEST;
    crash_run(&last);
    lengths[FIRST] = 0;
    lengths[FIRST] = lengths[FILLING] = SYSVMP_INLINE_MAX;
    crash_run(&many);
    lengths[FIRST] = lengths[FILLING] = 0;
}

/*
 * The last sender's end.
 */

static pid_t second;

static int
close_and_poll(void)
{
    want(0, sysvmp_queue_close(q), "close");
    return poll_and_get();
}

static void
create_with_end(void)
{
    create_told(SYSVMP_EOF);
}

static void
let_two_poll(void)
{
    waiter = sleeping_peer(close_and_poll);
    second = sleeping_peer(close_and_poll);
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

static int
leave(void)
{
    return sysvmp_leave();
}

static void
look_at_end(const struct crash_end *end)
{
    if (end->acknowledged)
        want(0, end->answer, "the victim's end");
    want(END, peer_end(waiter), "end of file");
    want(END, peer_end(second), "end of file for the other");
    want(POLLHUP, readiness(sysvmp_queue_fileno(q), CRASH_BOUND_MS),
        "readiness at the end of file");
    want(-EPIPE, get(SYSVMP_NOWAIT), "end of file for us");
    want(0, atomic_load(in_vain), "told in vain of the end of file");
    sysvmp_queue_destroy(q);
}

static void
end_cases(void)
{
    static const struct crash_case close = {"close, others poll",
        create_with_end, NULL, let_two_poll, close_queue, NULL, look_at_end,
        STAYS};
    static const struct crash_case destroy = {"destroy, others poll",
        create_with_end, NULL, let_two_poll, destroy_queue, NULL,
        look_at_end, STAYS};
    static const struct crash_case leaves = {"leave, others poll",
        create_with_end, NULL, let_two_poll, leave, NULL, look_at_end,
        STAYS};

    crash_run(&close);
    crash_run(&destroy);
    crash_run(&leaves);
}

/*
 * Two threads of the victim, and who else was told.
 */

static void
create_for_both(void)
{
    if (!totals)
        totals = shared(sizeof(*totals));
    atomic_store(&totals->put, 0);
    atomic_store(&totals->got, 0);
    create_told(0);
}

/* Told in vain by what others took meanwhile. */
static void
look_at_both(const struct crash_end *end)
{
    int missing;

    (void)end;
    peer_got();
    atomic_store(in_vain, 0);
    drain_when_told();
    missing = atomic_load(&totals->put) - atomic_load(&totals->got) -
        got[FILLING];
    if (missing < -2 || missing > 2)
        wrong("%d messages are missing", missing);
    look_when_quiet();
}

static void
let_heir_poll(void)
{
    sleeping_heir(poll_and_get);
    let_peer_poll();
}

/* Both are told of each message, and one of them gets it. */
static void
look_after_pollers(const struct crash_end *end)
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
    atomic_store(in_vain, 0);
    drain_when_told();
    if (got[VICTIMS] > 1 || got[HELP] > 2)
        wrong("a message came twice");
    if (got[VICTIMS] + got[HELP] + lost < 2 + end->acknowledged)
        wrong("%d and %d messages came", got[VICTIMS], got[HELP]);
    look_when_quiet();
}

static void
cases_of_two(void)
{
    static const struct crash_case both = {"put and get, another polls",
        create_for_both, NULL, let_peer_poll, put_and_get_often, NULL,
        look_at_both, ENDS};
    static const struct crash_case waited = {"put, two poll",
        create_empty_told, NULL, let_heir_poll, put_one, NULL,
        look_after_pollers, STAYS};

    crash_run_beside_loop(&both, put_and_get);
    crash_run_heir(&waited, NULL);
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

/* Somebody else may have taken what the peer was told of. */
static void
look_after_stop(const struct crash_end *end)
{
    want(0, end->answer, "the victim's put");
    peer_got();
    drain_when_told();
    want(1, got[VICTIMS], "the victim's message came");
    atomic_store(in_vain, 0);
    look_when_quiet();
}

static void
stopped_cases(void)
{
    static const struct crash_case puts = {"put, somebody polls",
        create_empty_told, NULL, let_peer_poll, put_one, NULL,
        look_after_stop, STAYS};
    static const struct crash_case closes = {"close, others poll",
        create_with_end, NULL, let_two_poll, close_queue, NULL, look_at_end,
        STAYS};

    crash_run_stopped(&puts, put_beside);
    crash_run_stopped(&closes, NULL);
}

int
main(void)
{
    plan(7 + 7 + 3 + 2 + 2);
    put_cases();
    get_cases();
    end_cases();
    cases_of_two();
    stopped_cases();
    return done();
}
