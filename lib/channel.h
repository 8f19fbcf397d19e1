/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * channel.h: one direction of messages between processes: a message queue of
 * the kernel, a list in shared memory beside it, a gate to sleep at for either
 * side, and counts of who holds either end.  Queue and Pipe are built from it.
 */
#ifndef SYSVMP_CHANNEL_H
#define SYSVMP_CHANNEL_H

#include <sys/types.h>

#include "beacon.h"
#include "claim.h"
#include "deadline.h"
#include "gate.h"
#include "handle.h"
#include "list.h"
#include "message.h"
#include "spin.h"
#include "watch.h"

/* The semaphores of a channel, from its first counter and its first gate. */
enum { CHANNEL_READERS, CHANNEL_WRITERS, CHANNEL_REFERENCES };
enum {
    CHANNEL_RECEIVE,
    CHANNEL_SEND,
    CHANNEL_LOCK = LIST_GATE,
    CHANNEL_SLOTS,
    CHANNEL_JOIN = CHANNEL_SLOTS, /* of a joinable one */
    CHANNEL_SLOTS_JOINABLE
};

/* This process's view of it. */
struct channel {
    struct handle *handle; /* that it belongs to */
    struct channel_words *words;
    uint32_t index; /* of its entry */
    int queue;
    int semaphores;
    int readers; /* semaphores that count the holders of either end */
    int writers;
    struct gate receive;
    struct gate send;
    struct gate join;
    struct list list;
    struct claims *claims; /* of a joinable one, else NULL */
    bool listed;        /* everything goes through the list */
    uint64_t limit;     /* messages in the list */
    uint64_t bytes_max; /* ... and bytes, without the last; 0: no limits */
    size_t largest;     /* payload that fits the kernel's queue */
    bool tells_epipe; /* send: when nobody holds the reading end */
    bool tells_eof;   /* receive: when empty and nobody can send any more */
    _Atomic bool broken; /* a malformed message came */
    _Atomic bool no_sends; /* closed for sending, while receives go on */
    _Atomic uint64_t held_at; /* watch_now(), when somebody could still send */
    _Atomic uint32_t seen_sent; /* what we last read: it can only be more */
    struct beacon beacon; /* with SYSVMP_FILENO; while who lit it commits: */
    struct spin light_spin;
    struct spin receive_spin;
    struct spin send_spin;
};

/* Makes the object; as object_create(). */
int channel_create(struct arena *arena, enum object_kind kind, uint64_t limit,
    bool joinable, struct place *place);
/* Fills in the view of a channel that was made.  limit: messages; bytes_max:
 * of those in the list; 0: none. */
int channel_open(struct channel *channel, struct handle *handle,
    const struct holding *h, uint64_t limit, uint64_t bytes_max);

/* What a look answers that could not have a lock: somebody was stopped with
 * it, and no token will tell when it goes on. */
static inline int
channel_unlucky(int error)
{
    return error == -EAGAIN || error == -ETIMEDOUT ? -EINPROGRESS : error;
}

/* What a call answers that has no timeout, where a look could not be had. */
int channel_not_seen(void);

int channel_send(struct channel *channel, const void *buf, size_t len,
    int timeout_ms);
ssize_t channel_send_many(struct channel *channel,
    const struct sysvmp_item *items, size_t n, int timeout_ms);
/* A block of ours that has a message of that length to itself, from
 * LIST_HEADER on: after 0 it is theirs. */
int channel_send_block(struct channel *channel, uint32_t unit, size_t len,
    int timeout_ms);

ssize_t channel_receive(struct channel *channel, void *buf, size_t size,
    int timeout_ms);
ssize_t channel_receive_many(struct channel *channel,
    struct sysvmp_item *items, size_t n, int timeout_ms);
/* As such a block, which is ours then; *len bytes. */
int channel_receive_block(struct channel *channel, uint32_t *unit,
    size_t *len, int timeout_ms);
