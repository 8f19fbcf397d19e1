/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stage.h: what tests of several processes on one object have in common:
 * plain children, memory that they share, and waiting for a state that one
 * of them reaches.
 */
#ifndef STAGE_H
#define STAGE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Forks; the child ends by _exit(fn(arg)). */
pid_t child(int (*fn)(void *), void *arg);
/* Waits for it: its exit code, or -N if signal N killed it. */
int reap(pid_t pid);
/* Kills it by SIGKILL, then as reap(). */
int slay(pid_t pid);

/* Zeroed memory that later children share; never freed. */
void *shared(size_t size);
/* Waits until the word has that value, or a greater one; bails out if that
 * takes over 20 s, or a third of SYSVMP_TEST_TIMEOUT. */
void until(_Atomic int *word, int value);
/* The same for any state. */
void until_true(int (*state)(void *), void *arg, const char *what);
/* The test can't go on if code is negative: bails out.  Answers code. */
int64_t must(int64_t code, const char *what);

/* Not to wait for a state: to come at another moment each time. */
void pause_us(unsigned us);
/* 0 ... below-1, from the state; the same in each run. */
unsigned chance(unsigned *state, unsigned below);
/* Where that starts: another one in each run, or SYSVMP_SEED.  Prints it. */
unsigned first_seed(void);
/* Is the test run by hand in its long form, as NAME.t long?  Before plan(). */
int long_form(int argc, char **argv);

#endif /* STAGE_H */
