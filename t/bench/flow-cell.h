/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* flow-cell.h: flows as cells, for programs that have several. */
#ifndef BENCH_FLOW_CELL_H
#define BENCH_FLOW_CELL_H

#include "cell.h"

void flow_measure(struct cell *cell, const struct carrier *carrier);

#endif /* BENCH_FLOW_CELL_H */