/* 1: a receive would not wait (also at end of file); 0; or a code. */
int channel_poll(struct channel *channel, int timeout_ms);
/* The same at once: 1, also where it would answer a code; 0; -EINPROGRESS:
 * look again soon.  now: watch_now(), or 0. */
int channel_look(struct channel *channel, uint64_t now);
/* Gives up an end that this process holds; tells who waits at that gate.  A
 * code: the kernel refuses, and the end is still held. */
int channel_drop(struct channel *channel, struct holding *h, int reference,
    const struct gate *gate);
/* Length of the first message; -EAGAIN: there is none; -EPIPE: nor will be. */
ssize_t channel_next_len(struct channel *channel);
/*
 * Of a joinable one.  Ends a claim of this process: this thread's oldest, for
 * CLAIM_NONE, or that on the message in a block; done, or given back.
 * -EOVERFLOW.
 */
int channel_end_claim(struct channel *channel, uint32_t unit, bool done);
/* Gives back all of them; under the registry's mutex, where no other thread is
 * in a call any more.  False: the time is up. */
bool channel_give_up_claims(struct channel *channel,
    struct deadline *deadline);
/* The same without the mutex, so that a fork need not wait for a process that
 * has the list's lock. */
void channel_return_claims(struct channel *channel);
/* Waits until nothing is unfinished. */
int channel_join(struct channel *channel, int timeout_ms);
/*
 * Would the kernel let us wake those who wait to receive?  0, also where
 * nobody does; or the code.  To be asked before a change.  With the list's
 * lock held the answer is good for all who come later, too: whoever announces
 * itself and finds the lock held looks again with the lock in hand.
 */
static inline int
channel_may_tell(const struct channel *channel)
{
    int error = gate_may(&channel->receive);

    return UNLIKELY(error < 0) ? error
        : watch_may(channel->handle->arena, &channel->words->watched);
}

/* After a change that n of those who receive wait for: 0, or the code by which
 * the kernel refuses to wake them. */
static inline int
channel_tell(struct channel *channel, uint32_t n)
{
    int error = gate_wake_many(&channel->receive, n);
    int other = watch_fire(channel->handle->arena, &channel->words->watched,
        channel->index);

    return UNLIKELY(error < 0) ? error : other;
}

/* What this process has none of may come back. */
static inline bool
channel_may_come_back(const struct channel *channel)
{
    return UNLIKELY(channel->claims != NULL) &&
        claims_count(channel->claims) == 0 &&
        claim_count(&channel->words->list) > 0;
}

static inline bool
channel_claimed_by_others(const struct channel *channel)
{
    return UNLIKELY(channel->claims != NULL) &&
        claim_count(&channel->words->list) > claims_count(channel->claims);
}

/*
 * Gives back what the dead had: inside of the list, and from outside.  0; or a
 * code, where that could not be looked for: -EINPROGRESS, the lock could not
 * be had, look again soon.
 */
int channel_reap(struct channel *channel, struct list_view *view);
int channel_settle(struct channel *channel, struct deadline *deadline);
/* After a death in the list. */
void channel_mend(struct channel *channel, struct list_view *view);

/* list_enter(), and what a joinable channel needs then. */
static inline int
channel_enter(struct channel *channel, struct deadline *deadline,
    struct list_view *view)
{
    int error = list_enter(&channel->list, deadline, view);

    if (UNLIKELY(error == 0 && view->died && channel->claims != NULL))
        channel_mend(channel, view);
    return error;
}

/* Messages in it; -EINPROGRESS: that could not be seen by the deadline, as
 * somebody has the list's lock who does not run. */
ssize_t channel_messages(struct channel *channel, struct deadline *deadline);
/* 1: a put would wait. */
int channel_full(const struct channel *channel);
/*
 * Sends this process's sleepers home, once a flag tells them to go; without
 * the registry's mutex, which a fork takes that they may have to wait for.  A
 * code: the kernel does not let us wake them.
 */
int channel_expel(struct channel *channel, bool receivers);
/* One round of that: true, when none is left in there. */
bool channel_rouse(struct channel *channel, bool receivers);

#endif /* SYSVMP_CHANNEL_H */
