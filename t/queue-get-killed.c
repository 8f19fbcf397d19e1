/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * queue-get-killed.c: F2: a consumer is SIGKILLed while it waits in get; what
 * is put then goes to the next.  And one that is killed in the middle of its
 * work takes at most the message it was about to get with it.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <unistd.h>

enum { SLEEPERS = 3, ROUNDS = 100, STORMS = 40, EACH = 400 };

static struct sysvmp_queue *q;
static _Atomic int *got;

static int
get_for_ever(void *arg)
{
    char buf[16];

    (void)arg;
    while (sysvmp_queue_get(q, buf, sizeof(buf), SYSVMP_FOREVER) >= 0)
        ++*got;
    return 1;
}

static void
killed_asleep(void)
{
    char buf[16];
    pid_t pid = child(get_for_ever, NULL);

    ok(asleep(pid), "queue-get-killed: a consumer sleeps in get");
    slay(pid);
    is_int(0, sysvmp_queue_put(q, "item", 4, 1000), "... it is killed; put");
    is_int(1, sysvmp_queue_qsize(q), "... the item is in the queue");
    is_int(4, sysvmp_queue_get(q, buf, sizeof(buf), 1000), "... and got");
}

/* The kill and the put at the same time: it may have been the dead one's. */
static void
killed_waking(void)
{
    unsigned seed = 1;
    int good = 0, taken = 0;

    for (int i = 0; i < ROUNDS; i++) {
        char buf[16];
        pid_t pid = child(get_for_ever, NULL), next;

        *got = 0;
        pause_us(chance(&seed, 300));
        must(sysvmp_queue_put(q, "1", 1, 1000), "put");
        for (unsigned n = chance(&seed, 10000); n > 0; n--)
            atomic_load(got);
        slay(pid);
        taken += *got;
        /* At most one is gone, so of two more one is there. */
        next = child(get_for_ever, NULL);
        *got = 0;
        must(sysvmp_queue_put(q, "2", 1, 1000), "put");
        until(got, 1);
        slay(next);
        good += 1;
        while (sysvmp_queue_get(q, buf, sizeof(buf), SYSVMP_NOWAIT) >= 0)
            continue;
    }
    is_int(ROUNDS, good,
        "queue-get-killed: killed while a put wakes it: the next gets the "
        "next");
    diag("%d times it had got the item", taken);
}

/* Some sleep, one of them is killed: the others are woken by puts. */
static void
others_go_on(void)
{
    pid_t pid[SLEEPERS];
    char buf[16];

    *got = 0;
    for (int i = 0; i < SLEEPERS; i++) {
        pid[i] = child(get_for_ever, NULL);
        asleep(pid[i]);
    }
    slay(pid[0]); /* who would have been woken first */
    for (int i = 0; i < SLEEPERS; i++) {
        must(sysvmp_queue_put(q, "x", 1, 1000), "put");
        until(got, i + 1);
    }
    is_int(SLEEPERS, *got, "queue-get-killed: the others go on");
    for (int i = 1; i < SLEEPERS; i++)
        slay(pid[i]);
    is_int(-EAGAIN, sysvmp_queue_get(q, buf, sizeof(buf), SYSVMP_NOWAIT),
        "... and nothing is left over");
}

/*
 * A storm: of all that is put, each kill costs one at most.
 */

static int
put_each(void *arg)
{
    (void)arg;
    for (int i = 0; i < EACH; i++)
        if (sysvmp_queue_put(q, "0123456789", 10, SYSVMP_FOREVER) != 0)
            return 1;
    return 0;
}

static void
killed_at_work(void)
{
    unsigned seed = 7;
    pid_t producer, pid[2];
    int lost;
    char buf[16];

    *got = 0;
    for (int i = 0; i < 2; i++)
        pid[i] = child(get_for_ever, NULL);
    for (int i = 0; i < STORMS; i++) {
        producer = child(put_each, NULL);
        pause_us(chance(&seed, 800));
        slay(pid[i % 2]);
        pid[i % 2] = child(get_for_ever, NULL);
        must(-reap(producer), "the producer");
    }
    while (sysvmp_queue_qsize(q) > 0)
        pause_us(100);
    for (int i = 0; i < 2; i++)
        asleep(pid[i]);
    for (int i = 0; i < 2; i++)
        slay(pid[i]);
    /* One that was got, but killed before it could say so, is no loss. */
    lost = STORMS * EACH - *got;
    ok(lost >= 0 && lost <= STORMS,
        "queue-get-killed: %d kills, %d messages missing", STORMS, lost);
    is_int(-EAGAIN, sysvmp_queue_get(q, buf, sizeof(buf), SYSVMP_NOWAIT),
        "... nothing is left over");
    is_int(0, sysvmp_queue_put(q, "x", 1, SYSVMP_NOWAIT), "... then put");
    is_int(1, sysvmp_queue_get(q, buf, sizeof(buf), SYSVMP_NOWAIT),
        "... and get are as ever");
}

int
main(void)
{
    plan(4 + 1 + 2 + 4);
    got = shared(sizeof(*got));
    must(sysvmp_queue_create(&q, 0, 0), "queue_create");
    killed_asleep();
    killed_waking();
    others_go_on();
    killed_at_work();
    sysvmp_queue_destroy(q);
    return done();
}
