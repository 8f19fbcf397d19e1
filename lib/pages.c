/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pages.c: madvise(2), of the segment.
 */
#include "internal.h"

#include <sys/mman.h>

#include "pages.h"
#include "seam.h"

#ifndef MADV_POPULATE_WRITE
#    define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif
#ifndef MADV_REMOVE
#    define MADV_REMOVE 9
#endif

/*
 * Where there is no memory, or none that works, a touch would be SIGBUS.  Any
 * other refusal says that the kernel does not do this for us: EINVAL before
 * 5.14, EPERM or ENOSYS by a filter of system calls.  Then the memory is had
 * at the first touch, as it is for small blocks.
 */
int
pages_fill(void *address, size_t length)
{
    long result;

    do
        CALL(result, SEAM_MADVISE,
            madvise(address, length, MADV_POPULATE_WRITE));
    while (result == -EINTR);
    return result == -ENOMEM || result == -EFAULT || result == -EHWPOISON
        ? -ENOMEM : 0;
}

bool
pages_drop(void *address, size_t length)
{
    long result;

    CALL(result, SEAM_MADVISE, madvise(address, length, MADV_REMOVE));
    return result == 0;
}
