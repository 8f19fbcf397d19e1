/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * directory.h: the arenas of a user, so that what a program leaves behind
 * whose every process was killed can be found.
 */
#ifndef SYSVMP_DIRECTORY_H
#define SYSVMP_DIRECTORY_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * The user is always who made the arena, or will, as the kernel has it
 * (sysv_user()): whoever takes a listing off looks into the directory that it
 * was entered into, whatever user he is meanwhile.
 */

/* Lists an arena by the key of its segment, before that is made.  0, or a
 * code: then it is not listed, and nothing else is wrong. */
int directory_enter(uid_t user, key_t key, pid_t creator);
/* Is it listed? */
bool directory_has(uid_t user, key_t key, pid_t creator);
/* Takes it off; the directory goes with the last. */
void directory_leave(uid_t user, key_t key);
/* Calls fn for each that is listed, with the pid of its creator. */
void directory_each(uid_t user,
    void (*fn)(key_t key, pid_t creator, void *arg), void *arg);

#endif /* SYSVMP_DIRECTORY_H */
