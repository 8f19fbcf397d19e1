/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crash-wait.c: somebody sleeps in sysvmp_wait() over a pipe, a queue and an
 * event, whose semaphores are in another set than the home block's, while a
 * sender, setter, closer, leaver, taker or another one who waits is killed at
 * each point of that; also with another watcher killed as it wakes up.  It
 * sees what there is to see, and sleeps for what is not there.
 */
#include <config.h>

#include "crash.h"
#include "sysvmp.h"

#include <errno.h>
#include <stdlib.h>

enum { VICTIMS = 1, OURS = 2, LARGE = 64 * 1024 };
/* What a peer ends with. */
enum { SAW_SET = 150, SAW_END = 200, SAW_OTHER = 250, RUNS_WILD = 251 };
/* More objects than a semaphore set has room for. */
enum { FILLERS = 20 };

static struct sysvmp_event *filler[FILLERS], *e;
static struct sysvmp_conn *reads, *writes;
static struct sysvmp_queue *q;
static unsigned queue_flags;
static pid_t watcher;

/* So that each waiter sleeps. */
__attribute__((__constructor__(101))) static void
never_spin(void)
{
    setenv("SYSVMP_SPIN_US", "0", 1);
}

static void
create_with(unsigned flags)
{
    struct sysvmp_conn *end[2];

    queue_flags = flags;
    for (int i = 0; i < FILLERS; i++)
        must(sysvmp_event_create(&filler[i]), "event_create");
    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
    must(sysvmp_queue_create(&q, 0, flags), "queue_create");
    must(sysvmp_event_create(&e), "event_create");
    reads = end[0];
    writes = end[1];
}

static void
create(void)
{
    create_with(SYSVMP_EOF);
}

static void
destroy(void)
{
    for (int i = 0; i < FILLERS; i++)
        sysvmp_event_destroy(filler[i]);
    sysvmp_conn_destroy(reads);
    sysvmp_conn_destroy(writes);
    sysvmp_queue_destroy(q);
    sysvmp_event_destroy(e);
}

static void
close_writing(void)
{
    want(0, sysvmp_conn_close(writes), "close");
    want(0, sysvmp_queue_close(q), "close");
}

static int
send_number(int number)
{
    return sysvmp_conn_send(writes, &number, sizeof(number), SYSVMP_FOREVER);
}

static int
put_number(int number)
{
    return sysvmp_queue_put(q, &number, sizeof(number), SYSVMP_FOREVER);
}

/* What is there in it: a number, SAW_END, or 0. */
static int
seen_of(ssize_t len, int number)
{
    if (len == -EAGAIN)
        return 0;
    if (len == -EPIPE)
        return SAW_END;
    return len < (ssize_t)sizeof(number) || number <= 0 ? SAW_OTHER : number;
}

static int
receive(void)
{
    static int message[LARGE / sizeof(int)];
    ssize_t len =
        sysvmp_conn_recv(reads, message, sizeof(message), SYSVMP_NOWAIT);

    return seen_of(len, message[0]);
}

static int
get(int timeout_ms)
{
    int number = 0;
    ssize_t len = sysvmp_queue_get(q, &number, sizeof(number), timeout_ms);

    return seen_of(len == -ETIMEDOUT ? -EAGAIN : len, number);
}

/* Sleeps for what the bits say: 1 the pipe, 2 the queue, 4 the event.  Takes
 * it, or sleeps on if it is another's. */
static int
watch_some(unsigned which)
{
    struct sysvmp_waitable w[3] = {
        {.kind = SYSVMP_WAIT_CONN, .of.conn = reads},
        {.kind = SYSVMP_WAIT_QUEUE, .of.queue = q},
        {.kind = SYSVMP_WAIT_EVENT, .of.event = e}};

    for (int i = 0; i < 3; i++)
        if ((which & 1u << i) == 0) {
            w[i].kind = SYSVMP_WAIT_EVENT;
            w[i].of.event = filler[i];
        }
    for (int rounds = 0; rounds < 1000; rounds++) {
        int seen = 0, ready = sysvmp_wait(w, 3, SYSVMP_FOREVER);

        if (ready <= 0)
            return SAW_OTHER;
        if (w[0].ready && (which & 1))
            seen = receive();
        else if (w[1].ready && (which & 2))
            seen = get(SYSVMP_NOWAIT);
        else if (w[2].ready && (which & 4))
            seen = SAW_SET;
        else
            seen = SAW_OTHER;
        if (seen != 0)
            return seen;
    }
    return RUNS_WILD;
}

