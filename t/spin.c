/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * spin.c: SYSVMP_SPIN_US says for how long a call spins before it sleeps, 0
 * ends it, and no deadline is missed for it.  Nor does it yield for ever to
 * somebody who is busy on the same CPU.  The environment is read when the
 * library is loaded, so each case is a program of its own: this one, again.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { TIMEOUT_MS = 100, ROUND_TRIPS = 4000, TRIES = 5,
    LATE_US = 5 * TIMEOUT_MS * 1000 };

static long
cpu_us(void)
{
    struct rusage use;

    getrusage(RUSAGE_SELF, &use);
    return (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000L +
        use.ru_utime.tv_usec + use.ru_stime.tv_usec;
}

/* One get that times out: the CPU and the clock that it took. */
static int
measure(void)
{
    struct sysvmp_queue *q;
    char buf[8];
    long cpu;
    int64_t start;

    must(sysvmp_queue_create(&q, 0, 0), "queue_create");
    cpu = cpu_us();
    start = now_ns();
    if (sysvmp_queue_get(q, buf, sizeof(buf), TIMEOUT_MS) != -ETIMEDOUT)
        return 1;
    printf("%ld %ld\n", cpu_us() - cpu, (long)((now_ns() - start) / 1000));
    sysvmp_queue_destroy(q);
    return 0;
}

/* From now on, on one CPU alone. */
static void
stay_here(void)
{
    cpu_set_t all, one;
    size_t cpu = 0;

    CPU_ZERO(&all);
    CPU_ZERO(&one);
    must(sched_getaffinity(0, sizeof(all), &all), "sched_getaffinity");
    while (!CPU_ISSET(cpu, &all))
        cpu++;
    CPU_SET(cpu, &one);
    must(sched_setaffinity(0, sizeof(one), &one), "sched_setaffinity");
}

static int
busy(void *arg)
{
    volatile unsigned long n = 0;

    (void) arg;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (++n != 0)
        continue;
    return 1;
}

static int
answer(void *arg)
{
    struct sysvmp_conn **end = arg;
    char c;

    for (int i = 0; i < ROUND_TRIPS; i++)
        if (sysvmp_conn_recv(end[1], &c, 1, SYSVMP_FOREVER) != 1 ||
            sysvmp_conn_send(end[1], &c, 1, SYSVMP_FOREVER) != 0)
            return 1;
    return 0;
}

/* Round trips beside a process that is busy: the CPU and the clock. */
static int
measure_beside(void)
{
    struct sysvmp_conn *end[2];
    pid_t peer, other;
    int64_t start;
    char c = 1;

    stay_here();
    must(sysvmp_pipe_create(end, 0), "pipe_create");
    other = child(busy, NULL);
    peer = child(answer, end);
    start = now_ns();
    for (int i = 0; i < ROUND_TRIPS; i++)
        if (sysvmp_conn_send(end[0], &c, 1, SYSVMP_FOREVER) != 0 ||
            sysvmp_conn_recv(end[0], &c, 1, SYSVMP_FOREVER) != 1)
            return 1;
    printf("%ld %ld\n", cpu_us(), (long) ((now_ns() - start) / 1000));
    slay(other);
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
    return reap(peer);
}

static void
run(const char *self, const char *what, const char *spin_us, long *cpu,
    long *wall)
{
    char command[4096];
    FILE *out;

    snprintf(command, sizeof(command), "SYSVMP_SPIN_US=%s '%s' %s",
        spin_us, self, what);
    out = popen(command, "r");
    if (out == NULL || fscanf(out, "%ld %ld", cpu, wall) != 2)
        bail("SYSVMP_SPIN_US=%s failed", spin_us);
    pclose(out);
    diag("%s, SYSVMP_SPIN_US=%s: %ld us of CPU in %ld us", what, spin_us,
        *cpu, *wall);
}

int
main(int argc, char **argv)
{
    long cpu_never, cpu_some, cpu_long, wall, asleep;

    if (argc > 1)
        return strcmp(argv[1], "beside") == 0 ? measure_beside() : measure();
    plan(5);
    run(argv[0], "beside", "0", &cpu_never, &asleep);
    run(argv[0], "beside", "20", &cpu_some, &wall);
    ok(wall < 10 * asleep + 200000,
        "yield: who is busy on our CPU does not get all of it");
    run(argv[0], "measure", "0", &cpu_never, &wall);
    if (sysvmp_cpu_count() < 2) {
        skip(4, "on one CPU nothing spins");
        return done();
    }
    run(argv[0], "measure", "60000", &cpu_some, &wall);
    ok(cpu_some > cpu_never + 5000,
        "spin: 60 ms of it take more CPU than none");
    ok(wall >= TIMEOUT_MS * 1000L, "... and the timeout is kept");
    /* On a busy machine it may go on late: one good run of some will do. */
    for (int i = 0; i < TRIES && (i == 0 || wall >= LATE_US); i++)
        run(argv[0], "measure", "1000000", &cpu_long, &wall);
    ok(cpu_long > cpu_never + 5000, "... and so does a second of it");
    ok(wall < LATE_US, "... but ends with the timeout");
    return done();
}
