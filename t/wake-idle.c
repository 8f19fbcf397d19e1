/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wake-idle.c: consumer A has the idle class, on a CPU that is busy; consumer
 * B has another CPU.  A producer makes something each millisecond.  B gets on
 * with it while A, woken as well, does not run.
 *
 * `wake-idle.t long` compares it with msgsnd and msgrcv, and with sem_t, in
 * the same run, also beside a load of ten busy loops: the share that B gets,
 * and how many wait for over 5 ms and over 50 ms.  It takes five minutes.
 */
#ifndef _GNU_SOURCE
#    define _GNU_SOURCE
#endif
#include <config.h>

#include "child.h"

#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/msg.h>
#include <sys/wait.h>

enum { A, B, CONSUMERS, ROUNDS = 5, QUICK_MS = 100, LONG_MS = 5000,
    PUTS_MAX = 10000, LOOPS_MAX = 10 };

/* Of one round. */
struct figures {
    double share; /* B's */
    double late5, late50;
};

static struct {
    _Atomic int64_t put_at[PUTS_MAX];
    _Atomic int next, ready, late5, late50, had[CONSUMERS];
    sem_t theirs;
} *stage;

static struct sysvmp_queue *queue;
static struct sysvmp_semaphore *semaphore;
static int theirs;

struct message {
    long type;
    int64_t put_at;
};

/*
 * The four ways.
 */

static void
make_queue(void)
{
    must(sysvmp_queue_create(&queue, 0, 0), "queue_create");
}

static void
put_queue(int64_t now)
{
    must(sysvmp_queue_put(queue, &now, sizeof(now), SYSVMP_FOREVER), "put");
}

static int64_t
get_queue(void)
{
    int64_t put_at;

    must(sysvmp_queue_get(queue, &put_at, sizeof(put_at), SYSVMP_FOREVER),
        "get");
    return put_at;
}

static void
destroy_queue(void)
{
    sysvmp_queue_destroy(queue);
}

static void
make_msg(void)
{
    theirs = (int)must(msgget(IPC_PRIVATE, 0600), "msgget");
}

static void
put_msg(int64_t now)
{
    struct message message = {1, now};

    must(msgsnd(theirs, &message, sizeof(now), IPC_NOWAIT), "msgsnd");
}

static int64_t
get_msg(void)
{
    struct message message;

    must(msgrcv(theirs, &message, sizeof(message.put_at), 0, 0), "msgrcv");
    return message.put_at;
}

static void
destroy_msg(void)
{
    msgctl(theirs, IPC_RMID, NULL);
}

static void
make_semaphore(void)
{
    must(sysvmp_semaphore_create(&semaphore, 0, 0, 0), "semaphore_create");
}

static void
release(int64_t now)
{
    (void)now;
    must(sysvmp_semaphore_release(semaphore, 1), "release");
}

static int64_t
acquire(void)
{
    must(sysvmp_semaphore_acquire(semaphore, SYSVMP_FOREVER), "acquire");
    return atomic_load(&stage->put_at[atomic_fetch_add(&stage->next, 1)]);
}

static void
destroy_semaphore(void)
{
    sysvmp_semaphore_destroy(semaphore);
}

static void
make_sem_t(void)
{
    must(sem_init(&stage->theirs, 1, 0), "sem_init");
}

static void
post_sem_t(int64_t now)
{
    (void)now;
    must(sem_post(&stage->theirs), "sem_post");
}

static int64_t
wait_sem_t(void)
{
    must(sem_wait(&stage->theirs), "sem_wait");
    return atomic_load(&stage->put_at[atomic_fetch_add(&stage->next, 1)]);
}

static void
destroy_sem_t(void)
{
    sem_destroy(&stage->theirs);
}

static const struct way {
    const char *name;
    void (*make)(void);
    void (*put)(int64_t now);
    int64_t (*get)(void);
    void (*destroy)(void);
} ways[] = {
    {"queue", make_queue, put_queue, get_queue, destroy_queue},
    {"msgsnd, msgrcv", make_msg, put_msg, get_msg, destroy_msg},
    {"semaphore", make_semaphore, release, acquire, destroy_semaphore},
    {"sem_t", make_sem_t, post_sem_t, wait_sem_t, destroy_sem_t},
};

/*
 * A round.
 */

static void
run_on(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    (void)sched_setaffinity(0, sizeof(set), &set);
}

static int
be_busy(void *arg)
{
    if (*(const int *)arg == 0)
        run_on(0);
    for (;;)
        continue;
    return 0;
}

