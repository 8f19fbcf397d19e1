/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wait.c: waits for any of several objects and processes.
 *
 * What can be ready is looked at once; then the wait is a watch (watch.c), and
 * each wake-up costs a look at what was fired.  A process rings when it ends
 * if it is a member of the program; of others, and of one that is just ending,
 * a look tells after a nap.  Where there are processes alone, poll(2) waits.
 *
 * Why nobody sleeps for ever: watch.c, for objects and for members; no other
 * sleep is longer than NAP_MAX_NS.
 */
#include "internal.h"

#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "callback.h"
#include "error.h"
#include "event.h"
#include "hooks.h"
#include "pipe.h"
#include "process.h"
#include "queue.h"
#include "spin.h"
#include "watch.h"

#define NAP_MIN_NS 100000 /* while a death, or a child's birth, is under way */
#define NAP_MAX_NS 10000000
#define FEW        32     /* on the stack */

struct wait {
    struct sysvmp_waitable *list;
    size_t n;
    struct watched *watched; /* of each */
    struct arena *arena; /* of the objects that were not ready */
    struct deadline deadline;
    struct watch watch;
    bool asked;   /* for this look: */
    uint64_t now; /* watch_now() */
    int ready;
    bool unsure; /* what was not ready has to be looked at again soon */
    int64_t nap_ns;
};

/* Whether waiting in user space for a little has paid lately. */
static struct spin spin;

/*
 * One of them.
 */

static bool
known(const struct sysvmp_waitable *w)
{
    switch (w->kind) {
    case SYSVMP_WAIT_CONN:
        return conn_handle(w->of.conn) != NULL;
    case SYSVMP_WAIT_QUEUE:
        return queue_channel(w->of.queue) != NULL;
    case SYSVMP_WAIT_PROCESS:
        return process_valid(w->of.process);
    case SYSVMP_WAIT_EVENT:
        return event_watched(w->of.event, NULL);
    default:
        return false;
    }
}

/* 1: ready; 0; -EINPROGRESS: look again soon. */
static int
look_at_process(struct sysvmp_process *p)
{
    int yes = process_look(p);

    if (yes != 0)
        return 1;
    return process_rings(p) ? 0 : -EINPROGRESS;
}

/* One that only sends would say so, without waiting. */
static int
look_at_channel(struct wait *wait, struct channel *channel)
{
    if (channel == NULL)
        return 1;
    if (!wait->asked && arena_me(channel->handle->arena) != 0) {
        wait->now = watch_now(channel->handle->arena);
        wait->asked = true;
    }
    return channel_look(channel, wait->now);
}

static int
look_at(struct wait *wait, const struct sysvmp_waitable *w)
{
    switch (w->kind) {
    case SYSVMP_WAIT_CONN:
        return look_at_channel(wait, conn_channel(w->of.conn));
    case SYSVMP_WAIT_QUEUE:
        return look_at_channel(wait, queue_channel(w->of.queue));
    case SYSVMP_WAIT_PROCESS:
        return look_at_process(w->of.process);
    default:
        return sysvmp_event_is_set(w->of.event) != 0;
    }
}

static void
watched_channel(const struct channel *channel, struct watched *watched)
{
    *watched = (struct watched){ channel->handle->arena,
        &channel->words->watched, channel->index };
}

/* Where it leaves its mark; of a process nowhere. */
static void
find_watched(const struct sysvmp_waitable *w, struct watched *watched)
{
    memset(watched, 0, sizeof(*watched));
    if (w->kind == SYSVMP_WAIT_CONN && conn_channel(w->of.conn) != NULL)
        watched_channel(conn_channel(w->of.conn), watched);
    else if (w->kind == SYSVMP_WAIT_QUEUE)
        watched_channel(queue_channel(w->of.queue), watched);
    else if (w->kind == SYSVMP_WAIT_EVENT)
        (void) event_watched(w->of.event, watched);
}

/*
 * All of them.
 */

static void
note(struct wait *wait, size_t i)
{
    int yes = look_at(wait, &wait->list[i]);

    if (yes == -EINPROGRESS)
        wait->unsure = true;
    if (yes == 1 && wait->list[i].ready == 0) {
        wait->list[i].ready = 1;
        wait->ready++;
    }
}

static void
note_all(struct wait *wait)
{
    for (size_t i = 0; i < wait->n; i++)
        note(wait, i);
}

static void
mark(const struct wait *wait, size_t i)
{
    if (wait->watched[i].marks != NULL)
        watch_mark(&wait->watch, &wait->watched[i]);
}

/* All the marks come first: an end that is given up before ours is there is
 * told to nobody, so what we trust must have been read after it. */
static void
mark_and_note_all(struct wait *wait)
{
    for (size_t i = 0; i < wait->n; i++)
        mark(wait, i);
    wait->now = watch_now(wait->arena);
    wait->asked = true;
    wait->unsure = wait->now == 0;
    note_all(wait);
}

static void
note_entry(struct wait *wait, uint32_t index)
{
    for (size_t i = 0; i < wait->n; i++)
        if (wait->watched[i].index == index &&
            wait->watched[i].marks != NULL) {
            mark(wait, i);
            wait->asked = false;
            note(wait, i);
        }
}

