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
    VERDICT_UNKNOWN   /* of another version, not what it says it is, or could
                       * not be looked into */
};

struct inspection {
    enum verdict verdict;
    struct arena arena; /* head is NULL where it can't be looked into */
    pid_t creator;
    int attached; /* processes, ourselves not counted */
    bool sound;   /* its tables can be walked */
    int error;    /* the code with which the kernel refused a look, or 0 */
};

/* Attaches what is listed under that key and judges it. */
void inspect_open(struct inspection *inspection, key_t key, pid_t creator);
void inspect_close(struct inspection *inspection);
/* 1: no member is left, and none is on the way; 0; or a code. */
int inspect_abandoned(const struct inspection *inspection);
/* Removes it, with all its objects, from the kernel and from the directory: as
 * arena_remove(). */
bool inspect_remove(struct inspection *inspection);
/*
 * Takes one that is gone off the directory.  Its creator may be alive after
 * all, and just starting, where his pid is of another pid namespace than ours:
 * if there is a segment after that, it is put back, and if there is not, he
 * finds that it is not listed when he has made it (arena.c).
 */
void inspect_take_off(const struct inspection *inspection);
/* Removes every arena of this user that is dead. */
void inspect_sweep(void);

#endif /* SYSVMP_INSPECT_H */
