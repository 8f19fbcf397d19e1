/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nouns.c: random SIGKILLs among processes at semaphores and events, and in
 * sysvmp_wait(), where nobody else's change wakes who has missed his own.
 *
 * Phases.  One of two drivers has the lock; it sets the phase's event, once,
 * which all who wait for it must see, by sysvmp_event_wait() or sysvmp_wait();
 * and sends one word to each receiver, by a pipe, a queue or an event of its
 * own, who sleeps over all of these.  When all have passed it goes on.  Who was
 * put back finds the event set, and is sent the word again.
 *
 * Semaphores.  With SYSVMP_PERMITS there are always as many; without, what was
 * released is acquired or there, but for what the killed took along.
 */
#include <config.h>

#include "storm.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <limits.h>

enum { DRIVER, EVENT_WAITER, RECEIVER, HOLDER, RELEASER, ACQUIRER };

static const struct role {
    int kind;
    int threads;
} roles[] = {
    {DRIVER, 1}, {DRIVER, 1},
    {EVENT_WAITER, 2}, {EVENT_WAITER, 2}, {EVENT_WAITER, 2},
    {RECEIVER, 2}, {RECEIVER, 2}, {RECEIVER, 2},
    {HOLDER, 2}, {HOLDER, 2},
    {RELEASER, 1}, {RELEASER, 1}, {ACQUIRER, 2}, {ACQUIRER, 2},
};

enum { WORKERS = sizeof(roles) / sizeof(roles[0]) };
enum { SLOTS = WORKERS * 2, FILLERS = 20, PERMITS = 3, HIGH = 8 };
enum { BY_PIPE, BY_QUEUE, BY_EVENT, WAYS };

#define STOP UINT_MAX

/* A thread that waits for each phase. */
struct slot {
    _Alignas(64) _Atomic unsigned at; /* the phase that it waits for */
    _Atomic unsigned life;
};

static struct {
    _Atomic unsigned phase;
    _Atomic int drivers_over, stop;
    _Atomic int faults, over_permits;
    _Atomic int tried, released, acquired, taken_along;
    struct slot slot[SLOTS];
} *board;

static struct sysvmp_lock *lock;
static struct sysvmp_event *phases[2], *filler[FILLERS];
static struct sysvmp_semaphore *permits, *word;
/* Of a receiver's slot. */
static struct {
    struct sysvmp_conn *reads, *writes;
    struct sysvmp_queue *q;
    struct sysvmp_event *e;
} own[SLOTS];

static int
threads(int worker)
{
    return roles[worker].threads;
}

static int
in_a_slot(int worker)
{
    return roles[worker].kind == EVENT_WAITER ||
        roles[worker].kind == RECEIVER;
}

/* Answers whether it was so. */
static int
fault_unless(int fine, int code, const char *what)
{
    if (fine)
        return 1;
    diag("FAULT: %s answered %d", what, code);
    atomic_fetch_add(&board->faults, 1);
    return 0;
}

static int
waited(int code)
{
    return code == -EAGAIN || code == -ETIMEDOUT;
}

/*
 * The driver.
 */

static void
send_word(int i, unsigned phase)
{
    int way = ((int)(phase % WAYS) + i) % WAYS, result;

    if (way == BY_PIPE)
        result = sysvmp_conn_send(own[i].writes, &phase, sizeof(phase), 5000);
    else if (way == BY_QUEUE)
        result = sysvmp_queue_put(own[i].q, &phase, sizeof(phase), 5000);
    else
        result = sysvmp_event_set(own[i].e);
    fault_unless(result == 0, result, "a word's send");
}

static void
send_words(unsigned phase, unsigned *lives)
{
    for (int i = 0; i < SLOTS; i++) {
        lives[i] = atomic_load(&board->slot[i].life);
        if (roles[i / 2].kind == RECEIVER &&
            atomic_load(&board->slot[i].at) <= phase)
            send_word(i, phase);
    }
}

