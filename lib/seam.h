/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * seam.h: how sysv.c and membarrier.c make a call of the kernel.
 *
 * In the test build each has a crash point before and after it, a counter, and
 * can be made to fail.
 */
#ifndef SYSVMP_SEAM_H
#define SYSVMP_SEAM_H

#include <errno.h>

#include "shared.h"
#include "testing.h"

/*
 * Makes one call: result is what it returned, or a negative errno.  errno is
 * as it was.
 */
#ifdef SYSVMP_TESTING
#    define BEFORE(which, result) \
        !testing_fails(which, &(result), __FILE__, __LINE__)
#    define AFTER()               CRASH_POINT()
#else
#    define BEFORE(which, result) true
#    define AFTER()               ((void) 0)
#endif

#define CALL(result, which, call) \
    do { \
        int saved_errno = errno; \
        (result) = 0; \
        if (BEFORE(which, result)) { \
            (result) = (long) (call); \
            if ((result) == -1) \
                (result) = -errno; \
            AFTER(); \
        } \
        errno = saved_errno; \
    } while (0)

#endif /* SYSVMP_SEAM_H */
