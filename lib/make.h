/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * make.h: how the nouns that are one object each come into being, and go.
 */
#ifndef SYSVMP_MAKE_H
#define SYSVMP_MAKE_H

#include "handle.h"

/*
 * Makes the object of a handle that is all zero, and registers both.
 * prepare() is called when its place is known and nobody else can see it: it
 * says what the handle holds beside the first reference, and fills in the
 * views of what is there.  0, or a creation code.
 */
int handle_make(struct handle *handle, uint32_t magic,
    const struct object_wish *wish, int (*prepare)(struct handle *handle));
/* Gives up what it holds.  It is to be freed then. */
void handle_unmake(struct handle *handle);

#endif /* SYSVMP_MAKE_H */
