/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* matrix.h: all sizes of one shape of the grid in one table. */
#ifndef BENCH_MATRIX_H
#define BENCH_MATRIX_H

#include "figures.h"
#include "grid.h"

/* NULL: that size was not measured. */
void matrix_print(int shape, const struct results *results[GRID_SIZES]);

#endif /* BENCH_MATRIX_H */
