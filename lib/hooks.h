/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hooks.h: the program's own functions that the library calls: its log, and
 * the question whether a sleep shall be given up.
 */
#ifndef SYSVMP_HOOKS_H
#define SYSVMP_HOOKS_H

#include <stdbool.h>

/* Asked before each sleep and after each signal. */
bool hooks_interrupted(void);
/* Never with a lock of ours held, nor in a fork handler. */
void hooks_log(int level, const char *format, ...) PRINTF_LIKE(2, 3);
/* The same from anywhere: the line is kept, and told at the end of this call
 * or of a later one.  Few lines are kept; what does not fit is lost. */
void hooks_keep(int level, const char *format, ...) PRINTF_LIKE(2, 3);

#endif /* SYSVMP_HOOKS_H */
