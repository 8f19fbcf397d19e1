/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * storm.h: workers that are killed at random, and put back.
 *
 * The supervisor kills one, puts another in its place, and waits until each
 * of the others has gone on.  Each worker counts its steps in a word that it
 * shares with the supervisor; one that does not count in 5 s hangs.
 */
#ifndef STORM_H
#define STORM_H

#include "stage.h"

enum { STORM_WORKERS_MAX = 16 };

struct storm {
    int workers;
    int (*work)(int worker); /* until storm_over(); its exit code: 0 */
    /* Looked at after each kill: 0 when something is wrong. */
    int (*still_right)(void);
    /* Called after each worker that has ended at the end; may be NULL. */
    void (*ended)(int worker);
};

/* That many kills.  0, or how many times something was wrong. */
int storm_run(const struct storm *storm, int kills);
/* By a worker after each step. */
void storm_step(int worker);
/* By a worker: shall it end? */
int storm_over(void);
/* How often that worker was killed. */
int storm_killed(int worker);
/* From a seed that the test prints; SYSVMP_SEED overrides it. */
unsigned *storm_seed(void);

#endif /* STORM_H */
