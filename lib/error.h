/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * error.h: this thread's last failure.
 *
 * A public call returns through error_return().  Whoever knows more than the
 * code (which limit, its value, its use, the cure) says so by error_detail()
 * on the way; constructors begin with error_begin(), so that no text of an
 * attempt that was mended is taken for theirs.
 */
#ifndef SYSVMP_ERROR_H
#define SYSVMP_ERROR_H

#include <sys/types.h>

void error_begin(void);
int error_detail(int code, const char *format, ...) PRINTF_LIKE(2, 3);
int error_failed(ssize_t code);
/* The same for what may be called in a signal handler: the log is not told. */
int error_note(ssize_t code);

static inline int
error_return(int code)
{
    return LIKELY(code >= 0) ? code : error_failed(code);
}

static inline ssize_t
error_return_size(ssize_t code)
{
    return LIKELY(code >= 0) ? code : (ssize_t) error_failed(code);
}

#endif /* SYSVMP_ERROR_H */
