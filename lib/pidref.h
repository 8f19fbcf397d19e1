/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pidref.h: one process, and not just its number.
 *
 * A pid is used again after somebody has reaped the process that had it, and
 * so is the number of a descriptor after somebody has closed it, which a
 * program may do with all descriptors that it does not know (closefrom(3)).
 * So each use of either begins with a question to this file.
 *
 * A reference is written by one thread at a time: under the children's mutex
 * of join.c.
 */
#ifndef SYSVMP_PIDREF_H
#define SYSVMP_PIDREF_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct pidref {
    pid_t pid;       /* 0: none yet, or not to be seen from here */
    int fd;          /* a pidfd; or a negative errno: why there is none */
    uint64_t device; /* of fd: */
    uint64_t inode;  /* 0: the kernel does not tell pidfds apart by that */
    int64_t start;   /* when the process started, as /proc has it; 0: that is
                      * not known, or not needed; -ESRCH: it was gone */
};

/* Of no process. */
#define PIDREF_NONE ((struct pidref){ .fd = -ESRCH })

/* Refers to the process that has that pid now. */
void pidref_take(struct pidref *ref, pid_t pid);
/* In place of a pidfd: what poll(2) finds readable for ever. */
void pidref_take_ended(struct pidref *ref);

/*
 * The descriptor, which is looked at and, where the program has closed it,
 * opened anew.  -ESRCH: the process has been reaped, and the pid may be
 * another's; -EBADF: it was closed and can't be opened anew now; another
 * negative errno: there was none from the beginning.
 */
int pidref_fd(struct pidref *ref);

/* Whose the pid is, where there is no descriptor. */
enum pidref_owner {
    PIDREF_ITS_OWN,  /* it is that process's still */
    PIDREF_ANOTHERS, /* that process is gone */
    PIDREF_UNKNOWN,  /* neither /proc nor a descriptor could be had */
};
enum pidref_owner pidref_owner(const struct pidref *ref);

/* Closes the descriptor if it is the reference's own; refers to nothing. */
void pidref_close(struct pidref *ref);

#endif /* SYSVMP_PIDREF_H */
