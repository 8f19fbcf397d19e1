/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * counts.c: what a call costs when nobody has to wait, in system calls, as
 * counted at the seam: none for a lock, msgsnd and msgrcv for a message; and
 * nobody is woken when nobody sleeps.  A descriptor for event loops costs
 * those alone who have asked for it.
 */
#include <config.h>

#include "files.h"
#include "stage.h"
#include "sysvmp.h"
#include "tap.h"
#include "testing.h"

#include <string.h>

enum { N = 100 };

#ifdef SYSVMP_PLAIN_LOCK
enum { CALLS_OF_LOCK = 1 };
#else
enum { CALLS_OF_LOCK = 0 };
#endif

static const char *const names[SEAM_CALLS] = {
    "semget", "semop", "semtimedop", "semctl", "msgget", "msgsnd", "msgrcv",
    "msgctl", "shmget", "shmat", "shmdt", "shmctl",
    "membarrier", "unshare", "madvise", "pipe", "fcntl", "fstat", "write", "read",
    "close"
};

static unsigned long expected[SEAM_CALLS];
static struct sysvmp_lock *lock;
static struct sysvmp_rlock *rlock;
static struct sysvmp_queue *q;
static struct sysvmp_conn *end[2];
static _Atomic int *stage;

static void
count_from_here(void)
{
    memset(testing_calls, 0, sizeof(testing_calls));
    memset(expected, 0, sizeof(expected));
}

static void
counted_as_expected(const char *text)
{
    unsigned long seen[SEAM_CALLS];

    memcpy(seen, testing_calls, sizeof(seen));
    if (ok(memcmp(seen, expected, sizeof(seen)) == 0, "%s", text))
        return;
    for (int i = 0; i < SEAM_CALLS; i++)
        if (seen[i] != expected[i])
            diag("  %s: %lu, not %lu", names[i], seen[i], expected[i]);
}

static int
lock_pair(void)
{
    return sysvmp_lock_acquire(lock, SYSVMP_FOREVER) >= 0 &&
        sysvmp_lock_release(lock) == 0;
}

static int
rlock_pair(void)
{
    return sysvmp_rlock_acquire(rlock, SYSVMP_FOREVER) >= 0 &&
        sysvmp_rlock_acquire(rlock, SYSVMP_FOREVER) >= 0 &&
        sysvmp_rlock_release(rlock) == 0 && sysvmp_rlock_release(rlock) == 0;
}

static void
locks(const char *where)
{
    int good;

    diag("%s", where);
    good = lock_pair() && rlock_pair(); /* the first may cost something */
    count_from_here();
    for (int i = 0; i < N; i++)
        good += lock_pair() && rlock_pair();
    is_int(N + 1, good, "counts: %d times acquire and release", N);
    is_int(N * 4 * CALLS_OF_LOCK, (int64_t)testing_all_calls(),
        "... of lock and rlock: %d system calls each", CALLS_OF_LOCK);
}

static void
lock_calls_that_fail(void)
{
    int good = 1;

    lock_pair();
    count_from_here();
    for (int i = 0; i < N; i++)
        good &= sysvmp_lock_locked(lock) == 0 && sysvmp_lock_owner(lock) == 0;
    ok(good, "counts: locked and owner of a free lock");
    counted_as_expected("... no system call");
}

static void
queue_pairs(void)
{
    char buf[64] = "";
    int good = 0;

    count_from_here();
    for (int i = 0; i < N; i++)
        good += sysvmp_queue_put(q, buf, sizeof(buf), SYSVMP_FOREVER) == 0 &&
            sysvmp_queue_get(q, buf, sizeof(buf), SYSVMP_FOREVER) == 64;
    expected[SEAM_MSGSND] = expected[SEAM_MSGRCV] = N;
    is_int(N, good, "counts: %d times put and get", N);
    counted_as_expected("... a msgsnd and a msgrcv each, nothing else");
}

static void
queue_batch(void)
{
    char buf[64] = "";
    int good = 0;

    count_from_here();
    for (int i = 0; i < N; i++)
        good += sysvmp_queue_put(q, buf, sizeof(buf), 1000) == 0;
    for (int i = 0; i < N; i++)
        good += sysvmp_queue_get(q, buf, sizeof(buf), 1000) == 64;
    expected[SEAM_MSGSND] = expected[SEAM_MSGRCV] = N;
    is_int(2 * N, good, "counts: %d puts, then as many gets", N);
    counted_as_expected("... the same, also with a timeout");
}

static void
pipe_pairs(void)
{
    char buf[64] = "";
    int good = 0;

    count_from_here();
    for (int i = 0; i < N; i++)
        good +=
            sysvmp_conn_send(end[1], buf, sizeof(buf), SYSVMP_FOREVER) == 0 &&
            sysvmp_conn_recv(end[0], buf, sizeof(buf), SYSVMP_FOREVER) == 64;
    expected[SEAM_MSGSND] = expected[SEAM_MSGRCV] = N;
    /* Each send asks whether anybody holds the other end. */
    if (testing_calls[SEAM_SEMCTL] <= N)
        expected[SEAM_SEMCTL] = testing_calls[SEAM_SEMCTL];
    is_int(N, good, "counts: %d times send and recv", N);
    counted_as_expected("... a msgsnd, a msgrcv, at most one semctl each");
}

