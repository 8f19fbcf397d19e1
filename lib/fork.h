/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fork.h: what happens around every fork of the program, its own ones too.
 */
#ifndef SYSVMP_FORK_H
#define SYSVMP_FORK_H

#include "handle.h"

/* One pointer of static TLS: the general model calls into the dynamic linker,
 * whose page each child would have to fetch. */
#define FORK_TLS __attribute__((__tls_model__("initial-exec")))

/* What the child of the fork that this thread is about to make shall hold. */
struct fork_plan {
    struct handle **given; /* the ends it gets; none: it inherits all */
    size_t n;
};

/* Set by process.c around its fork; NULL in a fork of the program's own. */
extern _Thread_local const struct fork_plan *fork_plan FORK_TLS;

/* Does nothing, but who refers to it has the handlers in the program. */
void fork_handlers(void);

/* Called before each fork (child.c). */
extern void (*fork_hook)(void);

#endif /* SYSVMP_FORK_H */
