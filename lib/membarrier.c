/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * membarrier.c: membarrier(2): who is about to sleep pays for the order of its
 * loads and stores and of everybody else's, so that a release needs none.
 *
 * A process is registered by its memory map, which a fork copies with that,
 * and an exec throws away together with our handles.
 */
#include "internal.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "membarrier.h"
#include "seam.h"

static bool
command(int number)
{
    long result;

    CALL(result, SEAM_MEMBARRIER, syscall(SYS_membarrier, number, 0, 0));
    return result == 0;
}

bool
membarrier_join(void)
{
    return command(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED);
}

bool
membarrier_all(void)
{
    return command(MEMBARRIER_CMD_GLOBAL_EXPEDITED);
}
