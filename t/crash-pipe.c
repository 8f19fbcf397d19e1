/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crash-pipe.c: a process killed at each point of a send, recv, poll, close
 * or destroy of a pipe's end; also while another thread of it is inside a
 * call, and with the first who learns of it killed, too.  The other end learns
 * of it, asleep or not; nobody else's message is lost.
 */
#include <config.h>

#include "crash.h"
#include "sysvmp.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

enum { FIRST = 1, VICTIMS = 2, PEERS = 3, FILLING = 100 };
/* Four of these fill a pipe. */
enum { LARGE = 64 * 1024 };
/* What a peer ends with. */
enum { SAW_END = 200, SAW_OTHER = 250 };

static struct sysvmp_conn *reads, *writes; /* duplex: the two ends */
static pid_t waiter, second;

/* So that each waiter sleeps. */
__attribute__((__constructor__(101))) static void
never_spin(void)
{
    setenv("SYSVMP_SPIN_US", "0", 1);
}

static int
send_by(struct sysvmp_conn *conn, int number, int timeout_ms)
{
    return sysvmp_conn_send(conn, &number, sizeof(number), timeout_ms);
}

/* The number, or a code. */
static int
receive(int timeout_ms)
{
    static union {
        int number;
        char bytes[LARGE];
    } message;
    ssize_t len =
        sysvmp_conn_recv(reads, &message, sizeof(message), timeout_ms);

    if (len < 0)
        return (int)len;
    return len == sizeof(int) || len == LARGE ? message.number : -EBADMSG;
}

static void
create_pipe(unsigned flags)
{
    struct sysvmp_conn *end[2];

    must(sysvmp_pipe_create(end, flags), "pipe_create");
    reads = end[0];
    writes = end[1];
}

static void
create(void)
{
    create_pipe(SYSVMP_SIMPLEX);
}

static void
fill_by(struct sysvmp_conn *conn)
{
    static int message[LARGE / sizeof(int)];

    message[0] = FIRST;
    while (sysvmp_conn_send(conn, message, LARGE, SYSVMP_NOWAIT) == 0)
        message[0] = FILLING;
}

static void
create_full(void)
{
    create();
    fill_by(writes);
}

static void
destroy(void)
{
    sysvmp_conn_destroy(reads);
    sysvmp_conn_destroy(writes);
}

static void
close_reading(void)
{
    want(0, sysvmp_conn_close(reads), "close");
}

static void
close_writing(void)
{
    want(0, sysvmp_conn_close(writes), "close");
}

/* Peers that have one end only. */

static int
peer_receives(void)
{
    int number, next;

    close_writing();
    number = receive(SYSVMP_FOREVER);
    if (number == -EPIPE)
        return SAW_END;
    while ((next = receive(SYSVMP_FOREVER)) == FILLING)
        continue;
    return number > 0 && next == -EPIPE ? number : SAW_OTHER;
}

/* One message, and leaves the rest to others. */
static int
peer_receives_one(void)
{
    int number;

    close_writing();
    number = receive(SYSVMP_FOREVER);
    return number == -EPIPE ? SAW_END : number > 0 ? number : SAW_OTHER;
}

static int
peer_sends(void)
{
    static int message[LARGE / sizeof(int)] = {PEERS};
    int result;

    close_reading();
    do /* not so many go in at once */
        result = sysvmp_conn_send(writes, message, LARGE, SYSVMP_FOREVER);
    while (result == 0);
    return result == -EPIPE ? SAW_END : SAW_OTHER;
}

/*
 * Send, by the last who can.
 */

static int
send_one(void)
{
    return send_by(writes, VICTIMS, SYSVMP_FOREVER);
}

static void
let_receive(void)
{
    waiter = sleeping_peer(peer_receives);
    close_writing();
}

static void
look_received(const struct crash_end *end)
{
    int seen = peer_end(waiter);

    if (end->acknowledged) {
        want(0, end->answer, "the victim's send");
        want(VICTIMS, seen, "what the peer received before the end");
    } else if (seen != VICTIMS && seen != SAW_END) {
        wrong("the peer's recv: %d", seen);
    }
    want(-EPIPE, receive(SYSVMP_FOREVER), "end of file for us");
    destroy();
}

static void
receive_one(void)
{
    victim_asleep_or_dead();
    want(FIRST, receive(SYSVMP_NOWAIT), "the first message");
}

