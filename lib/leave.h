/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * leave.h: the way into the arena, and the ways out of it.
 */
#ifndef SYSVMP_LEAVE_H
#define SYSVMP_LEAVE_H

#include "arena.h"

/* What each noun calls before it makes an object; as arena_ensure(). */
int enter(struct arena **arena);

/*
 * This process is about to end, and waits for its children before it does.  It
 * gives up what its death would give up and they may be waiting for.  False:
 * another thread is in the middle of it, or another process was for so long;
 * try again.
 */
bool leave_resign(struct deadline *deadline);
/* This process is about to end. */
void leave_at_end(void);

#endif /* SYSVMP_LEAVE_H */
