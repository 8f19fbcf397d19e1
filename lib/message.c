/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * message.c: packs a message, and checks one that came.
 *
 * Whoever may write to the queue may write anything: a header is checked
 * once, in this process's own copy, before any of it is used.
 */
#include "internal.h"

#include <string.h>

#include "message.h"

size_t
message_pack(struct message *message, const void *payload, size_t len)
{
    message->header = (struct message_header){
        .kind = MESSAGE_INLINE,
        .version = MESSAGE_VERSION,
        .length = (uint32_t) len,
    };
    if (len > 0)
        memcpy(message->payload, payload, len);
    return sizeof(message->header) + len;
}

ssize_t
message_check(const struct message *message, size_t received)
{
    const struct message_header *header = &message->header;

    if (received < sizeof(*header) || header->kind != MESSAGE_INLINE ||
        header->version != MESSAGE_VERSION || header->flags != 0 ||
        header->length != received - sizeof(*header))
        return -EBADMSG;
    return (ssize_t) header->length;
}