static void
look_drained(const struct crash_end *end)
{
    int number, victims = 0;

    while ((number = receive(CRASH_BOUND_MS)) > 0)
        victims += number == VICTIMS;
    want(-EPIPE, number, "end of file for us");
    if (end->acknowledged)
        want(0, end->answer, "the victim's send");
    if (end->acknowledged || victims > 1)
        want(1, victims, "how often its message came");
    destroy();
}

/* Nobody reads any more. */
static void
close_both_when_asleep(void)
{
    victim_asleep_or_dead();
    close_reading();
}

static void
look_unread(const struct crash_end *end)
{
    if (end->acknowledged)
        want(-EPIPE, end->answer, "the victim's send");
    want(SAW_END, peer_end(waiter), "the peer's send");
    want(-EPIPE, send_by(writes, FIRST, SYSVMP_FOREVER), "our send");
    destroy();
}

static void
let_send(void)
{
    waiter = sleeping_peer(peer_sends);
}

static void
send_cases(void)
{
    static const struct crash_case waited = {"send, somebody waits", create,
        NULL, let_receive, send_one, NULL, look_received, ENDS};
    static const struct crash_case full = {"send, full", create_full, NULL,
        close_writing, send_one, receive_one, look_drained, ENDS};
    static const struct crash_case unread = {
        "send, the last reader goes, and another waits", create_full,
        close_reading, let_send, send_one, close_both_when_asleep,
        look_unread, ENDS};

    crash_run(&waited);
    crash_run(&full);
    crash_run(&unread);
}

/*
 * Recv, by the last who can, and poll.
 */

static int
receive_at_leisure(void)
{
    return receive(SYSVMP_FOREVER);
}

static void
let_send_to_victim(void)
{
    let_send();
    close_reading();
}

static void
look_sent(const struct crash_end *end)
{
    if (end->acknowledged)
        want(FIRST, end->answer, "the victim's recv");
    want(SAW_END, peer_end(waiter), "the peer's send");
    want(-EPIPE, send_by(writes, FIRST, SYSVMP_FOREVER), "our send");
    destroy();
}

static int
poll(void)
{
    return sysvmp_conn_poll(reads, SYSVMP_FOREVER);
}

/* It closes nothing: that would wake the victim, which would then be the
 * second to sleep. */
static int
peer_gets(void)
{
    int number = receive(SYSVMP_FOREVER);

    return number > 0 ? number : SAW_OTHER;
}

static void
send_for_two(void)
{
    victim_asleep_or_dead();
    waiter = sleeping_peer(peer_gets);
    want(0, send_by(writes, FIRST, SYSVMP_NOWAIT), "send");
}

static void
look_polled(const struct crash_end *end)
{
    if (end->acknowledged)
        want(1, end->answer, "the victim's poll");
    want(FIRST, peer_end(waiter), "what the peer received");
    destroy();
}

static void
end_for_two(void)
{
    victim_asleep_or_dead();
    waiter = sleeping_peer(peer_receives_one);
    close_writing();
}

static void
look_polled_end(const struct crash_end *end)
{
    if (end->acknowledged)
        want(1, end->answer, "the victim's poll");
    want(SAW_END, peer_end(waiter), "what the peer saw");
    destroy();
}

static void
receive_cases(void)
{
    static const struct crash_case last = {"recv, a sender waits",
        create_full, NULL, let_send_to_victim, receive_at_leisure, NULL,
        look_sent, ENDS};
    static const struct crash_case polls = {"poll, and another waits",
        create, NULL, NULL, poll, send_for_two, look_polled, STAYS};
    static const struct crash_case polls_end = {
        "poll, the end of file comes, and another waits", create,
        close_writing, NULL, poll, end_for_two, look_polled_end, STAYS};

    crash_run(&last);
    crash_run(&polls);
    crash_run(&polls_end);
}

/*
 * Close and destroy: of an end of a duplex pipe, at whose other end one peer
 * waits for a message and another one for room.
 */

static int
other_end_receives(void)
{
    struct sysvmp_conn *mine = writes;
    char byte;

    want(0, sysvmp_conn_close(reads), "close");
    return sysvmp_conn_recv(mine, &byte, 1, SYSVMP_FOREVER) == -EPIPE
        ? SAW_END
        : SAW_OTHER;
}

static void
create_duplex(void)
{
    create_pipe(0);
    fill_by(writes);
}

static void
let_both_wait(void)
{
    waiter = sleeping_peer(peer_sends);
    second = sleeping_peer(other_end_receives);
    close_reading();
}

static int
close_end(void)
{
    return sysvmp_conn_close(reads);
}

static int
destroy_end(void)
{
    sysvmp_conn_destroy(reads);
    return 0;
}