/* How many have not passed; to those put back the word is sent again. */
static int
missing(unsigned phase, unsigned *lives)
{
    int n = 0;

    for (int i = 0; i < SLOTS; i++) {
        struct slot *slot = &board->slot[i];
        unsigned life = atomic_load(&slot->life);

        if (!in_a_slot(i / 2) || i % 2 >= threads(i / 2) ||
            atomic_load(&slot->at) > phase)
            continue;
        n++;
        if (life != lives[i] && roles[i / 2].kind == RECEIVER)
            send_word(i, phase);
        lives[i] = life;
    }
    return n;
}

static void
play_phase(void)
{
    unsigned phase = atomic_load(&board->phase), lives[SLOTS];
    int result = sysvmp_event_clear(phases[(phase + 1) % 2]);

    fault_unless(result == 0, result, "clear");
    send_words(phase, lives);
    result = sysvmp_event_set(phases[phase % 2]);
    fault_unless(result == 0, result, "set");
    while (missing(phase, lives) > 0 && !storm_over())
        pause_us(20);
    if (!storm_over())
        atomic_store(&board->phase, phase + 1);
}

static int
drives(int worker, int thread)
{
    while (!storm_over()) {
        int result = sysvmp_lock_acquire(lock, SYSVMP_FOREVER);

        if (!fault_unless(result >= 0, result, "acquire"))
            return 1;
        play_phase();
        result = sysvmp_lock_release(lock);
        fault_unless(result == 0, result, "release");
        storm_step(worker, thread);
    }
    atomic_fetch_add(&board->drivers_over, 1);
    return 0;
}

/*
 * Who waits for the phase.
 */

static int
wait_for_any(struct sysvmp_waitable *list, size_t n, unsigned *seed)
{
    int ready = sysvmp_wait(list, n, storm_timeout(seed));

    fault_unless(ready >= 0, ready, "wait");
    for (size_t i = 0; i < n; i++)
        if (list[i].ready && list[i].kind == SYSVMP_WAIT_EVENT)
            for (int k = 0; k < FILLERS; k++)
                fault_unless(list[i].of.event != filler[k], 1, "a filler");
    return ready;
}

static size_t
fillers(struct sysvmp_waitable *list, unsigned *seed)
{
    size_t n = chance(seed, FILLERS + 1);

    for (size_t i = 0; i < n; i++)
        list[i] = (struct sysvmp_waitable){.kind = SYSVMP_WAIT_EVENT,
            .of.event = filler[i]};
    return n;
}

/* By either call. */
static int
wait_for_phase(struct sysvmp_event *e, unsigned *seed)
{
    struct sysvmp_waitable list[FILLERS + 1];
    size_t n = fillers(list, seed);
    int result;

    if (chance(seed, 2) == 0) {
        result = sysvmp_event_wait(e, storm_timeout(seed));
        fault_unless(result == 0 || waited(result), result, "event_wait");
        return result == 0;
    }
    list[n] = (struct sysvmp_waitable){.kind = SYSVMP_WAIT_EVENT,
        .of.event = e};
    return wait_for_any(list, n + 1, seed) == 1;
}

static int
waits_for_phases(int worker, int thread)
{
    struct slot *slot = &board->slot[worker * 2 + thread];
    unsigned seed = storm_draw(worker, thread);

    while (!atomic_load(&board->stop)) {
        unsigned at = atomic_load(&slot->at);

        if (!wait_for_phase(phases[at % 2], &seed))
            continue;
        atomic_store(&slot->at, at + 1);
        storm_step(worker, thread);
        storm_linger(&seed);
    }
    return 0;
}

