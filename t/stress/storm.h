/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * storm.h: workers, of one or more threads, that are killed by SIGKILL at
 * random, and put back, by fork() and by sysvmp_process_start() in turn.
 *
 * What a storm holds the library to (STORM_CONTRACT; each storm prints it):
 *
 *   - A message that was acknowledged (put, send answered 0) comes, to exactly
 *     one receiver, whole, in the order of its sending thread.  The exception:
 *     each receiving thread that is killed takes at most one message with it
 *     (of get_many, as many as it asked for),
 *     of the queue, or direction of a pipe, that it was in.  Where no receiver
 *     is killed, none is lost.
 *   - A message that was refused never comes.  One whose sender was killed in
 *     the call may come or not.
 *   - A lock never has two holders.  When its holder was killed, the next one
 *     is told SYSVMP_OWNER_DEAD; without a kill nobody is told.
 *   - recv says end of file, and send -EPIPE, when the last holder of the
 *     other end is gone, and not before.
 *   - A block of shared memory is whole and one's own until it is freed.  Each
 *     thread that is killed takes one with it at most, which nobody knows of.
 *   - Each thread that lives goes on within STORM_HANG_S, and at the end
 *     nothing is left in the kernel.
 *
 * The supervisor kills, puts back, and mostly waits until each thread has gone
 * on; at times it doesn't, and at times it kills several at once.  Where the
 * others still have work it sometimes waits for them first: who is put back
 * might wake those that a death should have woken.  A thread counts its steps
 * in a word that it shares with the supervisor.
 *
 * The long form is the same program with other numbers, out of the
 * environment: SYSVMP_KILLS; SYSVMP_SECONDS, after which no more are killed;
 * SYSVMP_SEED, from which all that is drawn by lot is derived.
 */
#ifndef STORM_H
#define STORM_H

#include "stage.h"

enum { STORM_WORKERS_MAX = 16, STORM_THREADS_MAX = 4, STORM_HANG_S = 20 };

struct storm {
    int workers;
    /* How many threads each worker has; 1 for all if NULL. */
    int (*threads)(int worker);
    /* Is it never killed?  None is, if NULL. */
    int (*spared)(int worker);
    /* Runs in a new process before its threads; may be NULL. */
    void (*begin)(int worker);
    /* A thread's work, until storm_over(); answers 0. */
    int (*work)(int worker, int thread);
    /* One was killed, and is not put back yet; may be NULL. */
    void (*died)(int worker);
    /* Looked at after each kill: 0 when something is wrong. */
    int (*still_right)(void);
    /* All are told to end, and nobody is killed any more; may be NULL. */
    void (*over)(void);
    /* While so many are missing, the others still have work. */
    int missing;
};

/* 1/parts of the program's kills and seconds.  0, or how many times something
 * was wrong. */
int storm_run(const struct storm *storm, int parts);

/* For work(): after each step; shall it end?; no more kills, please. */
void storm_step(int worker, int thread);
int storm_over(void);
void storm_enough(void);
/* Where a thread of this worker, in this life, starts its lot. */
unsigned storm_draw(int worker, int thread);
/* SYSVMP_FOREVER; in every fourth spell of the storm for some calls less, as
 * who comes back by himself might wake others, too. */
int storm_timeout(unsigned *seed);
/* Sometimes pauses a little, so that others may fall asleep meanwhile. */
void storm_linger(unsigned *seed);

/* Kills that were begun by now, and those whose victims are gone. */
int storm_kills_begun(void);
int storm_kills_done(void);

/*
 * For storms that are run in another way: from begin, while there is more, to
 * end.  A kill is the word that it comes, the kill, and the word that the
 * victim is reaped.
 */
void storm_begin(int parts);
int storm_more(void);
void storm_kill(pid_t pid);
void storm_reaped(void);
/* Somebody waited so long for what must come. */
void storm_waited(int64_t ns);
/* Says how it went; how many were killed. */
int storm_end(void);
/* The supervisor's lot. */
unsigned *storm_seed(void);

#endif /* STORM_H */