static int
watch_pipe(void)
{
    close_writing();
    return watch_some(1);
}

static int
watch_queue(void)
{
    close_writing();
    return watch_some(2);
}

static int
watch_event(void)
{
    return watch_some(4);
}

static void
let_watch(int (*fn)(void))
{
    watcher = sleeping_peer(fn);
    close_writing();
    if (!asleep(watcher)) /* our close woke it */
        wrong("a watcher does not sleep");
}

static void
let_watch_pipe(void)
{
    let_watch(watch_pipe);
}

static void
let_watch_queue(void)
{
    let_watch(watch_queue);
}

static void
let_watch_event(void)
{
    let_watch(watch_event);
}

/*
 * A message, from the last who can send one.
 */

static int
send_one(void)
{
    return send_number(VICTIMS);
}

static int
send_large(void)
{
    static int message[LARGE / sizeof(int)] = {VICTIMS};

    return sysvmp_conn_send(writes, message, sizeof(message), SYSVMP_FOREVER);
}

static int
put_one(void)
{
    return put_number(VICTIMS);
}

/* The message, if the victim says so; else it or the end. */
static void
look_sent(const struct crash_end *end)
{
    int seen = peer_end(watcher);

    (void)heir_end();
    if (end->acknowledged) {
        want(0, end->answer, "the victim's send");
        want(VICTIMS, seen, "what the watcher saw");
    } else if (seen != VICTIMS && seen != SAW_END) {
        wrong("the watcher saw %d", seen);
    }
    destroy();
}

static void
send_cases(void)
{
    static const struct crash_case sends = {"send, somebody waits for any",
        create, NULL, let_watch_pipe, send_one, NULL, look_sent, STAYS};
    static const struct crash_case large = {
        "send of a long one, somebody waits for any", create, NULL,
        let_watch_pipe, send_large, NULL, look_sent, STAYS};
    static const struct crash_case puts = {"put, somebody waits for any",
        create, NULL, let_watch_queue, put_one, NULL, look_sent, STAYS};

    crash_run(&sends);
    crash_run(&large);
    crash_run(&puts);
}

/*
 * The end of file, by the last who could send.
 */

static int
close_pipe(void)
{
    return sysvmp_conn_close(writes);
}