static void
look_at_end(const struct crash_end *end)
{
    char byte;

    if (end->acknowledged)
        want(0, end->answer, "the victim's close");
    want(SAW_END, peer_end(waiter), "who waited to send");
    want(SAW_END, peer_end(second), "who waited to receive");
    want(-EPIPE, send_by(writes, 1, SYSVMP_FOREVER), "our send");
    want(-EPIPE, sysvmp_conn_recv(writes, &byte, 1, SYSVMP_FOREVER),
        "our recv");
    destroy();
}

static void
close_cases(void)
{
    static const struct crash_case closes = {"close, others wait",
        create_duplex, close_writing, let_both_wait, close_end, NULL,
        look_at_end, STAYS};
    static const struct crash_case destroys = {"destroy, others wait",
        create_duplex, close_writing, let_both_wait, destroy_end, NULL,
        look_at_end, STAYS};

    crash_run(&closes);
    crash_run(&destroys);
}

/*
 * Another thread of the victim is inside a call.
 */

static void
create_both_ways(void)
{
    create_pipe(0);
}

/* The end that the victim sends by, and that which it closes. */
static void
sleep_in_recv_of(struct sysvmp_conn *conn)
{
    char byte;

    (void)!sysvmp_conn_recv(conn, &byte, 1, SYSVMP_FOREVER);
}

static void
sleep_by_sender(void)
{
    sleep_in_recv_of(writes);
}

/* A close sends it home.  2: and then the peer, whose death would. */
static _Atomic int *at_home;

static void
sleep_by_receiver(void)
{
    sleep_in_recv_of(reads);
    atomic_store(at_home, 1);
}

static int
is_at_home(void *unused)
{
    (void)unused;
    return atomic_load(at_home);
}

static int
other_end_receives_and_stays(void)
{
    int result = other_end_receives();

    until(at_home, 2);
    return result;
}

static void
let_other_end_wait(void)
{
    atomic_store(at_home, 0);
    second = sleeping_peer(other_end_receives_and_stays);
    close_reading();
}

static void
look_at_end_and_thread(const struct crash_end *end)
{
    char byte;

    if (end->acknowledged && crash_round() == 0 &&
        !within_bound(is_at_home, NULL))
        wrong("the thread that slept in the closed end still does");
    atomic_store(at_home, 2);
    want(SAW_END, peer_end(second), "who waited to receive");
    want(-EPIPE, send_by(writes, 1, SYSVMP_FOREVER), "our send");
    want(-EPIPE, sysvmp_conn_recv(writes, &byte, 1, SYSVMP_FOREVER),
        "our recv");
    destroy();
}

static void
send_and_receive(void)
{
    (void)send_by(writes, FILLING, SYSVMP_NOWAIT);
    (void)receive(SYSVMP_NOWAIT);
}

static int
send_and_receive_often(void)
{
    for (int i = 0; i < 20; i++)
        send_and_receive();
    return 0;
}

/* Whatever came, the peer is told of the end; so are we. */
static void
look_for_end(const struct crash_end *end)
{
    int number, seen = peer_end(waiter);

    (void)end;
    if (seen != SAW_END && seen != FILLING)
        wrong("the peer's recv: %d", seen);
    while ((number = receive(CRASH_BOUND_MS)) == FILLING)
        continue;
    want(-EPIPE, number, "end of file for us");
    destroy();
}

static void
thread_cases(void)
{
    static const struct crash_case sends = {"send, somebody waits",
        create_both_ways, close_reading, let_receive, send_one, NULL,
        look_received, ENDS};
    static const struct crash_case closes = {"close, others wait",
        create_both_ways, close_writing, let_other_end_wait, close_end, NULL,
        look_at_end_and_thread, STAYS};
    static const struct crash_case both = {"send and recv, somebody waits",
        create, NULL, let_receive, send_and_receive_often, NULL,
        look_for_end, ENDS};

    crash_run_beside_sleep(&sends, sleep_by_sender);
    crash_run_beside_sleep(&closes, sleep_by_receiver);
    crash_run_beside_loop(&both, send_and_receive);
}

/*
 * The first who learns of it is killed, too.
 */

static void
let_heir_receive(void)
{
    sleeping_heir(peer_receives);
    let_receive();
}

/* The heir may have been killed with the message in hand. */
static void
look_received_by_two(const struct crash_end *end)
{
    int first = heir_end(), second_saw = peer_end(waiter);
    int seen = (first == VICTIMS) + (second_saw == VICTIMS);

    if (first != VICTIMS && first != SAW_END && first != -SIGKILL)
        wrong("the heir's recv: %d", first);
    if (second_saw != VICTIMS && second_saw != SAW_END)
        wrong("the peer's recv: %d", second_saw);
    if (seen > 1 || (end->acknowledged && seen + (first == -SIGKILL) == 0))
        wrong("the victim's message came %d times", seen);
    want(-EPIPE, receive(SYSVMP_FOREVER), "end of file for us");
    destroy();
}

