/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * internal.h: what every file of the library includes first: the build's
 * configuration, the public header, and the guard of a public call.
 */
#ifndef SYSVMP_INTERNAL_H
#define SYSVMP_INTERNAL_H

#ifdef HAVE_CONFIG_H
#    include "config.h"
#endif

#include "sysvmp.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef HAVE_SYS_SINGLE_THREADED_H
#    include <sys/single_threaded.h>
#endif

#include "shared.h"

#define LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/*
 * No call changes errno or is a cancellation point.  The seam sees to it for
 * the fast calls; the others put GUARDED first, which lasts until they return.
 */
struct guard {
    int saved_errno;
    int cancel_state;
};

/*
 * What this thread has under way in the library: callback.c.  In static TLS,
 * for the reason that fork.h has.
 */
#define CALL_TLS __attribute__((__tls_model__("initial-exec")))

struct call_level {
    struct undo *undos;        /* the last one first */
    struct callback *callback; /* that the program's code runs in */
    unsigned guards;           /* within each other */
    struct guard outer;        /* the first of them */
};

extern _Thread_local struct call_level call_level CALL_TLS;

static inline struct guard
guard_enter(void)
{
    struct guard guard = { .saved_errno = errno };

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &guard.cancel_state);
    if (call_level.guards++ == 0)
        call_level.outer = guard;
    return guard;
}

static inline void
guard_restore(const struct guard *guard)
{
    int ignored;

    pthread_setcancelstate(guard->cancel_state, &ignored);
    errno = guard->saved_errno;
}

/* The end of a guard within a fork handler, or with a lock of ours held: no
 * function of the program is called. */
static inline void
guard_end(const struct guard *guard)
{
    call_level.guards--;
    guard_restore(guard);
}

/* Lines for the log are kept, from where it may not be called: hooks.c. */
extern _Atomic bool hooks_kept;
void hooks_tell(void);

/* The end of a public call, which holds no lock of ours any more. */
static inline void
guard_leave(const struct guard *guard)
{
    if (UNLIKELY(own_peek(&hooks_kept)))
        hooks_tell();
    guard_end(guard);
}

/* Is this the only thread, so that nobody can be in a call of ours meanwhile?
 * Where the C library does not say, it might not be. */
static inline bool
only_thread(void)
{
#ifdef HAVE_SYS_SINGLE_THREADED_H
    return __libc_single_threaded;
#else
    return false;
#endif
}

#define GUARDED \
    __attribute__((__cleanup__(guard_leave), __unused__)) \
    const struct guard guard = guard_enter()

#define PRINTF_LIKE(format, first) \
    __attribute__((__format__(__printf__, format, first)))

/*
 * A function that becomes a part of its callers: where the process has slept
 * or yielded, the CPU no longer knows where to return to, and each return
 * costs 5 to 10 ns.
 */
#define INLINE static inline __attribute__((__always_inline__))

#endif /* SYSVMP_INTERNAL_H */
