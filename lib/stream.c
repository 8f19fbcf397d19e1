/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stream.c: looks before it flushes.
 *
 * fflush() writes to the stream's lock, and after a fork that makes a copy of
 * the page: 7 us of the 100 that a child lives at least.  A look is free.
 */
#include "internal.h"

#include <stdio_ext.h>

#include "stream.h"

/*
 * Of glibc: exported by all its versions, declared by none since 2.28.  Only
 * code for a shared library reads the list itself: in a program the linker
 * would make a copy of its head, as it was when the program began.
 */
#if defined(HAVE_IO_LIST_ALL) && defined(__PIC__) && !defined(__PIE__)
extern FILE *_IO_list_all;

/* May some stream have bytes to write?  Its list is ours alone only where
 * there is no other thread. */
static bool
any_pending(void)
{
    if (!only_thread())
        return true;
    for (FILE *stream = _IO_list_all; stream != NULL; stream = stream->_chain)
        if (__fpending(stream) > 0)
            return true;
    return false;
}
#else
static bool
any_pending(void)
{
    return true;
}
#endif

void
stream_flush(FILE *stream)
{
    if (__fpending(stream) > 0)
        fflush(stream);
}

void
stream_flush_all(void)
{
    if (any_pending())
        fflush(NULL);
}
