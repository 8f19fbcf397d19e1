/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * directory.h: the arenas of this user, so that what a program leaves behind
 * whose every process was killed can be found.
 */
#ifndef SYSVMP_DIRECTORY_H
#define SYSVMP_DIRECTORY_H

#include <sys/types.h>

/* Lists an arena by the key of its segment, before that is made.  0, or a
 * code: then it is not listed, and nothing else is wrong. */
int directory_enter(key_t key);
/* Takes it off; the directory goes with the last. */
void directory_leave(key_t key);
/* Calls fn for each that is listed, with the pid of its creator. */
void directory_each(void (*fn)(key_t key, pid_t creator, void *arg),
    void *arg);

#endif /* SYSVMP_DIRECTORY_H */
