/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ours.h: what became of a call of libsysvmp. */
#ifndef BENCH_OURS_H
#define BENCH_OURS_H

#include <stdio.h>
#include <sysvmp.h>

#include "cell.h"

static inline void
must(int code, const char *what)
{
    if (code != 0)
        fail("%s: %s: %s", what, sysvmp_strerror(code), sysvmp_last_error());
}

/* Whether the call gave what it should; if not, it says what came instead. */
static inline bool
gave(ssize_t wanted, ssize_t got)
{
    if (got != wanted)
        fprintf(stderr, "%zd: %s: %s\n", got,
            got > 0 ? "too much" : sysvmp_strerror((int)got),
            sysvmp_last_error());
    return got == wanted;
}

#endif /* BENCH_OURS_H */
