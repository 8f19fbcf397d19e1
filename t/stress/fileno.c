/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fileno.c: random SIGKILLs among producers and consumers who wait in poll(2),
 * without a timeout: of a bounded queue, of one without a limit, and of one
 * whose consumer is never killed, which must get all that was acknowledged.
 * The end of each is the end of file.
 */
#include <config.h>

#include "history.h"
#include "storm.h"
#include "sysvmp.h"
#include "tap.h"

enum { LIMIT = 5 };
enum { BOUNDED, UNBOUNDED, KEPT, QUEUES };

static const struct role {
    int queue;
    int produces;
    int threads;
    int spared;
} roles[] = {
    {BOUNDED, 1, 1, 0}, {BOUNDED, 1, 2, 0},
    {BOUNDED, 0, 1, 0}, {BOUNDED, 0, 2, 0},
    {UNBOUNDED, 1, 1, 0}, {UNBOUNDED, 1, 1, 0},
    {UNBOUNDED, 0, 1, 0}, {UNBOUNDED, 0, 1, 0},
    {KEPT, 1, 1, 0}, {KEPT, 1, 2, 0}, {KEPT, 0, 1, 1},
};

enum { WORKERS = sizeof(roles) / sizeof(roles[0]) };

/* The sender or receiver that each thread is. */
static int slots[WORKERS][STORM_THREADS_MAX];

static int
threads(int worker)
{
    return roles[worker].threads;
}

static int
spared(int worker)
{
    return roles[worker].spared;
}

/* Puts into no queue but its own, so that the others see their end. */
static void
begin(int worker)
{
    for (int i = 0; i < QUEUES; i++)
        if (roles[worker].queue != i || !roles[worker].produces)
            sysvmp_queue_close(history_channel(i)->queue);
}

static int
work(int worker, int thread)
{
    int slot = slots[worker][thread];

    return roles[worker].produces
        ? history_sends(slot, worker, thread)
        : history_receives(slot, roles[worker].queue, worker, thread);
}

static void
died(int worker)
{
    for (int t = 0; !roles[worker].produces && t < threads(worker); t++)
        history_died(slots[worker][t]);
}

static void
over(void)
{
    int producers = 0;

    for (int w = 0; w < WORKERS; w++)
        if (roles[w].produces)
            producers += threads(w);
    history_wait_senders(producers);
    for (int i = 0; i < QUEUES; i++)
        history_close_end(i);
}

static void
make_queues(void)
{
    const unsigned flags = SYSVMP_EOF | SYSVMP_FILENO;

    history_queue("bounded queue", LIMIT, flags);
    history_queue("queue without a limit", 0, flags);
    history_queue("queue whose consumer lives", LIMIT, flags);
    for (int w = 0; w < WORKERS; w++)
        for (int t = 0; t < threads(w); t++)
            slots[w][t] = roles[w].produces ? history_sender(roles[w].queue)
                                            : history_receiver();
}

int
main(void)
{
    const struct storm storm = {WORKERS, threads, spared, begin, work, died,
        history_right, over, 1};

    plan(2 + HISTORY_LINES + QUEUES);
    make_queues();
    history_check(is_int(0, storm_run(&storm, 1),
        "storm: nobody sleeps in poll(2) over a message or the end"));
    history_destroy();
    must(sysvmp_leave(), "leave");
    is_int(0, ipc_left(), "storm: nothing is left after the last has left");
    return done();
}
