/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* nouns-plan.h: the rows of events, conditions, and so on. */
#ifndef BENCH_NOUNS_PLAN_H
#define BENCH_NOUNS_PLAN_H

#include "plan.h"

/* The rows in their order, from 0 to NULL. */
const struct row *nouns_row(int index);
/* NULL: it is another's. */
const struct experiment *nouns_experiment(const struct row *row);

#endif /* BENCH_NOUNS_PLAN_H */
