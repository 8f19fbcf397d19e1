/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lock-threads.c: several threads in each of several processes take one lock:
 * what it protects is changed by one at a time, whether they wait or try.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <pthread.h>

#ifdef SYSVMP_PLAIN_LOCK
enum { EACH = 2000 };
#else
enum { EACH = 20000 };
#endif

enum { PROCESSES = 3, THREADS = 3 };

/* Not atomic on purpose: the lock is to keep them whole. */
static struct {
    volatile int64_t count;
    volatile int64_t twice;
    volatile int inside;
    _Atomic int intruders;
    _Atomic int failed;
} *stage;

static struct sysvmp_lock *lock;
static struct sysvmp_rlock *rlock;
static int with_rlock;

static int
acquire(int i)
{
    int timeout = i % 3 == 0 ? SYSVMP_FOREVER : i % 3 == 1 ? 1 : 0;
    int result;

    do
        result = with_rlock ? sysvmp_rlock_acquire(rlock, timeout)
                            : sysvmp_lock_acquire(lock, timeout);
    while (result == -EAGAIN || result == -ETIMEDOUT);
    return result;
}

static int
release(void)
{
    return with_rlock ? sysvmp_rlock_release(rlock)
                      : sysvmp_lock_release(lock);
}

static void *
count(void *arg)
{
    (void)arg;
    for (int i = 0; i < EACH; i++) {
        if (acquire(i) != 0)
            stage->failed = 1;
        if (stage->inside)
            stage->intruders++;
        stage->inside = 1;
        stage->count++;
        stage->twice += 2;
        stage->inside = 0;
        if (release() != 0)
            stage->failed = 1;
    }
    return NULL;
}

static int
run_threads(void *arg)
{
    pthread_t thread[THREADS];

    (void)arg;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&thread[i], NULL, count, NULL) != 0)
            return 1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    return 0;
}

static void
all_count(const char *what)
{
    pid_t pid[PROCESSES];
    int good = 0;

    stage->count = stage->twice = 0;
    for (int i = 0; i < PROCESSES; i++)
        pid[i] = child(run_threads, NULL);
    good += run_threads(NULL) == 0;
    for (int i = 0; i < PROCESSES; i++)
        good += reap(pid[i]) == 0;
    is_int(PROCESSES + 1, good, "lock-threads: %s: %d processes, %d threads",
        what, PROCESSES + 1, THREADS);
    is_int((PROCESSES + 1) * THREADS * EACH, stage->count,
        "... none of their changes is lost");
    is_int(stage->count * 2, stage->twice, "... nor torn");
    is_int(0, stage->intruders, "... nobody was inside at the same time");
    is_int(0, stage->failed, "... and no call has failed");
}

int
main(void)
{
    plan(2 * 5);
    stage = shared(sizeof(*stage));
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_rlock_create(&rlock), "rlock_create");
    all_count("lock");
    with_rlock = 1;
    all_count("rlock");
    return done();
}
