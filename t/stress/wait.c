/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wait.c: random SIGKILLs among producers, and consumers who sleep in
 * sysvmp_wait() over all there is: queues and a pipe, in several semaphore
 * sets, one of which has no room for more than its slots.  Each message comes
 * to one of them; the end of each is the end of file.
 */
#include <config.h>

#include "history.h"
#include "storm.h"
#include "sysvmp.h"
#include "tap.h"

enum { LIMIT = 5, FILLERS = 20 };
enum { BOUNDED, UNBOUNDED, PIPE, FILENO, CHANNELS, ALL = CHANNELS };

static const struct role {
    int channel; /* that it sends to; ALL: it receives */
    int threads;
} roles[] = {
    {BOUNDED, 1}, {BOUNDED, 2}, {UNBOUNDED, 1}, {PIPE, 1}, {PIPE, 2},
    {FILENO, 1}, {FILENO, 1}, {ALL, 1}, {ALL, 1}, {ALL, 2}, {ALL, 2},
};

enum { WORKERS = sizeof(roles) / sizeof(roles[0]) };

/* The sender or receiver that each thread is. */
static int slots[WORKERS][STORM_THREADS_MAX];
static struct sysvmp_event *filler[FILLERS];

static int
threads(int worker)
{
    return roles[worker].threads;
}

/* Sends to no channel but its own, so that the others see their end. */
static void
begin(int worker)
{
    for (int i = 0; i < CHANNELS; i++)
        if (roles[worker].channel != i)
            history_close_end(i);
}

static int
work(int worker, int thread)
{
    int slot = slots[worker][thread];

    return roles[worker].channel != ALL
        ? history_sends(slot, worker, thread)
        : history_receives_any(slot, worker, thread);
}

/* One that is killed in a receive was in one channel. */
static void
died(int worker)
{
    for (int t = 0; roles[worker].channel == ALL && t < threads(worker); t++)
        history_died(slots[worker][t]);
}

static void
over(void)
{
    int producers = 0;

    for (int w = 0; w < WORKERS; w++)
        if (roles[w].channel != ALL)
            producers += threads(w);
    history_wait_senders(producers);
    for (int i = 0; i < CHANNELS; i++)
        history_close_end(i);
}

static void
make_all(void)
{
    history_queue("bounded queue", LIMIT, SYSVMP_EOF);
    for (int i = 0; i < FILLERS; i++)
        must(sysvmp_event_create(&filler[i]), "event_create");
    history_queue("queue without a limit", 0, SYSVMP_EOF);
    history_pipe("pipe", SYSVMP_SIMPLEX);
    history_queue("queue with a descriptor", 0, SYSVMP_EOF | SYSVMP_FILENO);
    for (int w = 0; w < WORKERS; w++)
        for (int t = 0; t < threads(w); t++)
            slots[w][t] = roles[w].channel != ALL
                ? history_sender(roles[w].channel)
                : history_receiver();
}

int
main(void)
{
    const struct storm storm = {WORKERS, threads, NULL, begin, work, died,
        history_right, over, 1};

    plan(2 + HISTORY_LINES + CHANNELS);
    make_all();
    history_check(is_int(0, storm_run(&storm, 1),
        "storm: nobody sleeps in sysvmp_wait() over a message or the end"));
    history_destroy();
    for (int i = 0; i < FILLERS; i++)
        sysvmp_event_destroy(filler[i]);
    must(sysvmp_leave(), "leave");
    is_int(0, ipc_left(), "storm: nothing is left after the last has left");
    return done();
}
