/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * receiving.h: a call under way that takes messages out of a channel: what
 * channel-receive.c, which waits for them, and channel-take.c, which takes
 * what is there, have in common.
 */
#ifndef SYSVMP_RECEIVING_H
#define SYSVMP_RECEIVING_H

#include "internal.h"

#include "channel.h"

/* It fills items, or one block of its own. */
struct receiving {
    struct channel *channel;
    struct sysvmp_item *items; /* NULL: a block */
    size_t n;
    size_t done;
    uint32_t block; /* of ours; or NONE */
    uint32_t claimed; /* the block that has it, on a joinable channel */
    size_t length;  /* of what it has then */
    struct claim_note *note; /* of a joinable channel: for the next one */
    struct claim_last *last;
    bool ask;       /* the kernel's queue, also if a hint says it is empty */
    bool sure;      /* the list, with its lock in hand: likewise */
    struct deadline deadline;
    bool counted;   /* among the handle's receivers, from its beginning */
    bool guarded;   /* has something that an exception must not leave */
};

#define NONE UINT32_MAX

/*
 * Surely nothing there?  The senders' line is read only when what we have seen
 * there before does not promise a message.
 */
INLINE bool
channel_kernel_empty(struct channel *channel)
{
    uint32_t received = (uint32_t) shm_load(&channel->words->received);
    uint32_t sent;

    if ((int32_t) (own_peek(&channel->seen_sent) - received) > 0)
        return false;
    sent = (uint32_t) shm_load(&channel->words->sent);
    own_poke(&channel->seen_sent, sent);
    return sent == received;
}

/* What the dead have taken from a joinable one may come back. */
INLINE bool
channel_list_empty(const struct channel *channel)
{
    return list_count(&channel->words->list) == 0 &&
        !channel_claimed_by_others(channel);
}

INLINE bool
channel_hint_empty(struct channel *channel)
{
    return channel_kernel_empty(channel) && channel_list_empty(channel);
}

/* As many as there are, to begin with; at least one: 1; or -EAGAIN, -EMSGSIZE:
 * it stays, -EINPROGRESS: look again soon, or another code. */
ssize_t receiving_take(struct receiving *receiving);

#endif
