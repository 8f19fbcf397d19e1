/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tap.h: our own small TAP, and what a test must be able to ask the kernel.
 *
 * A test is
 *
 *     plan(2);
 *     is_int(1, f(), "f: the first call answers 1");
 *     ok(g(), "... and g is then true");
 *     return done();
 *
 * plan() forks.  The test runs in the child, in a process group and, where we
 * may have one, in an IPC namespace of its own, with line-buffered stdout.
 * The parent watches: after SYSVMP_TEST_TIMEOUT seconds (180) it kills the
 * whole group; when the test has ended it kills what the test left running,
 * and adds one line to the plan: "nothing is left in the kernel".  So call
 * plan() first, before any thread and any object.
 *
 * Only the process that came back from plan() sums up; its children leave by
 * _exit(), and may call ok() only while their parent does not.
 */
#ifndef TAP_H
#define TAP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TAP_PRINTF(f, a) __attribute__((__format__(__printf__, f, a)))

void plan(int tests);
/* The exit status for main(). */
int done(void);
/* Seconds that the test may take: SYSVMP_TEST_TIMEOUT, or 180.  What only
 * guards against a hang is a part of that, as whoever runs the tests on a slow
 * machine, or under valgrind, allows them more. */
int tap_timeout_s(void);

/* These answer whether it was so. */
int ok(int condition, const char *text, ...) TAP_PRINTF(2, 3);
int is_int(int64_t wanted, int64_t seen, const char *text, ...)
    TAP_PRINTF(3, 4);
int is_str(const char *wanted, const char *seen, const char *text, ...)
    TAP_PRINTF(3, 4);

void skip(int tests, const char *why, ...) TAP_PRINTF(2, 3);
void diag(const char *text, ...) TAP_PRINTF(1, 2);
/* Ends the test, from any of its processes: nothing more can be told. */
void bail(const char *why, ...) TAP_PRINTF(1, 2)
    __attribute__((__noreturn__));

/* For plan(). */
void tsan_enter(void);
void ipc_enter(void);
/* Is the IPC namespace our own, so that its limits may be changed? */
int ipc_is_private(void);
/* How many queues, sets and segments there are (in a namespace that is not
 * our own: how many more of ours than at plan()). */
int ipc_left(void);
/* Removes them: for a test that kills all the processes of a program. */
void ipc_remove(void);
/* Bytes of shared memory that are in use, in that namespace. */
int64_t ipc_memory(void);
/* Reads kernel.NAME; writes it: 0 where that can't be done. */
void ipc_limit(const char *name, char *value, size_t size);
int ipc_set_limit(const char *name, const char *value);

int64_t now_ns(void);
void pause_ms(int ms);
/* Of a process or a thread, by its id; -1 if it is gone. */
int64_t cpu_ticks(pid_t id);
int64_t voluntary_switches(pid_t id);
/* The letter of its state in /proc; X, dead, also if it is gone. */
char state_of(pid_t id);
/* Waits until it sleeps and goes on sleeping; 0 if that takes over 10 s, or a
 * sixth of SYSVMP_TEST_TIMEOUT. */
int asleep(pid_t id);

#endif /* TAP_H */
