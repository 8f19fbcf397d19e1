/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pipe.c: random SIGKILLs among those who send and receive through pipes.
 *
 * First, pipes that stay: one to a reader that is never killed, which must get
 * all that was acknowledged; one with two processes that each send and receive
 * at their end; the test holds all ends, so there is no end of file before it
 * closes them.  Then small families, each with a pipe of its own that nobody
 * else holds: see family.c.
 */
#include <config.h>

#include "family.h"
#include "history.h"
#include "storm.h"
#include "sysvmp.h"
#include "tap.h"

enum { SIMPLEX, KEPT, DUPLEX, BACK, CHANNELS };
enum { WRITER, READER, KEPT_WRITER, KEPT_READER, LEFT, RIGHT, WORKERS };

/* What each thread does: it sends to a channel, or receives from it. */
static const struct role {
    int threads;
    struct {
        int sends, channel;
    } thread[2];
    int spared;
} roles[WORKERS] = {
    [WRITER] = {2, {{1, SIMPLEX}, {1, SIMPLEX}}, 0},
    [READER] = {2, {{0, SIMPLEX}, {0, SIMPLEX}}, 0},
    [KEPT_WRITER] = {1, {{1, KEPT}}, 0},
    [KEPT_READER] = {1, {{0, KEPT}}, 1},
    [LEFT] = {2, {{0, DUPLEX}, {1, BACK}}, 0},
    [RIGHT] = {2, {{1, DUPLEX}, {0, BACK}}, 0},
};

static int slots[WORKERS][2];

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

/* Keeps no end but its own; of both ends of the pipe with two directions, as
 * they are told the end by a message. */
static void
begin(int worker)
{
    const struct role *role = &roles[worker];

    for (int i = SIMPLEX; i <= KEPT; i++) {
        if (role->thread[0].channel != i || !role->thread[0].sends)
            sysvmp_conn_close(history_channel(i)->writes);
        if (role->thread[0].channel != i || role->thread[0].sends)
            sysvmp_conn_close(history_channel(i)->reads);
    }
}

static int
work(int worker, int thread)
{
    int channel = roles[worker].thread[thread].channel;
    int slot = slots[worker][thread];

    return roles[worker].thread[thread].sends
        ? history_sends(slot, worker, thread)
        : history_receives(slot, channel, worker, thread);
}

static void
died(int worker)
{
    for (int t = 0; t < threads(worker); t++)
        if (!roles[worker].thread[t].sends)
            history_died(slots[worker][t]);
}

static int senders;

static void
over(void)
{
    history_wait_senders(senders);
    history_close_end(SIMPLEX);
    history_close_end(KEPT);
    history_tell_end(DUPLEX, 1);
    history_tell_end(BACK, 1);
}

static void
make_pipes(void)
{
    history_pipe("pipe", SYSVMP_SIMPLEX);
    history_pipe("pipe whose reader lives", SYSVMP_SIMPLEX);
    history_pipe("pipe of two directions", 0);
    for (int w = 0; w < WORKERS; w++)
        for (int t = 0; t < threads(w); t++)
            if (roles[w].thread[t].sends) {
                slots[w][t] = history_sender(roles[w].thread[t].channel);
                senders++;
            } else {
                slots[w][t] = history_receiver();
            }
}

int
main(void)
{
    const struct storm storm = {WORKERS, threads, spared, begin, work, died,
        history_right, over, 0};
    int emptied;

    plan(2 + HISTORY_LINES + CHANNELS + FAMILY_LINES);
    make_pipes();
    emptied = is_int(0, storm_run(&storm, 2),
        "storm: no survivor hangs, and all see the end");
    history_check(emptied);
    history_destroy();
    family_storm(2);
    must(sysvmp_leave(), "leave");
    is_int(0, ipc_left(), "storm: nothing is left after the last has left");
    return done();
}
