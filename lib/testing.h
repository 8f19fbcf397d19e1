/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * testing.h: crash points, fault injection and counters of the test build
 * (-DSYSVMP_TESTING).  No part of the installed library.
 */
#ifndef SYSVMP_TESTING_H
#define SYSVMP_TESTING_H

#include <stdbool.h>

enum seam {
    SEAM_SEMGET,
    SEAM_SEMOP,    /* one that can't sleep, or need not */
    SEAM_SEMWAIT,  /* one with a deadline, that may sleep */
    SEAM_SEMCTL,
    SEAM_MSGGET,
    SEAM_MSGSND,
    SEAM_MSGRCV,
    SEAM_MSGCTL,
    SEAM_SHMGET,
    SEAM_SHMAT,
    SEAM_SHMDT,
    SEAM_SHMCTL,
    SEAM_MEMBARRIER,
    SEAM_UNSHARE,
    SEAM_MADVISE,
    SEAM_PIPE,
    SEAM_FCNTL,
    SEAM_FSTAT,
    SEAM_WRITE,
    SEAM_READ,
    SEAM_CLOSE,
    SEAM_CALLS
};

/* SIGKILLs this process at the n-th crash point from now; 0: never. */
void testing_crash_at(long n);
/* Not 0: the crash point sends SIGSTOP in place of SIGKILL, and the process
 * goes on from there when somebody sends it SIGCONT. */
extern int testing_stops;
/* Not NULL: the crash point calls this instead of sending a signal, in the
 * thread that has come there. */
extern void (*testing_at_point)(void);
/* Crash points passed since the last testing_crash_at(). */
long testing_points(void);
/* Where the last crash point passed was: "file:line". */
const char *testing_where(void);

/* Calls of the seam made by this process, by kind, and all of them. */
extern unsigned long testing_calls[SEAM_CALLS];
unsigned long testing_all_calls(void);

/*
 * Asked before each call of the seam: 0 lets it through, -errno makes it fail
 * with that errno without being made.  The library retries after -EINTR.
 */
extern int (*testing_fault)(enum seam call);
/*
 * Makes the n-th call of this kind fail with this errno, counted from now on;
 * if for_good, all later ones of the kind as well.  SEAM_CALLS stands for a
 * call of any kind; n is 0 to let all of them through again.  Only one such
 * order is in force, and only in this process; a child forked later has a
 * copy of it, with the count as it stands.  testing_fault is asked first.
 */
void testing_fail(enum seam call, long n, int error, bool for_good);
/* For seam.h: passes a crash point, counts, and says whether it fails. */
bool testing_fails(enum seam call, long *result, const char *file, int line);

#endif /* SYSVMP_TESTING_H */
