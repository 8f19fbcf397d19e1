/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * self.c: what this process, and this thread, is.
 */
#include "internal.h"

#include "self.h"

struct self self;

uint64_t
self_process(void)
{
    static _Atomic uint64_t last; /* a child goes on from its parent's */
    uint64_t nobody = 0;

    if (own_load(&self.process) == 0)
        (void) own_cas(&self.process, &nobody, own_add(&last, 1) + 1);
    return own_load(&self.process);
}

uint64_t
self_thread(void)
{
    static _Atomic uint64_t last;
    static _Thread_local uint64_t mine;

    if (mine == 0)
        mine = own_add(&last, 1) + 1;
    return mine;
}