struct consumer {
    const struct way *way;
    int which;
};

static int
consume(void *arg)
{
    const struct consumer *consumer = arg;
    struct sched_param none = {.sched_priority = 0};

    run_on(consumer->which == A ? 0 : 1);
    if (consumer->which == A)
        (void)sched_setscheduler(0, SCHED_IDLE, &none);
    atomic_fetch_add(&stage->ready, 1);
    for (;;) {
        int64_t put_at = consumer->way->get();
        int64_t waited = now_ns() - put_at;

        if (waited > 5 * INT64_C(1000000))
            atomic_fetch_add(&stage->late5, 1);
        if (waited > 50 * INT64_C(1000000))
            atomic_fetch_add(&stage->late50, 1);
        atomic_fetch_add(&stage->had[consumer->which], 1);
    }
    return 0;
}

/* One each millisecond; how many. */
static int
produce(const struct way *way, int ms)
{
    int64_t end = now_ns() + ms * INT64_C(1000000), now;
    int n = 0;

    while ((now = now_ns()) < end && n < PUTS_MAX) {
        atomic_store(&stage->put_at[n], now);
        way->put(now);
        n++;
        pause_us(1000);
    }
    return n;
}

static int
all_had(void *arg)
{
    return atomic_load(&stage->had[A]) + atomic_load(&stage->had[B]) >=
        *(const int *)arg;
}

static void
play(const struct way *way, int loops, int ms, struct figures *figures)
{
    struct consumer consumers[CONSUMERS] = {{way, A}, {way, B}};
    pid_t busy[LOOPS_MAX], pid[CONSUMERS];
    int n;

    memset(stage, 0, sizeof(*stage));
    way->make();
    for (int i = 0; i < loops; i++)
        busy[i] = child(be_busy, &i);
    for (int i = 0; i < CONSUMERS; i++)
        pid[i] = child(consume, &consumers[i]);
    until(&stage->ready, CONSUMERS);
    n = produce(way, ms);
    until_true(all_had, &n, "the consumers to have it all");
    for (int i = 0; i < CONSUMERS; i++)
        slay(pid[i]);
    for (int i = 0; i < loops; i++)
        slay(busy[i]);
    way->destroy();
    *figures = (struct figures){1.0 * stage->had[B] / n,
        1.0 * stage->late5 / n, 1.0 * stage->late50 / n};
}

/*
 * Ours beside theirs.
 */

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double
median(double *values)
{
    qsort(values, ROUNDS, sizeof(*values), compare);
    return values[ROUNDS / 2];
}

static struct figures
medians(const struct figures *rounds)
{
    double share[ROUNDS], late5[ROUNDS], late50[ROUNDS];

    for (int i = 0; i < ROUNDS; i++) {
        share[i] = rounds[i].share;
        late5[i] = rounds[i].late5;
        late50[i] = rounds[i].late50;
    }
    return (struct figures){median(share), median(late5), median(late50)};
}

static void
tell(const struct way *way, int loops, const struct figures *figures)
{
    diag("%-14s beside %2d: B has %.3f, over 5 ms %.4f, over 50 ms %.4f",
        way->name, loops, figures->share, figures->late5, figures->late50);
}

static void
beside(const struct way *pair, int loops)
{
    struct figures ours[ROUNDS], others[ROUNDS], a, b;

    for (int i = 0; i < ROUNDS; i++) {
        play(&pair[0], loops, LONG_MS, &ours[i]);
        play(&pair[1], loops, LONG_MS, &others[i]);
    }
    a = medians(ours);
    b = medians(others);
    tell(&pair[0], loops, &a);
    tell(&pair[1], loops, &b);
    ok(a.share >= 0.9 * b.share && a.late5 <= 1.2 * b.late5 + 0.001 &&
            a.late50 <= 1.2 * b.late50 + 0.001,
        "%s beside %d busy loops: B gets on as with %s", pair[0].name, loops,
        pair[1].name);
}

static void
quickly(const struct way *way)
{
    struct figures figures;

    play(way, 1, QUICK_MS, &figures);
    tell(way, 1, &figures);
    ok(1, "%s: all is had", way->name);
}

int
main(int argc, char **argv)
{
    int in_full = long_form(argc, argv);

    plan(in_full ? 4 : 2);
    stage = shared(sizeof(*stage));
    for (int i = 0; i < 4; i += 2) {
        if (in_full) {
            beside(&ways[i], 1);
            beside(&ways[i], LOOPS_MAX);
        } else {
            quickly(&ways[i]);
        }
    }
    return done();
}
