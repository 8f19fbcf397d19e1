/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crash.h: a call is made by a victim that is killed at its 1st, 2nd, ...
 * n-th crash point, and each time somebody looks at what is left.
 *
 * One round of a case:
 *
 *     tester                        victim
 *     begin()     makes objects
 *     forks
 *                                   before()
 *     meanwhile() e.g. puts a
 *                 peer to sleep
 *                                   call(), and is killed in it, or ends
 *                                   right after it (or stays)
 *     during()    e.g. wakes it
 *     waits for its end
 *     look()
 *     sysvmp_leave(): nothing may be left in the kernel
 *
 * The first round goes without a kill, and counts.
 *
 * In a stop run the victim is stopped at its n-th point (SIGSTOP) instead.
 * While it is stopped, the case's function for that makes a later call, whole
 * and from a healthy process, and looks whether the peers come back for it.
 * Only one thing excuses the victim: it has a lock of a list, of the heap, of
 * the arena or of the program, so that others must wait.  In such a round the
 * victim goes on at once.  Then comes SIGCONT, the victim's call returns, and
 * look() sees the same as after a round without a kill.
 *
 * The victim may have a thread beside that which makes the call; and there may
 * be an heir, the first to find what the victim has left, which is killed at
 * its 1st, 2nd, 3rd point and some later ones, so that others have to do for
 * two.  All of its points are played with SYSVMP_CRASH_ALL=1 in the
 * environment, and many more rounds of two busy threads: that is
 * `make check-crash`.
 */
#ifndef CRASH_H
#define CRASH_H

#include "stage.h"
#include "tap.h"

enum {
    CRASH_BOUND_MS = 5000, /* longer than any wait that is not a hang */
    PEER_HANGS = -1000
};

/* How the victim ended. */
struct crash_end {
    int acknowledged; /* the call returned, */
    int answer;       /* and this is what */
};

struct crash_case {
    const char *name;
    void (*begin)(void);
    void (*before)(void);
    void (*meanwhile)(void);
    int (*call)(void);
    void (*during)(void);
    void (*look)(const struct crash_end *end);
    /* STAYS: a victim that is not killed lives on until look() is over, as
     * its end would wake whom the call itself has to. */
    enum { ENDS, STAYS } then;
};

/* All rounds; one line of TAP. */
void crash_run(const struct crash_case *crash_case);
/* The same, while another thread of the victim sleeps in fn(); before() comes
 * before it, and an answered victim does not wait for it. */
void crash_run_beside_sleep(const struct crash_case *crash_case,
    void (*fn)(void));
/* While it makes fn() again and again, until the call has returned; the points
 * are those of both threads. */
void crash_run_beside_loop(const struct crash_case *crash_case,
    void (*fn)(void));
/* With an heir: it makes fn() after the victim's end and before look(); or, if
 * fn is NULL, it is the case's sleeping_heir(). */
void crash_run_heir(const struct crash_case *crash_case, int (*fn)(void));
/* The stop run; one line of TAP.  meanwhile_stopped() is called while the
 * victim is stopped.  It must leave what the victim itself waits for, and it
 * must not reap a peer: peer_is_back().  NULL: the peers are only looked at
 * after SIGCONT.  In the quick form a sample of the points is played. */
void crash_run_stopped(const struct crash_case *crash_case,
    void (*meanwhile_stopped)(void));

/* What follows is for the functions of a case. */

/* Something is wrong in this round. */
void wrong(const char *text, ...) TAP_PRINTF(1, 2);
/* The same, if the two are not alike. */
void want(int64_t wanted, int64_t seen, const char *what);
/* A process that ends by _exit(fn()); to be waited for by peer_end(). */
pid_t peer(int (*fn)(void));
/* The same, and waits until it sleeps. */
pid_t sleeping_peer(int (*fn)(void));
/* A process that calls fn() and is killed at point n of it. */
pid_t dying_peer(int (*fn)(void), long n);
/* The heir: a peer that sleeps, and is killed at a point after that. */
void sleeping_heir(int (*fn)(void));
/* How it ended: as peer_end(); 0 where there is none. */
int heir_end(void);
/* A peer's exit code, -N if signal N killed it, or PEER_HANGS, which is wrong;
 * it is then killed. */
int peer_end(pid_t pid);
/* Has it ended within the bound?  It is not reaped. */
int peer_ended(pid_t pid);
/* In a stop run: it must have ended, or end within the bound, although the
 * victim is stopped. */
void peer_is_back(pid_t pid);
/* Waits until it is so: 0 if that takes longer than the bound. */
int within_bound(int (*state)(void *), void *arg);
/* Waits until the victim is dead or stopped, or sleeps, or its call has
 * returned. */
void victim_asleep_or_dead(void);
int victim_is_asleep_or_dead(void);
/* Dead or stopped, or its call has returned. */
int victim_done(void);
/* To be done right after the victim's end, and at the end of each round, when
 * all but the tester are gone; NULL: nothing. */
void crash_and_then(void (*after)(void), void (*finally)(void));
/* For a call in which somebody else is to be killed in the victim's name: at
 * which point, 0 in the first round; and how many points that one counted. */
long crash_round(void);
void crash_counted(long points);

#endif /* CRASH_H */
