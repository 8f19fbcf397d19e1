/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * spin.c: SYSVMP_SPIN_US says for how long a call spins before it sleeps, 0
 * ends it, and no deadline is missed for it.  The environment is read when the
 * library is loaded, so each case is a program of its own: this one, again.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { TIMEOUT_MS = 100 };

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

static void
run(const char *self, const char *spin_us, long *cpu, long *wall)
{
    char command[4096];
    FILE *out;

    snprintf(command, sizeof(command), "SYSVMP_SPIN_US=%s '%s' measure",
        spin_us, self);
    out = popen(command, "r");
    if (out == NULL || fscanf(out, "%ld %ld", cpu, wall) != 2)
        bail("SYSVMP_SPIN_US=%s failed", spin_us);
    pclose(out);
    diag("SYSVMP_SPIN_US=%s: %ld us of CPU in %ld us", spin_us, *cpu, *wall);
}

int
main(int argc, char **argv)
{
    long cpu_never, cpu_some, cpu_long, wall;

    if (argc > 1)
        return measure();
    plan(4);
    run(argv[0], "0", &cpu_never, &wall);
    if (sysvmp_cpu_count() < 2) {
        skip(4, "on one CPU nothing spins");
        return done();
    }
    run(argv[0], "60000", &cpu_some, &wall);
    ok(cpu_some > cpu_never + 5000,
        "spin: 60 ms of it take more CPU than none");
    ok(wall >= TIMEOUT_MS * 1000L, "... and the timeout is kept");
    run(argv[0], "1000000", &cpu_long, &wall);
    ok(cpu_long > cpu_never + 5000, "... and so does a second of it");
    ok(wall < 5 * TIMEOUT_MS * 1000L, "... but ends with the timeout");
    return done();
}
