/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * history.h: what was sent through queues and pipes, what was answered, what
 * came.
 *
 * A sender is one thread on one channel.  It numbers its messages and never
 * sends a number twice, nor does who is put back in its place; a message
 * carries sender, number and checksum.  Beside each number is a byte: what the
 * put answered, by the sender, and that it came, by the receiver.  A receiver
 * is one thread; it notes which channel it is in while it may have messages in
 * hand, and when it is killed there, that channel may lack as many as its call
 * asked for.
 *
 * Channels, senders and receivers are made before the storm and numbered from
 * 0 as they are made.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include "sysvmp.h"

#include <stddef.h>

struct channel {
    const char *name;
    size_t limit;               /* of a bounded queue, else 0 */
    struct sysvmp_queue *queue; /* or else a pipe: */
    struct sysvmp_conn *reads, *writes;
    int fileno; /* with SYSVMP_FILENO: receivers wait by poll(2); else -1 */
};

int history_queue(const char *name, size_t limit, unsigned flags);
/* Returns the first of one channel or, without SYSVMP_SIMPLEX, two. */
int history_pipe(const char *name, unsigned flags);
struct channel *history_channel(int channel);
int history_sender(int channel);
int history_receiver(void);
/* Forgets all of them, but not the faults; their memory is used again. */
void history_clear(void);

/* One message: what the library answered.  An answer that is no matter of
 * waiting and not -EPIPE is a fault. */
int history_send(int sender, int timeout_ms);
ssize_t history_receive(int receiver, int channel, int timeout_ms);
/* A fault that the caller has seen. */
void history_fault(const char *what);

/* Whole threads of a storm: send until it is over; receive until the end.  Of
 * a queue at times several at once. */
int history_sends(int sender, int worker, int thread);
int history_receives(int receiver, int channel, int worker, int thread);
/* The same from all channels, by sysvmp_wait(), until the end of all. */
int history_receives_any(int receiver, int worker, int thread);
/* For the supervisor: waits until that many threads send no more; then tells
 * a channel's receivers, so many, the end; or closes its own sending end, so
 * that they see the end of file. */
void history_finished(void); /* by a thread of another kind that sends */
void history_wait_senders(int threads);
void history_tell_end(int channel, int receivers);
void history_close_end(int channel);

/* A receiver was killed. */
void history_died(int receiver);
/* 0 if there was a fault. */
int history_right(void);

/* HISTORY_LINES lines of TAP for all channels, and one for each.  Where the
 * channels were not emptied, as the storm failed, nothing is known of losses.
 */
enum { HISTORY_LINES = 6 };
void history_check(int emptied);
/* For other ways to check: how many lack, and may. */
int history_lost(int channel, int *allowed);
void history_destroy(void);

#endif /* HISTORY_H */
