/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan.h: what is measured, and what is to be reached.
 *
 * An experiment is a list of subjects that are measured in turn, round after
 * round; the first is always ours. A row is one metric of an experiment, as
 * it is printed, with its targets.  What is the same for many sizes and shapes
 * is not written down but made: grid.c.
 */
#ifndef BENCH_PLAN_H
#define BENCH_PLAN_H

#include "flow.h"

#define MAX_SUBJECTS 13
#define MAX_METRICS  6
#define MAX_TARGETS  3
#define MAX_ROUNDS   99

/* In the order of their files, in start.c. */
enum program { OURS, PEERS, CPYTHON, APR, BOOST, NNG, ZEROMQ };

struct subject {
    const char *name;
    enum program program;
};

struct experiment {
    const char *name;
    int cpus;                   /* how many it needs */
    int rounds;                 /* at most; 0: as many as asked for */
    const char *metrics[MAX_METRICS];
    struct subject subjects[MAX_SUBJECTS + 1];
    int part;                   /* a cell has 1 / part of the time; 0: all */
    struct flow_shape flow;     /* size 0: it is none */
};

enum judge {
    NO_TARGET,
    RATIO_AT_MOST,              /* ours / peer, the median of the rounds */
    VALUE_AT_MOST,              /* our value, the median likewise */
    VALUE_AT_LEAST
};

/*
 * For the subject of that name; or, as with "cpython", for the fastest of
 * those whose names begin so, with a "-" after it.
 */
struct target {
    const char *subject;
    enum judge judge;
    double bound;
};

struct row {
    const char *name;
    const char *title;
    const char *experiment;
    const char *metric;
    const char *unit;
    const char *floor;          /* the subject that nobody can beat */
    struct target targets[MAX_TARGETS];
};

/* The rows in their order, from 0 to NULL; the experiment of a row. */
const struct row *plan_row(int index);
const struct experiment *plan_experiment(const struct row *row);

#endif /* BENCH_PLAN_H */