static void
check_heir(void)
{
    int code = heir_end();

    if (code != -SIGKILL)
        want(SAW_END, code, "the heir's call");
}

static void
let_heir_send_to_victim(void)
{
    sleeping_heir(peer_sends);
    let_send_to_victim();
}

static void
look_sent_by_two(const struct crash_end *end)
{
    check_heir();
    look_sent(end);
}

static void
let_heir_send(void)
{
    sleeping_heir(peer_sends);
    let_both_wait();
}

static void
let_heir_wait(void)
{
    sleeping_heir(other_end_receives);
    let_both_wait();
}

static void
look_at_end_after_heir(const struct crash_end *end)
{
    check_heir();
    look_at_end(end);
}

static void
heir_cases(void)
{
    static const struct crash_case sends = {"send, two wait", create, NULL,
        let_heir_receive, send_one, NULL, look_received_by_two, ENDS};
    static const struct crash_case receives = {"recv, two senders wait",
        create_full, NULL, let_heir_send_to_victim, receive_at_leisure, NULL,
        look_sent_by_two, ENDS};
    static const struct crash_case closes = {"close, two wait to receive",
        create_duplex, close_writing, let_heir_wait, close_end, NULL,
        look_at_end_after_heir, STAYS};
    static const struct crash_case leaves = {"close, two wait to send",
        create_duplex, close_writing, let_heir_send, close_end, NULL,
        look_at_end_after_heir, STAYS};

    crash_run_heir(&sends, NULL);
    crash_run_heir(&receives, NULL);
    crash_run_heir(&closes, NULL);
    crash_run_heir(&leaves, NULL);
}

/*
 * The victim is stopped, and others go on.
 */

static int
peer_sends_one(void)
{
    return send_by(writes, PEERS, SYSVMP_FOREVER) == 0 ? 0 : SAW_OTHER;
}

static void
let_get(void)
{
    waiter = sleeping_peer(peer_gets);
}

static void
let_send_one(void)
{
    waiter = sleeping_peer(peer_sends_one);
}

static void
send_beside(void)
{
    want(0, send_by(writes, FIRST, CRASH_BOUND_MS), "a send beside it");
    peer_is_back(waiter);
}

/* What makes room for one. */
static void
receive_beside(void)
{
    if (receive(SYSVMP_NOWAIT) <= 0)
        wrong("nothing is there");
    peer_is_back(waiter);
}

/* The peer has one of both, we the other. */
static void
look_sent_after_stop(const struct crash_end *end)
{
    int seen = peer_end(waiter), rest;

    want(0, end->answer, "the victim's send");
    rest = receive(SYSVMP_NOWAIT);
    while (rest > 0 && rest != VICTIMS && seen != VICTIMS)
        rest = receive(SYSVMP_NOWAIT);
    want(1, (seen == VICTIMS) + (rest == VICTIMS),
        "the victim's message came");
    destroy();
}

static void
look_received_after_stop(const struct crash_end *end)
{
    int number, peers = end->answer == PEERS;

    if (end->answer <= 0)
        wrong("the victim's recv: %d", end->answer);
    want(0, peer_end(waiter), "the peer's send");
    while ((number = receive(SYSVMP_NOWAIT)) > 0)
        peers += number == PEERS;
    want(1, peers, "the peer's message came");
    destroy();
}

static void
stopped_cases(void)
{
    static const struct crash_case sends = {"send, somebody waits", create,
        NULL, let_get, send_one, NULL, look_sent_after_stop, STAYS};
    static const struct crash_case receives = {"recv, a sender waits",
        create_full, NULL, let_send_one, receive_at_leisure, NULL,
        look_received_after_stop, STAYS};
    static const struct crash_case polls = {"poll, and another waits",
        create, NULL, NULL, poll, send_for_two, look_polled, STAYS};

    crash_run_stopped(&sends, send_beside);
    crash_run_stopped(&receives, receive_beside);
    crash_run_stopped(&polls, send_beside);
}

int
main(void)
{
    plan(8 + 3 + 4 + 3);
    at_home = shared(sizeof(*at_home));
    send_cases();
    receive_cases();
    close_cases();
    thread_cases();
    heir_cases();
    stopped_cases();
    return done();
}
