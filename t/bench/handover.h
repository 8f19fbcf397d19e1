/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* handover.h: what it costs to hand a message over without a copy. */
#ifndef BENCH_HANDOVER_H
#define BENCH_HANDOVER_H

#include "cell.h"

cell_fn handover_measure;

#endif /* BENCH_HANDOVER_H */
