/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fork.h: what happens around every fork of the program, its own ones too.
 */
#ifndef SYSVMP_FORK_H
#define SYSVMP_FORK_H

#include <signal.h>

#include "handle.h"
#include "member.h"

/* One pointer of static TLS: the general model calls into the dynamic linker,
 * whose page each child would have to fetch. */
#define FORK_TLS __attribute__((__tls_model__("initial-exec")))

/* What the child of the fork that this thread is about to make shall be. */
struct fork_plan {
    struct handle **given; /* the ends it gets; none: it inherits all */
    size_t n;
    const struct reservation *reserved; /* its seat */
    /* Called in the child when it is a member, with all signals blocked. */
    void (*born)(struct sysvmp_process *process);
    struct sysvmp_process *process;
    /* The program's signal mask.  Who plans has blocked all signals, and they
     * stay so in the parent until it restores this; in the child they do until
     * it was born. */
    sigset_t mask;
    /* Why the child may not be, by the prepare handler.  It has ended itself
     * then. */
    int error;
};

/* Set by process.c around its fork; NULL in a fork of the program's own. */
extern _Thread_local struct fork_plan *fork_plan FORK_TLS;

/* Blocks all signals of this thread, and stores what was blocked before. */
void fork_block_signals(sigset_t *before);

/*
 * Installs the handlers, if that was not done: -ENOMEM.  Under the registry's
 * mutex.  In a program that is linked statically its own constructors may run
 * before ours, so whoever makes the first object asks for them.
 */
int fork_handlers(void);

/* Called before each fork, under the registry's mutex; or NULL.  Set by who
 * starts the first process, as only its child and their children need it. */
extern void (*fork_hook)(void);

#endif /* SYSVMP_FORK_H */
