/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shortage.c: the texts of -ENOSPC: it is not the disk that is full.  Called
 * where an object of the kernel could not be made.
 */
#include "internal.h"

#include <sys/resource.h>

#include "error.h"
#include "shortage.h"
#include "sysv.h"

int
shortage_semaphores(int error)
{
    struct sysv_limits is;

    if (error != -ENOSPC)
        return error;
    sysv_limits(&is);
    return error_detail(-ENOSPC,
        "no room for a semaphore set: the system allows %d sets of up to %d "
        "and %d semaphores in all (kernel.sem), in use %d sets and %d "
        "semaphores; remove unused ones (ipcs -s, ipcrm -s) or raise "
        "kernel.sem",
        is.sets, is.set_size, is.semaphores, is.sets_used,
        is.semaphores_used);
}

int
shortage_queues(int error)
{
    struct sysv_limits is;

    if (error != -ENOSPC)
        return error;
    sysv_limits(&is);
    return error_detail(-ENOSPC,
        "no room for a message queue: the system allows %d "
        "(kernel.msgmni), in use %d; remove unused ones (ipcs -q, ipcrm -q) "
        "or raise kernel.msgmni",
        is.queues, is.queues_used);
}

int
shortage_segments(int error)
{
    struct sysv_limits is;

    if (error != -ENOSPC)
        return error;
    sysv_limits(&is);
    return error_detail(-ENOSPC,
        "no room for a shared memory segment: the system allows %lu segments "
        "(kernel.shmmni) and %lu pages (kernel.shmall), in use %lu and %lu; "
        "remove unused ones (ipcs -m, ipcrm -m) or raise the limit",
        is.segments, is.pages, is.segments_used, is.pages_used);
}

int
shortage_descriptors(int error)
{
    struct rlimit limit = { .rlim_cur = 0 };

    if (error == -ENFILE)
        return error_detail(-ENOSPC,
            "no room for a descriptor: the system has as many open files, or "
            "this user as many pipes, as it allows; close some, or raise "
            "fs.file-max or fs.pipe-user-pages-hard");
    (void) getrlimit(RLIMIT_NOFILE, &limit);
    return error_detail(-ENOSPC,
        "no room for a descriptor: this process may have %llu "
        "(RLIMIT_NOFILE), which are all in use; close some, or raise the "
        "limit (ulimit -n)", (unsigned long long) limit.rlim_cur);
}
