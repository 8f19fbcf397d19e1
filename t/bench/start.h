/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* start.h: running one cell as a fresh process. */
#ifndef BENCH_START_H
#define BENCH_START_H

#include <stddef.h>

#include "plan.h"

enum space { SPACE_OWN, SPACE_OWN_USER, SPACE_SHARED };

struct setup {
    const char *programs;       /* the directory of ours and peers */
    const char *scripts;        /* the directory of cpython.py */
    int cpu[2];
    int cpus;
    int ms;
    int rounds;
    enum space space;
};

/* Of several rounds the last of these counts. */
enum outcome { MISSING, DONE, CANNOT, FAILED, NOT_INSTALLED };

/* The best kind of IPC namespace that can be had here. */
enum space start_space(void);
const char *start_space_text(enum space space);

/*
 * Runs a cell (or, for subject NULL, asks CPython for its version), and
 * fills buf with what it printed.
 */
enum outcome start_cell(const struct setup *setup,
    const struct experiment *experiment, const struct subject *subject,
    char *buf, size_t size);

#endif /* BENCH_START_H */
