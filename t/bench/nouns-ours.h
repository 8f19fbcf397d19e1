/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* nouns-ours.h: the cells of our own events, barriers, and so on. */
#ifndef BENCH_NOUNS_OURS_H
#define BENCH_NOUNS_OURS_H

#include "cell.h"

cell_fn event_ours;
cell_fn condition_ours;
cell_fn barrier_2_ours, barrier_8_ours;
cell_fn semaphore_1_ours, semaphore_2_ours;
cell_fn semaphore_1_permits, semaphore_2_permits;
cell_fn wait_1_ours, wait_64_ours;
cell_fn wait_recv;

#endif /* BENCH_NOUNS_OURS_H */
