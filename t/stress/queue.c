/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * queue.c: random SIGKILLs among producers and consumers of a bounded queue,
 * of one without a limit, and of one whose consumer is never killed, which
 * must get all that was acknowledged; then the history is checked.
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
    {UNBOUNDED, 1, 1, 0}, {UNBOUNDED, 1, 2, 0},
    {UNBOUNDED, 0, 1, 0}, {UNBOUNDED, 0, 2, 0},
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

/* Only who puts into it may hold up its end of file.  The others have none,
 * and who gets the word of the end for another one puts it back. */
static void
begin(int worker)
{
    if (roles[worker].queue != UNBOUNDED || !roles[worker].produces)
        sysvmp_queue_close(history_channel(UNBOUNDED)->queue);
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

static int
count_threads(int queue, int produces)
{
    int n = 0;

    for (int w = 0; w < WORKERS; w++)
        if (roles[w].queue == queue && roles[w].produces == produces)
            n += threads(w);
    return n;
}

static void
over(void)
{
    int producers = 0;

    for (int i = 0; i < QUEUES; i++)
        producers += count_threads(i, 1);
    history_wait_senders(producers);
    history_tell_end(BOUNDED, count_threads(BOUNDED, 0));
    history_close_end(UNBOUNDED);
    history_tell_end(KEPT, count_threads(KEPT, 0));
}

static void
make_queues(void)
{
    history_queue("bounded queue", LIMIT, 0);
    history_queue("queue without a limit", 0, SYSVMP_EOF);
    history_queue("queue whose consumer lives", LIMIT, 0);
    for (int w = 0; w < WORKERS; w++)
        for (int t = 0; t < threads(w); t++)
            slots[w][t] = roles[w].produces ? history_sender(roles[w].queue)
                                            : history_receiver();
}

static void
check_limit(void)
{
    struct sysvmp_queue *q = history_channel(BOUNDED)->queue;
    int n = 0;

    while (n <= LIMIT && sysvmp_queue_put(q, "", 1, SYSVMP_NOWAIT) == 0)
        n++;
    is_int(LIMIT, n, "bounded queue: the limit is exact after all this");
}

int
main(void)
{
    const struct storm storm = {WORKERS, threads, spared, begin, work, died,
        history_right, over, 1};
    int emptied;

    plan(3 + HISTORY_LINES + QUEUES);
    make_queues();
    emptied = is_int(0, storm_run(&storm, 1),
        "storm: no survivor hangs, and all see the end");
    history_check(emptied);
    check_limit();
    history_destroy();
    must(sysvmp_leave(), "leave");
    is_int(0, ipc_left(), "storm: nothing is left after the last has left");
    return done();
}
