/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * guarded.h: a record that a lock or an rlock protects, and what can be seen
 * in it of two holders at once, or of a death.
 *
 * Its words are all alike, but while somebody is writing them one after
 * another, and it has the name of who is inside.  Who finds them unlike, or a
 * name in it, and was not told SYSVMP_OWNER_DEAD, has found a fault.  So has
 * who was told though no kill had begun since the last holder left: whoever
 * was dead by then did not hold it.
 */
#ifndef GUARDED_H
#define GUARDED_H

enum { GUARDED_LOCK, GUARDED_RLOCK, GUARDED };
/* Lines of TAP of guarded_check(). */
enum { GUARDED_LINES = 5 };

void guarded_create(void);
void guarded_destroy(void);
/* Takes it and looks; writes and releases.  who is a number of the thread's
 * own.  0, or what the library answered when the time ran out. */
int guarded_enter(int which, int who, int timeout_ms);
void guarded_leave(int which, int who, unsigned *seed);
/* A whole thread of a storm: takes both in turn. */
int guarded_turns(int worker, int thread);
/* 0 if there was a fault. */
int guarded_right(void);
void guarded_check(int which, const char *name);

#endif /* GUARDED_H */
