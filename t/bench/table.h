/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* table.h: printing the figures, for programs and for people. */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <stdio.h>

#include "figures.h"

void table_tsv_header(FILE *to);
void table_tsv(FILE *to, const struct row *row,
    const struct results *results);

/* The readable form; counts targets and those that are reached. */
void table_row(const struct row *row, const struct results *results,
    int *targets, int *reached);

#endif /* BENCH_TABLE_H */
