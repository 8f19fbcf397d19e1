/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * message.h: what a message looks like in the kernel's queue.
 */
#ifndef SYSVMP_MESSAGE_H
#define SYSVMP_MESSAGE_H

#include <sys/types.h>

#include "internal.h"

#define MESSAGE_VERSION 1

enum message_kind {
    MESSAGE_INLINE = 1, /* the payload follows the header */
};

/* No padding, so no byte of our stack leaks into the kernel. */
struct message_header {
    uint8_t kind;
    uint8_t version;
    uint16_t flags;      /* 0 so far */
    uint32_t length;     /* of the payload */
    uint32_t generation; /* of the block, for messages that are not inline */
    uint32_t block;      /* likewise */
};

/* As msgsnd and msgrcv want it. */
struct message {
    long type;
    struct message_header header;
    unsigned char payload[SYSVMP_INLINE_MAX];
};

/* Fills header and payload, not the type, which must be above 0; returns the
 * length of the body. */
size_t message_pack(struct message *message, const void *payload, size_t len);
/* Length of the payload of a body of `received` bytes, or -EBADMSG. */
ssize_t message_check(const struct message *message, size_t received);

#endif /* SYSVMP_MESSAGE_H */
