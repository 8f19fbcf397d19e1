/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process.h: a Process as the files about processes see it: process.c (make
 * and start), join.c (wait, signal, exit code), child.c (the child's side).
 */
#ifndef SYSVMP_PROCESS_H
#define SYSVMP_PROCESS_H

#include <unistd.h>

#include "deadline.h"
#include "handle.h"
#include "member.h"
#include "pidref.h"
#include "record.h"

#define PROCESS_MAGIC 0x50524f43u

enum process_state { PROCESS_CREATED, PROCESS_STARTING, PROCESS_STARTED,
    PROCESS_ENDED };

struct sysvmp_process {
    uint32_t magic;
    pid_t creator;      /* the process whose child it is: its pid, and */
    uint64_t maker;     /* its self_process() */
    uint64_t identity;  /* of a borrowed one: its self_process() */
    uint64_t starter_owner; /* owner id of the creator at the start */
    const struct sysvmp_process *starter; /* what that one called itself */
    bool borrowed;      /* ours or our parent's: process_borrowed() */
    sysvmp_target *fn;  /* NULL: for sysvmp_process_fork() */
    void *arg;
    char *name;         /* label, or allocated */
    char label[104];    /* "Process-2:1": see process_identity() */
    bool daemon;
    bool die_with_parent;
    struct handle **given; /* ends of pipes */
    size_t n_given;
    struct record_ref record;
    struct reservation reserved; /* the seat for it */

    /* Under the children's mutex. */
    enum process_state state;
    struct pidref ref;  /* its pid, and by what we know it again */
    int code;           /* once ended */
    bool code_lost;     /* somebody else reaped it, and it left no code */
    struct sysvmp_process *next; /* of the running children */
};

#define PROCESS_LABEL "Process-"

static inline bool
process_valid(const struct sysvmp_process *p)
{
    return p != NULL && p->magic == PROCESS_MAGIC;
}

/*
 * A child does not write into its own Process until it forks: that would cost
 * it a copy of the page.
 */
static inline bool
process_borrowed(const struct sysvmp_process *p)
{
    return p->borrowed || p == self.current_process;
}

static inline pid_t
process_pid(const struct sysvmp_process *p)
{
    return p == self.current_process ? getpid() : p->ref.pid;
}

/* Has this process made it, and not one that it was forked from? */
static inline bool
process_mine(const struct sysvmp_process *p)
{
    return p->maker == self_process() && p->creator == getpid();
}

/* "2:1", the numbers of its ancestors and its own; "" of the main program. */
static inline const char *
process_identity(const struct sysvmp_process *p)
{
    return p->label[0] == '\0' ? p->label
                               : p->label + sizeof(PROCESS_LABEL) - 1;
}

/* join.c: the children that run, and their mutex. */
void children_lock(void);
void children_unlock(void);
void children_add(struct sysvmp_process *p);
/* One that has ended is destroyed. */
void children_forget(const struct sysvmp_process *p);
/* At this process's end: daemons are ended, what others wait for is given up,
 * then all are joined. */
void children_finish(void);
/* 1: it has ended; 0; or a code, where it can't be joined. */
int process_look(struct sysvmp_process *p);
/* Does its end ring the bells of the arena? */
bool process_rings(const struct sysvmp_process *p);
/* Its descriptor to wait for, or a negative errno. */
int process_fd(struct sysvmp_process *p);

/* child.c */
/* For fork.h: before a fork by a process that we have started. */
void child_before_fork(void);
/* In a child that was just forked and is a member, with signals blocked. */
void child_begin(struct sysvmp_process *p);
/* Is it the process itself that calls; its parent? */
bool process_is_us(const struct sysvmp_process *p);
bool process_is_parent(const struct sysvmp_process *p);
/* Has our parent ended?  1; 0; -ECHILD: that can't be told any more. */
int parent_ended(void);
/* In a child that was just forked, when fork() has returned. */
SYSVMP_NORETURN void child_run(struct sysvmp_process *p);

#endif /* SYSVMP_PROCESS_H */
