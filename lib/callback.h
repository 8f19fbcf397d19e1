/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * callback.h: how the library calls a function of the program, which may not
 * return: it throws a C++ exception, or calls pthread_exit() or longjmp().
 *
 * Whoever has something that must be taken back then, says so before:
 *
 *     struct undo undo;
 *
 *     undo_push(&undo, lower_count, gate);
 *     ... a sleep, in which the interrupt function is asked ...
 *     undo_pop(&undo);
 *
 * When the function has not returned, what was pushed is undone, the last one
 * first, and the exception goes on its way through the call.  The caller does
 * not get control any more.
 */
#ifndef SYSVMP_CALLBACK_H
#define SYSVMP_CALLBACK_H

#include "internal.h"

/* On the stack of who pushes it. */
struct undo {
    struct undo *next;
    void (*fn)(void *arg);
    void *arg;
};

static inline void
undo_push(struct undo *undo, void (*fn)(void *arg), void *arg)
{
    *undo = (struct undo){ call_level.undos, fn, arg };
    call_level.undos = undo;
}

static inline void
undo_pop(const struct undo *undo)
{
    call_level.undos = undo->next;
}

/* Calls fn(arg) and returns its result.  errno is kept, and the thread can't
 * be cancelled meanwhile. */
int callback_call(int (*fn)(void *), void *arg);

/* The same.  With glibc a longjmp() out of fn is seen as well; fn must not
 * switch to another stack of this thread that calls the library. */
int callback_call_watched(int (*fn)(void *), void *arg);

/*
 * Calls fn(arg) in a child, which must not go on in its parent's code: if fn
 * does not return, the log is told, by the name `what`, and the process ends
 * by SIGABRT.
 */
void callback_must_return(const char *what, void (*fn)(void *), void *arg);

#endif /* SYSVMP_CALLBACK_H */
