/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* figures.h: what was measured, and the figures made of it. */
#ifndef BENCH_FIGURES_H
#define BENCH_FIGURES_H

#include <stdbool.h>

#include "plan.h"
#include "start.h"

/* One subject of one experiment, all rounds. */
struct samples {
    enum outcome outcome;       /* the worst of all rounds */
    int rounds;
    double value[MAX_METRICS][MAX_ROUNDS];      /* NAN: not reported */
};

struct results {
    const struct experiment *experiment;
    struct samples samples[MAX_SUBJECTS];
};

/* Enters what a cell printed; a metric that it did not print is NAN. */
void figures_add(struct results *results, int subject, enum outcome outcome,
    const char *text);

/* One cell of the table. NAN where there is no such figure. */
struct figure {
    const struct subject *subject;
    enum outcome outcome;
    double value;               /* median */
    double ratio;               /* ours / this one, median of the rounds */
    double low;                 /* the spread: of the ratio; for ours, */
    double high;                /* which has none, of the value */
    double floor;
    const struct target *target;        /* NULL: none */
    bool reached;
};

void figures_make(struct figure *figure, const struct row *row,
    const struct results *results, int subject);

#endif /* BENCH_FIGURES_H */
