/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cradle.h: who is on the way: forked, but not registered yet.
 *
 * A tiny segment is attached only around a fork, so that the child is
 * attached from its first instant, and its death detaches it.  While anybody
 * is in the cradle, a count of holders that is zero proves nothing.
 */
#ifndef SYSVMP_CRADLE_H
#define SYSVMP_CRADLE_H

#include "arena.h"

int cradle_create(struct arena *arena);
/* As sysv_shm_remove(). */
bool cradle_remove(const struct arena *arena);
int cradle_attach(struct arena *arena);
void cradle_detach(struct arena *arena);
/*
 * Is a count of holders zero for good?  1: nobody holds, and nobody is on the
 * way to.  0: somebody holds.  -EINPROGRESS: somebody is on the way; look
 * again soon.  -EIDRM.
 */
int cradle_nobody(const struct arena *arena, int semaphores, int counter);

#endif /* SYSVMP_CRADLE_H */