static void
nothing_there(void)
{
    char buf[64];
    int good = 1;

    count_from_here();
    for (int i = 0; i < N; i++)
        good &= sysvmp_queue_get(q, buf, sizeof(buf), SYSVMP_NOWAIT) < 0;
    ok(good, "counts: get from an empty queue, without waiting");
    counted_as_expected("... no system call");
}

/*
 * Descriptors.
 */

static unsigned long
calls_on_descriptors(void)
{
    unsigned long sum = 0;

    for (int i = SEAM_PIPE; i <= SEAM_CLOSE; i++)
        sum += testing_calls[i];
    return sum;
}

static int
files_of(unsigned flags)
{
    struct sysvmp_queue *other;
    struct sysvmp_conn *ends[2];
    int n;

    must(sysvmp_queue_create(&other, 0, flags), "queue_create");
    must(sysvmp_pipe_create(ends, flags), "pipe_create");
    must(sysvmp_conn_close(ends[0]), "conn_close");
    must(sysvmp_queue_close(other), "queue_close");
    n = files();
    sysvmp_conn_destroy(ends[0]);
    sysvmp_conn_destroy(ends[1]);
    sysvmp_queue_destroy(other);
    return n;
}

static void
not_asked_for(void)
{
    int before = files();

    count_from_here();
    is_int(before, files_of(0), "counts: a queue and a pipe: no descriptor");
    is_int(0, (int64_t)calls_on_descriptors(), "... and no call about one");
    is_int(before + 5, files_of(SYSVMP_FILENO),
        "... where they are asked for, a queue's two, and three of an end");
    is_int(before, files(), "... which are closed");
    ok(calls_on_descriptors() > 0, "... all counted");
}

static void
asked_for(void)
{
    struct sysvmp_queue *plain = q;
    char buf[64] = "";
    int good = 0;

    must(sysvmp_queue_create(&q, 0, SYSVMP_FILENO), "queue_create");
    must(sysvmp_queue_put(q, buf, 1, SYSVMP_FOREVER), "put"); /* makes room */
    must(sysvmp_queue_get(q, buf, 1, SYSVMP_FOREVER), "get");
    count_from_here();
    for (int i = 0; i < N; i++)
        good += sysvmp_queue_put(q, buf, 64, SYSVMP_FOREVER) == 0 &&
            sysvmp_queue_get(q, buf, 64, SYSVMP_FOREVER) == 64;
    expected[SEAM_WRITE] = expected[SEAM_READ] = N;
    expected[SEAM_FSTAT] = 2 * N;
    is_int(N, good, "counts: with a descriptor %d times put and get", N);
    counted_as_expected("... a write, a read, a look before each");
    must(sysvmp_queue_put(q, buf, 64, SYSVMP_FOREVER), "put");
    count_from_here();
    for (int i = 0; i < N; i++)
        good += sysvmp_queue_put(q, buf, 64, SYSVMP_FOREVER) == 0 &&
            sysvmp_queue_get(q, buf, 64, SYSVMP_FOREVER) == 64;
    is_int(2 * N, good, "... the same, while there is another message");
    counted_as_expected("... no system call");
    sysvmp_queue_destroy(q);
    q = plain;
}

/*
 * With others: a child takes part, then sleeps or ends.
 */

static int
take_lock(void *arg)
{
    (void)arg;
    if (sysvmp_lock_acquire(lock, SYSVMP_FOREVER) < 0)
        return 1;
    return sysvmp_lock_release(lock) < 0;
}

static void
after_contention(void)
{
    pid_t pid;

    must(sysvmp_lock_acquire(lock, SYSVMP_FOREVER), "acquire");
    pid = child(take_lock, NULL);
    asleep(pid);
    must(sysvmp_lock_release(lock), "release");
    is_int(0, reap(pid), "counts: another has waited for the lock");
    locks("after contention");
}

static int
get_one(void *arg)
{
    char buf[64];

    (void)arg;
    if (sysvmp_queue_get(q, buf, sizeof(buf), SYSVMP_FOREVER) < 0)
        return 1;
    *stage = 1;
    until(stage, 2);
    return 0;
}

static void
after_a_sleeper(void)
{
    pid_t pid;

    *stage = 0;
    pid = child(get_one, NULL);
    asleep(pid);
    count_from_here();
    must(sysvmp_queue_put(q, "", 1, SYSVMP_FOREVER), "put");
    expected[SEAM_MSGSND] = expected[SEAM_SEMOP] = 1;
    counted_as_expected(
        "counts: put, and another sleeps: a msgsnd, a semop to wake it");
    until(stage, 1);
    queue_pairs();
    queue_batch();
    *stage = 2;
    is_int(0, reap(pid), "... while it was awake");
}

static int
in_a_child(void *arg)
{
    (void)arg;
    locks("in a child");
    queue_pairs();
    pipe_pairs();
    return 0;
}

int
main(void)
{
    plan(6 * 2 + 3 + 6 + 7 + 9);
    stage = shared(sizeof(*stage));
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_rlock_create(&rlock), "rlock_create");
    must(sysvmp_queue_create(&q, 0, 0), "queue_create");
    must(sysvmp_pipe_create(end, 0), "pipe_create");
    locks("in the creator");
    lock_calls_that_fail();
    queue_pairs();
    queue_batch();
    pipe_pairs();
    nothing_there();
    not_asked_for();
    asked_for();
    after_contention();
    after_a_sleeper();
    is_int(0, reap(child(in_a_child, NULL)), "counts: ... and in a child");
    return done();
}
