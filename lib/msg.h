/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * msg.h: messages without copying, for the nouns that carry them.
 */
#ifndef SYSVMP_MSG_H
#define SYSVMP_MSG_H

#include "channel.h"

/* What the public calls of queues and pipes do, once these are known to be
 * valid. */
int msg_send(struct channel *channel, struct sysvmp_msg *m, int timeout_ms);
int msg_receive(struct channel *channel, struct sysvmp_msg **out,
    int timeout_ms);

/* Of a message from a joinable queue: -EINVAL, it is none. */
int msg_done(struct channel *channel, struct sysvmp_msg *m);

#endif /* SYSVMP_MSG_H */