static int
destroy_pipe(void)
{
    sysvmp_conn_destroy(writes);
    return 0;
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
look_ended(const struct crash_end *end)
{
    if (end->acknowledged)
        want(0, end->answer, "the victim's answer");
    want(SAW_END, peer_end(watcher), "what the watcher saw");
    (void)heir_end();
    destroy();
}

static void
end_cases(void)
{
    static const struct crash_case closes = {"close, somebody waits for any",
        create, NULL, let_watch_pipe, close_pipe, NULL, look_ended, STAYS};
    static const struct crash_case destroys = {
        "destroy, somebody waits for any", create, NULL, let_watch_pipe,
        destroy_pipe, NULL, look_ended, STAYS};
    static const struct crash_case closes_queue = {
        "close of a queue, somebody waits for any", create, NULL,
        let_watch_queue, close_queue, NULL, look_ended, STAYS};
    static const struct crash_case destroys_queue = {
        "destroy of a queue, somebody waits for any", create, NULL,
        let_watch_queue, destroy_queue, NULL, look_ended, STAYS};
    static const struct crash_case leaves = {"leave, somebody waits for any",
        create, NULL, let_watch_pipe, leave, NULL, look_ended, STAYS};
    static const struct crash_case leaves_queue = {
        "leave, somebody waits for any, for a queue", create, NULL,
        let_watch_queue, leave, NULL, look_ended, STAYS};

    crash_run(&closes);
    crash_run(&destroys);
    crash_run(&closes_queue);
    crash_run(&destroys_queue);
    crash_run(&leaves);
    crash_run(&leaves_queue);
}

/*
 * An event.
 */

static int
set(void)
{
    return sysvmp_event_set(e);
}

static void
look_set(const struct crash_end *end)
{
    if (end->acknowledged)
        want(0, end->answer, "the victim's set");
    if (end->acknowledged)
        want(1, sysvmp_event_is_set(e), "it is set");
    if (sysvmp_event_is_set(e) == 0)
        want(0, sysvmp_event_set(e), "our set");
    want(SAW_SET, peer_end(watcher), "what the watcher saw");
    (void)heir_end();
    destroy();
}

static void
event_cases(void)
{
    static const struct crash_case sets = {"set, somebody waits for any",
        create, NULL, let_watch_event, set, NULL, look_set, STAYS};

    crash_run(&sets);
}

/*
 * The victim waits for any itself, and others do.
 */

static int
wait_for_pipe(void)
{
    struct sysvmp_waitable w = {.kind = SYSVMP_WAIT_CONN, .of.conn = reads};

    return sysvmp_wait(&w, 1, SYSVMP_FOREVER);
}

static int
wait_shortly(void)
{
    struct sysvmp_waitable w = {.kind = SYSVMP_WAIT_CONN, .of.conn = reads};

    return sysvmp_wait(&w, 1, 3);
}

/* It closes nothing: that would wake the victim once more. */
static int
watch_beside(void)
{
    return watch_some(1);
}

/* The watcher takes the first, maybe before the victim looks. */
static void
send_to_both(void)
{
    victim_asleep_or_dead();
    watcher = sleeping_peer(watch_beside);
    want(0, send_number(OURS), "our send");
    want(OURS, peer_end(watcher), "what the watcher saw");
    want(0, send_number(OURS), "our second send");
}

static void
look_both(const struct crash_end *end)
{
    if (end->acknowledged && end->answer != 1 && end->answer != 0)
        wrong("the victim's wait: %d", end->answer);
    (void)heir_end();
    destroy();
}

static void
wait_cases(void)
{
    static const struct crash_case waits = {
        "wait for any, and another does", create, NULL, NULL, wait_for_pipe,
        send_to_both, look_both, STAYS};
    static const struct crash_case times_out = {
        "wait for any that times out, and another goes on", create, NULL,
        NULL, wait_shortly, send_to_both, look_both, STAYS};

    crash_run(&waits);
    crash_run(&times_out);
}

/*
 * The victim takes what the watcher waits for.
 */

static int
get_one(void)
{
    return get(CRASH_BOUND_MS);
}

static void
put_two(void)
{
    victim_asleep_or_dead();
    watcher = sleeping_peer(watch_queue);
    want(0, put_number(OURS), "our put");
    want(0, put_number(OURS), "our put");
}

static void
look_taken(const struct crash_end *end)
{
    if (end->acknowledged)
        want(OURS, end->answer, "what the victim got");
    want(OURS, peer_end(watcher), "what the watcher got");
    destroy();
}

/* From a joinable one, the last message there is. */
static void
create_joinable(void)
{
    create_with(SYSVMP_EOF | SYSVMP_JOINABLE);
    must(put_number(OURS), "put");
}

static void
take(void)
{
    close_writing();
    must(get(0) == OURS ? 0 : -1, "get");
}

static int
is_done(void)
{
    return sysvmp_queue_task_done(q);
}

static int
give_back(void)
{
    return sysvmp_queue_task_return(q);
}

static void
look_done(const struct crash_end *end)
{
    int seen = peer_end(watcher);

    if (end->acknowledged)
        want(SAW_END, seen, "what the watcher saw");
    else if (seen != SAW_END && seen != OURS)
        wrong("the watcher saw %d", seen);
    destroy();
}

static void
look_given_back(const struct crash_end *end)
{
    (void)end;
    want(OURS, peer_end(watcher), "what the watcher got");
    destroy();
}

static void
take_cases(void)
{
    static const struct crash_case gets = {"get, somebody waits for any",
        create, NULL, NULL, get_one, put_two, look_taken, STAYS};
    static const struct crash_case done_with = {
        "task_done, somebody waits for any", create_joinable, take,
        let_watch_queue, is_done, NULL, look_done, STAYS};
    static const struct crash_case returns = {
        "task_return, somebody waits for any", create_joinable, take,
        let_watch_queue, give_back, NULL, look_given_back, STAYS};
    static const struct crash_case leaves = {
        "leave with a message, somebody waits for any", create_joinable,
        take, let_watch_queue, leave, NULL, look_given_back, STAYS};

    crash_run(&gets);
    crash_run(&done_with);
    crash_run(&returns);
    crash_run(&leaves);
}

/*
 * With an heir, who waits for the same and is killed as it wakes up.  It takes
 * nothing: of the message it may not learn, but of the victim's end.
 */

static int
heir_waits_for_event(void)
{
    struct sysvmp_waitable w = {.kind = SYSVMP_WAIT_EVENT, .of.event = e};

    return sysvmp_wait(&w, 1, SYSVMP_FOREVER) == 1 ? 0 : SAW_OTHER;
}

static int
heir_reads(void)
{
    close_writing();
    return wait_for_pipe() == 1 ? 0 : SAW_OTHER;
}

static void
heir_and_watcher(void)
{
    sleeping_heir(heir_reads);
    let_watch_pipe();
}

static void
heir_and_watcher_of_event(void)
{
    sleeping_heir(heir_waits_for_event);
    let_watch_event();
}

static void
heir_cases(void)
{
    static const struct crash_case sends = {
        "send, somebody waits for any, and an heir", create, NULL,
        heir_and_watcher, send_one, NULL, look_sent, ENDS};
    static const struct crash_case closes = {
        "close, somebody waits for any, and an heir", create, NULL,
        heir_and_watcher, close_pipe, NULL, look_ended, STAYS};
    static const struct crash_case leaves = {
        "leave, somebody waits for any, and an heir", create, NULL,
        heir_and_watcher, leave, NULL, look_ended, STAYS};
    static const struct crash_case sets = {
        "set, somebody waits for any, and an heir", create, NULL,
        heir_and_watcher_of_event, set, NULL, look_set, STAYS};

    crash_run_heir(&sends, NULL);
    crash_run_heir(&closes, NULL);
    crash_run_heir(&leaves, NULL);
    crash_run_heir(&sets, NULL);
}

/*
 * The victim is stopped, and others go on.
 */

static void
put_beside(void)
{
    want(0, put_number(OURS), "a put beside it");
    peer_is_back(watcher);
}

static void
send_beside(void)
{
    want(0, send_number(OURS), "a send beside it");
    peer_is_back(watcher);
}

static void
set_beside(void)
{
    want(0, sysvmp_event_set(e), "a set beside it");
    peer_is_back(watcher);
}

/* Ours or the victim's. */
static void
look_after_stop(const struct crash_end *end)
{
    int seen = peer_end(watcher);

    want(0, end->answer, "the victim's answer");
    if (seen != VICTIMS && seen != OURS)
        wrong("the watcher saw %d", seen);
    destroy();
}

/* We may send as well. */
static void
let_all_watch_pipe(void)
{
    watcher = sleeping_peer(watch_beside);
}

static int
watch_queue_beside(void)
{
    return watch_some(2);
}

static void
let_all_watch_queue(void)
{
    watcher = sleeping_peer(watch_queue_beside);
}

/* Two have been put: the peer takes one of them, or another one. */
static void
put_beside_taker(void)
{
    want(0, put_number(OURS), "a put beside it");
    peer_is_back(watcher);
    want(0, put_number(OURS), "a put for it");
}

static void
stopped_cases(void)
{
    static const struct crash_case puts = {"put, somebody waits for any",
        create, NULL, let_all_watch_queue, put_one, NULL, look_after_stop,
        STAYS};
    static const struct crash_case sends = {"send, somebody waits for any",
        create, NULL, let_all_watch_pipe, send_one, NULL, look_after_stop,
        STAYS};
    static const struct crash_case sets = {"set, somebody waits for any",
        create, NULL, let_watch_event, set, NULL, look_set, STAYS};
    static const struct crash_case gets = {"get, somebody waits for any",
        create, NULL, NULL, get_one, put_two, look_taken, STAYS};

    crash_run_stopped(&puts, put_beside);
    crash_run_stopped(&sends, send_beside);
    crash_run_stopped(&sets, set_beside);
    crash_run_stopped(&gets, put_beside_taker);
}

int
main(void)
{
    plan(20 + 4);
    send_cases();
    end_cases();
    event_cases();
    wait_cases();
    take_cases();
    heir_cases();
    stopped_cases();
    return done();
}
