/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* grid.h: every size in every shape: the rows and experiments, made. */
#ifndef BENCH_GRID_H
#define BENCH_GRID_H

#include "plan.h"

#define GRID_SIZES  6
#define GRID_SHAPES 4

/* From 0, by shape, then by size; NULL after the last. */
const struct row *grid_row(int index);

/* NULL: the row is not of the grid. */
const struct experiment *grid_experiment(const struct row *row);

const char *grid_size_text(int size);
const char *grid_shape_text(int shape);

#endif /* BENCH_GRID_H */
