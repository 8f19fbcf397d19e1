/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proof.h: what the programs of t/proof have in common.  Each tries one thing
 * as often as its first argument says, and t/proof/cpython.py does the same
 * with CPython; t/proof/run reads the lines "# figure: NAME=VALUE ...".
 */
#ifndef PROOF_H
#define PROOF_H

#include "child.h"

#include <stdatomic.h>
#include <stdlib.h>

/* A call with this timeout that is told later than at the limit was not woken:
 * it has looked once more when its time was up. */
enum { CALL_MS = 10000, LIMIT_MS = 2000 };

MAYBE_UNUSED static int
in_time(int64_t start)
{
    return now_ns() - start < LIMIT_MS * INT64_C(1000000);
}

/* How often: the argument, or else so often. */
MAYBE_UNUSED static int
how_often(int argc, char **argv, int otherwise)
{
    int n = argc > 1 ? atoi(argv[1]) : otherwise;

    return n > 0 ? n : otherwise;
}

MAYBE_UNUSED static int
compare_ns(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* Says the median and the worst of n times; sorts them. */
MAYBE_UNUSED static void
figure_times(const char *name, int64_t *ns, int n)
{
    qsort(ns, (size_t)n, sizeof(*ns), compare_ns);
    diag("figure: %s.median_us=%.1f %s.worst_us=%.1f", name,
        n > 0 ? (double)ns[n / 2] / 1e3 : 0.0, name,
        n > 0 ? (double)ns[n - 1] / 1e3 : 0.0);
}

#endif /* PROOF_H */
