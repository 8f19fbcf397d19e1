/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * channel.h: one direction of messages between processes: a message queue of
 * the kernel, a gate to sleep at for either side, and counts of who holds
 * either end.  Queue and Pipe are built from it.
 */
#ifndef SYSVMP_CHANNEL_H
#define SYSVMP_CHANNEL_H

#include <sys/types.h>

#include "deadline.h"
#include "gate.h"
#include "handle.h"
#include "message.h"
#include "spin.h"

/* The semaphores of a channel, from its first counter and its first gate. */
enum { CHANNEL_READERS, CHANNEL_WRITERS, CHANNEL_REFERENCES };
enum { CHANNEL_RECEIVE, CHANNEL_SEND, CHANNEL_RETRY, CHANNEL_SLOTS };

/* This process's view of it. */
struct channel {
    struct handle *handle; /* that it belongs to */
    struct channel_words *words;
    int queue;
    int semaphores;
    int readers; /* semaphores that count the holders of either end */
    int writers;
    unsigned busy; /* which of our seat's busy words: see mend() */
    struct gate receive;
    struct gate send;
    uint64_t limit;   /* maxsize; 0: what the kernel's queue takes */
    size_t largest;   /* payload that fits the kernel's queue */
    bool tells_epipe; /* send: when nobody holds the reading end */
    bool tells_eof;   /* receive: when empty and nobody can send any more */
    _Atomic bool broken; /* a malformed message came */
    _Atomic bool no_sends; /* closed for sending, while receives go on */
    _Atomic uint32_t seen_sent; /* what we last read: it can only be more */
    struct spin receive_spin;
    struct spin send_spin;
};

/* Makes the object; as object_create(). */
int channel_create(struct arena *arena, enum object_kind kind, uint64_t limit,
    struct place *place);
/* Fills in the view of a channel that was made. */
int channel_open(struct channel *channel, struct handle *handle,
    const struct holding *h, uint64_t limit);

/* Around the steps between a message and its count, where a limit is kept. */
static inline void
channel_begin(struct channel *channel)
{
    if (channel->limit > 0)
        shm_add(&self.busy[channel->busy], 1);
}

static inline void
channel_end(struct channel *channel)
{
    if (channel->limit > 0)
        shm_sub(&self.busy[channel->busy], 1);
}

int channel_send(struct channel *channel, const void *buf, size_t len,
    int timeout_ms);
ssize_t channel_receive(struct channel *channel, void *buf, size_t size,
    int timeout_ms);
/* 1: a receive would not wait (also at end of file); 0; or a code. */
int channel_poll(struct channel *channel, int timeout_ms);
/* Length of the first message; -EAGAIN: there is none; -EPIPE: nor will be. */
ssize_t channel_next_len(struct channel *channel);
/* Messages in it. */
ssize_t channel_messages(const struct channel *channel);
/* 1: a put would wait. */
int channel_full(const struct channel *channel);
/* Sends this process's sleepers home, once a flag tells them to go. */
void channel_expel(struct channel *channel, bool receivers);

#endif /* SYSVMP_CHANNEL_H */
