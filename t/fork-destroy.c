/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fork-destroy.c: a reference is inherited at the instant of the fork: the
 * parent destroys its handles at once, and the child still uses them; 10,000
 * times.
 */
#include <config.h>

#include "child.h"

#include <stdlib.h>

/* Semaphore sets are kept for the next objects: some more there may be. */
enum { FORKS = 10000, ATONCE = 4, WORKERS = 2, MORE_MAX = 100 };

struct pair {
    struct sysvmp_lock *lock;
    struct sysvmp_queue *queue;
};

/* All ATONCE children of a round share them; nobody else does. */
static int
use(void *arg)
{
    struct pair *pair = arg;
    pid_t pid = getpid(), got;

    for (int i = 0; i < 2; i++) {
        if (sysvmp_lock_acquire(pair->lock, SYSVMP_FOREVER) != 0)
            return 2;
        if (sysvmp_queue_put(pair->queue, &pid, sizeof(pid),
                SYSVMP_FOREVER) != 0)
            return 3;
        if (sysvmp_queue_get(pair->queue, &got, sizeof(got),
                SYSVMP_FOREVER) != sizeof(got))
            return 4;
        if (got != pid)
            return 5;
        if (sysvmp_lock_release(pair->lock) != 0)
            return 6;
    }
    return 0;
}

/* Half of the children destroy, half of them leave it to their end. */
static int
use_and_end(void *arg)
{
    struct pair *pair = arg;
    int result = use(arg);

    if (getpid() % 2) {
        sysvmp_lock_destroy(pair->lock);
        sysvmp_queue_destroy(pair->queue);
    }
    return result;
}

static void
create(struct pair *pair)
{
    must(sysvmp_lock_create(&pair->lock), "lock_create");
    must(sysvmp_queue_create(&pair->queue, 0, 0), "queue_create");
}

static void
destroy(struct pair *pair)
{
    sysvmp_lock_destroy(pair->lock);
    sysvmp_queue_destroy(pair->queue);
}

/* How many of the round's children failed. */
static int
go_round(void)
{
    pid_t pid[ATONCE];
    struct pair pair;
    int failed = 0;

    create(&pair);
    for (int i = 0; i < ATONCE; i++)
        pid[i] = child(use_and_end, &pair);
    destroy(&pair);
    for (int i = 0; i < ATONCE; i++) {
        int code = reap(pid[i]);

        if (code != 0)
            diag("a child ended with %d", code);
        failed += code != 0;
    }
    return failed;
}

/* Ends at the first failure. */
static int
work(void *arg)
{
    (void)arg;
    for (int i = 0; i < FORKS / ATONCE / WORKERS; i++)
        if (go_round() > 0)
            return 1;
    return 0;
}

int
main(void)
{
    struct sysvmp_process *p[WORKERS];
    struct pair keep;
    int before, more;

    plan(WORKERS + 1);
    create(&keep);
    before = ipc_left();
    for (int i = 0; i < WORKERS; i++)
        p[i] = started(work, NULL);
    for (int i = 0; i < WORKERS; i++)
        is_int(0, end_of(p[i]), "fork-destroy: %d children used a lock and a "
            "queue that their parent destroyed", FORKS / WORKERS);
    destroy(&keep);
    create(&keep); /* this removes what the last ones to end have left */
    more = ipc_left() - before;
    if (!ok(more < MORE_MAX, "... their objects were removed on the way"))
        diag("%d more objects than before", more);
    destroy(&keep);
    return done();
}
