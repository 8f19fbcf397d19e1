/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * queue.h: what wait.c needs of a queue.
 */
#ifndef SYSVMP_QUEUE_H
#define SYSVMP_QUEUE_H

#include "channel.h"

/* Its channel; NULL: that is no queue. */
struct channel *queue_channel(struct sysvmp_queue *q);

#endif /* SYSVMP_QUEUE_H */
