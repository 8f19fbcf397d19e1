/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * waits.h: every call that waits, each for something that does not come, for
 * tests of what all of them have in common.
 */
#ifndef WAITS_H
#define WAITS_H

#include "sysvmp.h"

#include <stdint.h>

struct waiting {
    const char *name;
    int64_t (*call)(int ms);
    int nowait, timed_out; /* what it answers then */
};

extern const struct waiting waiting[];
extern const int waiting_calls;

/* What they wait at. */
extern struct sysvmp_lock *wait_lock;
extern struct sysvmp_rlock *wait_rlock;
extern struct sysvmp_queue *wait_empty, *wait_full, *wait_unfinished;
extern struct sysvmp_semaphore *wait_semaphore;
extern struct sysvmp_event *wait_event;
extern struct sysvmp_conn *wait_end[2]; /* they use the first */

/* Makes it, and starts the process that holds the locks; ends that, which
 * releases them. */
void waits_begin(void);
void waits_end(void);

#endif /* WAITS_H */