/* The phase that this word is for, or -1. */
static int64_t
take_word(int i, const struct sysvmp_waitable *ready)
{
    unsigned phase = atomic_load(&board->phase);
    ssize_t len = sizeof(phase);

    if (ready->kind == SYSVMP_WAIT_CONN)
        len = sysvmp_conn_recv(own[i].reads, &phase, sizeof(phase), 0);
    else if (ready->kind == SYSVMP_WAIT_QUEUE)
        len = sysvmp_queue_get(own[i].q, &phase, sizeof(phase), 0);
    else
        fault_unless(sysvmp_event_clear(own[i].e) == 0, 1, "clear");
    fault_unless(len == sizeof(phase), (int)len, "what was ready");
    return len == sizeof(phase) ? (int64_t)phase : -1;
}

static void
receive_words(int i, unsigned *seed)
{
    struct sysvmp_waitable list[FILLERS + 3];
    struct slot *slot = &board->slot[i];
    size_t n = fillers(list, seed), first = n;

    list[n++] = (struct sysvmp_waitable){.kind = SYSVMP_WAIT_CONN,
        .of.conn = own[i].reads};
    list[n++] = (struct sysvmp_waitable){.kind = SYSVMP_WAIT_QUEUE,
        .of.queue = own[i].q};
    list[n++] = (struct sysvmp_waitable){.kind = SYSVMP_WAIT_EVENT,
        .of.event = own[i].e};
    if (wait_for_any(list, n, seed) <= 0)
        return;
    for (size_t k = first; k < n; k++) {
        int64_t phase = list[k].ready ? take_word(i, &list[k]) : -1;

        /* What was sent twice is old news. */
        if (phase == atomic_load(&slot->at))
            atomic_store(&slot->at, (unsigned)phase + 1);
    }
}

static int
receives(int worker, int thread)
{
    int i = worker * 2 + thread;
    unsigned seed = storm_draw(worker, thread);

    while (!atomic_load(&board->stop)) {
        unsigned at = atomic_load(&board->slot[i].at);

        receive_words(i, &seed);
        if (atomic_load(&board->slot[i].at) == at)
            continue;
        storm_step(worker, thread);
        storm_linger(&seed);
    }
    return 0;
}

/*
 * Semaphores.
 */

static int
holds(int worker, int thread)
{
    unsigned seed = storm_draw(worker, thread);

    while (!storm_over()) {
        int result = sysvmp_semaphore_acquire(permits, storm_timeout(&seed));

        if (waited(result))
            continue;
        fault_unless(result == 0, result, "a permit's acquire");
        if (sysvmp_semaphore_value(permits) >= PERMITS)
            atomic_fetch_add(&board->over_permits, 1);
        storm_linger(&seed);
        result = sysvmp_semaphore_release(permits, 1);
        fault_unless(result == 0, result, "a permit's release");
        storm_step(worker, thread);
    }
    return 0;
}

static void
release(int n)
{
    int result;

    atomic_fetch_add(&board->tried, n);
    result = sysvmp_semaphore_release(word, (unsigned)n);
    if (fault_unless(result == 0, result, "release"))
        atomic_fetch_add(&board->released, n);
}

static int
releases(int worker, int thread)
{
    unsigned seed = storm_draw(worker, thread);

    while (!storm_over()) {
        if (sysvmp_semaphore_value(word) >= HIGH) {
            pause_us(20);
            continue;
        }
        release(1 + (int)chance(&seed, 3));
        storm_step(worker, thread);
        storm_linger(&seed);
    }
    return 0;
}

static int
acquires(int worker, int thread)
{
    unsigned seed = storm_draw(worker, thread);

    while (!atomic_load(&board->stop)) {
        int result = sysvmp_semaphore_acquire(word, storm_timeout(&seed));

        if (waited(result))
            continue;
        if (fault_unless(result == 0, result, "acquire"))
            atomic_fetch_add(&board->acquired, 1);
        storm_step(worker, thread);
        storm_linger(&seed);
    }
    return 0;
}

/*
 * The storm.
 */

static void
begin(int worker)
{
    for (int t = 0; in_a_slot(worker) && t < threads(worker); t++)
        atomic_fetch_add(&board->slot[worker * 2 + t].life, 1);
}