/* What was fired since then: false, if that is not known. */
static bool
note_fired(struct wait *wait, uint32_t from)
{
    for (; from != wait->watch.fired; from++) {
        int64_t index = watch_fired(&wait->watch, from);

        if (index < 0)
            return false;
        note_entry(wait, (uint32_t) index);
    }
    return true;
}

/* Looks at what may have changed since the last time; 0 or a code. */
static int
look(struct wait *wait)
{
    uint32_t from;
    int changed = watch_see(&wait->watch, &from);

    if (changed < 0)
        return changed;
    if (changed == WATCH_ALL || wait->unsure || !note_fired(wait, from))
        mark_and_note_all(wait);
    return 0;
}

static bool
fired(const void *context)
{
    const struct wait *wait = context;

    return shm_peek(&wait->watch.words->fired) != wait->watch.fired;
}

/* Ever longer, as long as something is unsure. */
static int64_t
nap(struct wait *wait)
{
    int64_t ns = wait->nap_ns;

    wait->nap_ns = !wait->unsure ? NAP_MIN_NS : ns < NAP_MAX_NS ? ns * 2 : ns;
    return wait->unsure ? ns : INT64_MAX;
}

/* 0: something is ready, or the time is up; or a code. */
static int
watch_loop(struct wait *wait)
{
    bool spun = false;

    for (;;) {
        int error = look(wait);

        if (error < 0 || wait->ready > 0)
            return error;
        if (!spun && !wait->unsure) {
            spun = true;
            if (spin_wait(&spin, &wait->deadline, fired, wait))
                continue;
        }
        error = broadcast_await(&wait->watch.lane, &wait->watch.seen,
            nap(wait), &wait->deadline);
        if (error == -EAGAIN) {
            mark_and_note_all(wait);
            return 0;
        }
        if (error < 0)
            return error;
    }
}

/* Where they are, and whose: what is of an older program is ready. */
static void
find_all(struct wait *wait)
{
    for (size_t i = 0; i < wait->n; i++) {
        struct watched *watched = &wait->watched[i];

        find_watched(&wait->list[i], watched);
        if (watched->marks != NULL)
            wait->arena = watched->arena;
    }
}

/*
 * Processes alone.
 */

static void
poll_processes(struct wait *wait, struct pollfd *ends)
{
    int64_t left = deadline_left(&wait->deadline), most;
    bool all = true;
    struct timespec time;

    for (size_t i = 0; i < wait->n; i++) {
        ends[i] = (struct pollfd){ .fd = process_fd(wait->list[i].of.process),
            .events = POLLIN };
        all = all && ends[i].fd >= 0;
    }
    wait->unsure = !all;
    most = nap(wait);
    if (most < left)
        left = most;
    time.tv_sec = (time_t) (left / 1000000000);
    time.tv_nsec = (long) (left % 1000000000);
    (void) ppoll(ends, wait->n, left == INT64_MAX ? NULL : &time, NULL);
}

static int
poll_loop(struct wait *wait)
{
    struct pollfd *ends = calloc(wait->n, sizeof(*ends));
    int error = ends == NULL ? -ENOMEM : 0;
    struct undo undo;

    undo_push(&undo, free, ends);
    while (error == 0 && wait->ready == 0 &&
        deadline_left(&wait->deadline) != 0) {
        if (hooks_interrupted())
            error = -EINTR;
        else
            poll_processes(wait, ends);
        note_all(wait);
    }
    undo_pop(&undo);
    free(ends);
    return error;
}

/*
 * The public call.
 */

/* The interrupt function has left the sleep by an exception. */
static void
wait_abandon(void *arg)
{
    const struct wait *wait = arg;

    if (wait->arena != NULL)
        watch_end(&wait->watch);
    if (wait->n > FEW)
        free(wait->watched);
}

static int
wait_asleep(struct wait *wait)
{
    struct watched few[FEW];
    struct undo undo;
    int error;

    wait->watched = wait->n <= FEW ? few
                                   : calloc(wait->n, sizeof(*wait->watched));
    if (wait->watched == NULL)
        return -ENOMEM;
    find_all(wait);
    if (wait->arena != NULL)
        watch_begin(&wait->watch, wait->arena);
    undo_push(&undo, wait_abandon, wait);
    error = wait->arena != NULL ? watch_loop(wait) : poll_loop(wait);
    undo_pop(&undo);
    if (wait->arena != NULL)
        watch_end(&wait->watch);
    if (wait->watched != few)
        free(wait->watched);
    return error;
}

int
sysvmp_wait(struct sysvmp_waitable *list, size_t n, int timeout_ms)
{
    GUARDED;
    struct wait wait = { .list = list, .n = n, .nap_ns = NAP_MIN_NS,
        .deadline = DEADLINE(timeout_ms) };
    int error = 0;

    if ((list == NULL && n > 0) || n > INT_MAX || timeout_ms < SYSVMP_FOREVER)
        return error_return(-EINVAL);
    for (size_t i = 0; i < n; i++)
        if (!known(&list[i]))
            return error_return(-EINVAL);
    for (size_t i = 0; i < n; i++)
        list[i].ready = 0;
    note_all(&wait);
    if (wait.ready == 0 && n > 0 && timeout_ms != SYSVMP_NOWAIT)
        error = wait_asleep(&wait);
    return wait.ready > 0 ? wait.ready : error_return(error);
}
