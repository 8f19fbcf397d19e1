/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hooks.c: log and interrupt function.  Both are silent by default; they are
 * set before threads start or by one thread (set_* calls are not for several
 * threads at once), and inherited by fork with the rest of the memory.
 *
 * The log function is never called with a lock of ours held, nor in a fork
 * handler: it may take a lock that the thread has which waits for ours, or
 * that a fork handler of its own has locked.  A line that arises there is kept
 * in `self`, so that a child does not tell its parent's lines again.
 */
#include "internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "callback.h"
#include "hooks.h"
#include "self.h"

static void (*log_fn)(int level, const char *line, void *arg);
static void *log_arg;
static int (*interrupt_fn)(void *arg);
static void *interrupt_arg;

_Atomic bool hooks_kept;

/* The states of a kept line.  Who changes it from or to BUSY has it alone. */
enum { EMPTY, BUSY, KEPT };

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

/* Has this thread the line now, which was in that state? */
static bool
seize(struct kept_line *line, uint32_t state)
{
    return own_cas(&line->state, &state, BUSY);
}

void
hooks_keep(int level, const char *format, ...)
{
    int i = 0;
    va_list args;

    if (log_fn == NULL)
        return;
    while (i < KEPT_LINES && !seize(&self.kept[i], EMPTY))
        i++;
    if (i == KEPT_LINES)
        return;
    self.kept[i].level = level;
    va_start(args, format);
    vsnprintf(self.kept[i].text, KEPT_TEXT, format, args);
    va_end(args);
    own_store(&self.kept[i].state, KEPT);
    own_store(&hooks_kept, true);
}

/* Tells what is kept.  The caller holds no lock of ours. */
void
hooks_tell(void)
{
    const struct guard guard = guard_enter();

    own_store(&hooks_kept, false);
    for (int i = 0; i < KEPT_LINES; i++) {
        char text[KEPT_TEXT];
        int level;

        if (!seize(&self.kept[i], KEPT))
            continue;
        level = self.kept[i].level;
        memcpy(text, self.kept[i].text, KEPT_TEXT);
        own_store(&self.kept[i].state, EMPTY);
        hooks_log(level, "%s", text);
    }
    guard_end(&guard);
}
