/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * beacon.h: a descriptor that is readable while there is something to
 * receive: a pipe(2) with a byte in it then, which hangs up when nobody is
 * left who could send.
 */
#ifndef SYSVMP_BEACON_H
#define SYSVMP_BEACON_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* This process's descriptors of one; all zero: there is none. */
struct beacon {
    bool made;
    _Atomic int receive; /* -1: closed */
    _Atomic int send;    /* -1: closed, or for others to have */
    uint64_t device, inode; /* of the pipe, by which the kernel tells it */
};

/* Makes one for the end that receives and the end that sends, which may be the
 * same.  0, or a creation code. */
int beacon_make(struct beacon *receiver, struct beacon *sender);

/*
 * The rest but the closes is done with the list's lock held, while the list is
 * empty: lit before the commit that puts something in; dark after the one that
 * takes the last out, and by who finds it empty.  Closed when no thread of
 * ours is in a call.
 */

/* 0: it shines; -EBADF: somebody has closed our descriptor; -ENOMEM. */
int beacon_light(const struct beacon *beacon);
/* 0; -EPIPE: nobody is left who could light it. */
int beacon_darken(const struct beacon *beacon);

/* What others are told by hanging up: that we send no more. */
void beacon_close_sender(struct beacon *beacon);
/* Both; of NULL nothing. */
void beacon_close(struct beacon *beacon);

/* The descriptor to wait for; -EINVAL: there is none; -EBADF. */
int beacon_fileno(const struct beacon *beacon);

#endif /* SYSVMP_BEACON_H */
