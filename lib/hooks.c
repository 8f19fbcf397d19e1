/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hooks.c: log and interrupt function.  Both are silent by default; they are
 * set before threads start or by one thread (set_* calls are not for several
 * threads at once), and inherited by fork with the rest of the memory.
 */
#include "internal.h"

#include <stdarg.h>
#include <stdio.h>

#include "callback.h"
#include "hooks.h"

static void (*log_fn)(int level, const char *line, void *arg);
static void *log_arg;
static int (*interrupt_fn)(void *arg);
static void *interrupt_arg;

void
sysvmp_set_log(void (*fn)(int level, const char *line, void *arg), void *arg)
{
    log_arg = arg;
    log_fn = fn;
}

void
sysvmp_set_interrupt(int (*fn)(void *), void *arg)
{
    interrupt_arg = arg;
    interrupt_fn = fn;
}

bool
hooks_interrupted(void)
{
    return interrupt_fn != NULL &&
        callback_call(interrupt_fn, interrupt_arg) != 0;
}

/* A line for the log. */
struct log_line {
    int level;
    const char *text;
};

static int
pass_on(void *arg)
{
    const struct log_line *line = arg;

    log_fn(line->level, line->text, log_arg);
    return 0;
}

void
hooks_log(int level, const char *format, ...)
{
    char text[256];
    struct log_line line = { level, text };
    va_list args;

    if (log_fn == NULL)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void) callback_call(pass_on, &line);
}
