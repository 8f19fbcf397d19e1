/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* carry.h: what carries messages without a library: carry-*.c. */
#ifndef BENCH_CARRY_H
#define BENCH_CARRY_H

#include "flow.h"

extern const struct carrier carry_sysv;
extern const struct carrier carry_mq;
extern const struct carrier carry_pipe, carry_socketpair;
extern const struct carrier carry_ring;

#endif /* BENCH_CARRY_H */
