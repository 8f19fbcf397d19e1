/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * janitor.h: starts the program that cleans up after us, however we end
 * (tools/janitor.c).
 */
#ifndef SYSVMP_JANITOR_H
#define SYSVMP_JANITOR_H

#include <sys/types.h>

struct janitor {
    pid_t pid;  /* 0: there is none */
    int socket; /* by which it learns that the arena is complete */
};

/* Starts it and waits until it is up, before anything exists.  Where it can't
 * be had, the log is told, and nothing else is wrong. */
void janitor_start(struct janitor *janitor, key_t key);
/* The arena is complete, and this is its home block; -1: it was given up. */
void janitor_go(struct janitor *janitor, int home);

#endif /* SYSVMP_JANITOR_H */
