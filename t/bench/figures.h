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
    char reason[64];            /* what can't be done, or not in full */
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
    double ratio_low;           /* its spread; of ours there is none */
    double ratio_high;
    double low;                 /* the spread of the value */
    double high;
    double mbps;                /* of a flow: 10^6 bytes a second */
    double depth;               /* ... messages under way */
    int rounds;
    const char *reason;         /* as in the samples; may be empty */
    double floor;
    const struct target *target;        /* NULL: none */
    bool reached;
};

void figures_make(struct figure *figure, const struct row *row,
    const struct results *results, int subject);

#endif /* BENCH_FIGURES_H */
