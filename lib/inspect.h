/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * inspect.h: an arena as those see it who are no members: the janitor, the
 * next program of the user, the sysvmp tool.
 */
#ifndef SYSVMP_INSPECT_H
#define SYSVMP_INSPECT_H

#include "arena.h"

enum verdict {
    VERDICT_GONE,     /* there is no segment, and its creator is dead */
    VERDICT_STARTING, /* being made, by a process that lives */
    VERDICT_LIVE,
    VERDICT_DEAD,     /* provably: no process has it attached */
    VERDICT_UNKNOWN   /* of another version, or not what it says it is */
};

struct inspection {
    enum verdict verdict;
    struct arena arena; /* head is NULL where it can't be looked into */
    pid_t creator;
    int attached; /* processes, ourselves not counted */
    bool sound;   /* its tables can be walked */
};

/* Attaches what is listed under that key and judges it. */
void inspect_open(struct inspection *inspection, key_t key, pid_t creator);
void inspect_close(struct inspection *inspection);
/* 1: no member is left, and none is on the way; 0; or a code. */
int inspect_abandoned(const struct inspection *inspection);
/* Removes it, with all its objects, from the kernel and from the directory. */
void inspect_remove(struct inspection *inspection);
/* Removes every arena of this user that is dead. */
void inspect_sweep(void);

#endif /* SYSVMP_INSPECT_H */
