/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* carry-ours.h: the three ways through a queue of libsysvmp. */
#ifndef BENCH_CARRY_OURS_H
#define BENCH_CARRY_OURS_H

#include "flow.h"

extern const struct carrier carry_queue;        /* put, get */
extern const struct carrier carry_many;         /* put_many, get_many */
extern const struct carrier carry_msg;          /* put_msg, get_msg */

#endif /* BENCH_CARRY_OURS_H */