static int
work(int worker, int thread)
{
    static int (*const fn[])(int, int) = {drives, waits_for_phases, receives,
        holds, releases, acquires};

    return fn[roles[worker].kind](worker, thread);
}

static void
died(int worker)
{
    if (roles[worker].kind == ACQUIRER)
        atomic_fetch_add(&board->taken_along, threads(worker));
}

static int
still_right(void)
{
    return board->faults == 0 && board->over_permits == 0;
}

/* Each is woken once more, to see that it is over. */
static void
over(void)
{
    const unsigned stop = STOP;

    until(&board->drivers_over, 2);
    atomic_store(&board->stop, 1);
    for (int i = 0; i < SLOTS; i++)
        if (roles[i / 2].kind == RECEIVER)
            must(sysvmp_queue_put(own[i].q, &stop, sizeof(stop), 5000), "put");
    must(sysvmp_event_set(phases[0]), "set");
    must(sysvmp_event_set(phases[1]), "set");
    release(2 * WORKERS);
}

static void
make_own(int i)
{
    struct sysvmp_conn *end[2];

    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
    own[i].reads = end[0];
    own[i].writes = end[1];
    must(sysvmp_queue_create(&own[i].q, 0, 0), "queue_create");
    must(sysvmp_event_create(&own[i].e), "event_create");
}

static void
make_all(void)
{
    board = shared(sizeof(*board));
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_event_create(&phases[0]), "event_create");
    for (int i = 0; i < FILLERS; i++) /* a semaphore set is full */
        must(sysvmp_event_create(&filler[i]), "event_create");
    must(sysvmp_event_create(&phases[1]), "event_create");
    for (int i = 0; i < SLOTS; i++)
        if (roles[i / 2].kind == RECEIVER)
            make_own(i);
    must(sysvmp_semaphore_create(&permits, PERMITS, 0, SYSVMP_PERMITS),
        "semaphore_create");
    must(sysvmp_semaphore_create(&word, 0, 0, 0), "semaphore_create");
}

static void
destroy_all(void)
{
    sysvmp_lock_destroy(lock);
    for (int i = 0; i < FILLERS; i++)
        sysvmp_event_destroy(filler[i]);
    for (int i = 0; i < 2; i++)
        sysvmp_event_destroy(phases[i]);
    for (int i = 0; i < SLOTS; i++) {
        sysvmp_conn_destroy(own[i].reads);
        sysvmp_conn_destroy(own[i].writes);
        sysvmp_queue_destroy(own[i].q);
        sysvmp_event_destroy(own[i].e);
    }
    sysvmp_semaphore_destroy(permits);
    sysvmp_semaphore_destroy(word);
}

static void
check(void)
{
    int left = sysvmp_semaphore_value(word);
    int known = board->acquired + left;

    is_int(0, board->faults, "... no call answered what it must not");
    ok(board->phase > 0, "... %u times an event woke all who waited for it",
        board->phase);
    is_int(PERMITS, sysvmp_semaphore_value(permits),
        "permits: there are as many as there were");
    is_int(0, board->over_permits, "... and never were more");
    ok(known <= board->tried,
        "semaphore: no more was acquired, or is there, than was released: %d "
        "of %d", known, board->tried);
    ok(known + board->taken_along >= board->released,
        "... and no more is missing than the killed may have taken along: %d "
        "of %d", board->released - known, board->taken_along);
}

int
main(void)
{
    const struct storm storm = {WORKERS, threads, NULL, begin, work, died,
        still_right, over, 0};

    plan(8);
    make_all();
    is_int(0, storm_run(&storm, 1),
        "storm: nobody sleeps over what is there for him");
    check();
    destroy_all();
    must(sysvmp_leave(), "leave");
    is_int(0, ipc_left(), "storm: nothing is left after the last has left");
    return done();
}
