/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wait-late.c: what one of several waits for comes about at each call of the
 * kernel that a wait makes before it sleeps, and in the end as it is about to:
 * it is told each time, and not by its last look when the time is up.
 */
#include <config.h>

#include "internal.h"

#include "tap.h"
#include "testing.h"

#include <stdlib.h>
#include <time.h>

#define TIMEOUT_MS 20000

enum { CLOSED, SENT, SET, WAYS };

static const char *const name[WAYS] = { "the other end is closed",
    "a message comes", "an event is set" };

static struct sysvmp_conn *end[2];
static struct sysvmp_event *e;
static int way;
static int left; /* so many calls until it comes about; -1: it has */
static bool slept; /* that was when nothing else was left to do */

/* So that each wait sleeps. */
__attribute__((__constructor__(101))) static void
never_spin(void)
{
    setenv("SYSVMP_SPIN_US", "0", 1);
}

static int
come_about(void)
{
    switch (way) {
    case CLOSED:
        return sysvmp_conn_close(end[1]);
    case SENT:
        return sysvmp_conn_send(end[1], "x", 1, SYSVMP_NOWAIT);
    default:
        return sysvmp_event_set(e);
    }
}

static int
at_a_call(enum seam call)
{
    if (left < 0 || (left > 0 && call != SEAM_SEMWAIT)) {
        left -= left > 0;
        return 0;
    }
    slept = left > 0;
    left = -1; /* its own calls do not count */
    if (come_about() < 0)
        left = -2;
    return 0;
}

static bool
told(int n)
{
    struct sysvmp_waitable list[2] = {
        { .kind = SYSVMP_WAIT_CONN },
        { .kind = SYSVMP_WAIT_EVENT },
    };
    time_t begun = time(NULL);
    int ready;

    if (sysvmp_pipe_create(end, SYSVMP_SIMPLEX) < 0 ||
        sysvmp_event_create(&e) < 0)
        return false;
    list[0].of.conn = end[0];
    list[1].of.event = e;
    left = n;
    testing_fault = at_a_call;
    ready = sysvmp_wait(list, 2, TIMEOUT_MS);
    testing_fault = NULL;
    sysvmp_event_destroy(e);
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
    return ready == 1 && left == -1 && time(NULL) - begun < TIMEOUT_MS / 2000;
}

int
main(void)
{
    plan(2 * WAYS);
    for (way = 0; way < WAYS; way++) {
        int n = 0, missed = 0, first = -1;

        for (slept = false; !slept && missed == 0; n++)
            if (!told(n)) {
                missed++;
                first = n;
            }
        is_int(-1, first, "%s at any call of a wait, which is told",
            name[way]);
        ok(n > 4, "... of several such calls");
    }
    return done();
}
