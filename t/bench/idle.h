/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* idle.h: what a process costs that sleeps in a call for five seconds. */
#ifndef BENCH_IDLE_H
#define BENCH_IDLE_H

#include "cell.h"

struct sleeper {
    const char *name;               /* the metrics are NAME-ticks and so on */
    bool (*sleep)(void *arg);       /* in the child: sleeps till it is woken */
    bool (*wake)(void *arg);        /* in the parent */
    void *arg;
};

#define IDLE_SLEEPERS 3

/* Runs the sleepers at once, and prints what each call has cost. */
void idle_measure(struct cell *cell, const struct sleeper *sleepers);

#endif /* BENCH_IDLE_H */
