/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * channel-receive.c: takes messages out of a channel.
 *
 * Never asleep inside msgrcv: the kernel hands a message to a sleeping
 * receiver before it runs, and a kill then would lose it.  It sleeps at the
 * receive gate and takes the message by itself.
 *
 * Why a receiver does not sleep for ever: who has sent wakes the gate, and
 * who died between the two is replaced by its bell.  The last writer's close
 * posts a token, its death rings its bell; who finds no writer while a child
 * is on its way to become one (cradle.c) does not sleep but looks again soon.
 */
#include "internal.h"

#include <string.h>

#include "channel.h"
#include "cradle.h"
#include "error.h"
#include "sysv.h"

struct receiving {
    struct channel *channel;
    struct message *message;
    size_t size; /* of the caller's buffer */
};

/*
 * Surely nothing there?  (channel-send.c, counts.)  The senders' line is read
 * only when what we have seen there before does not promise a message.
 */
static bool
hint_empty(struct channel *channel)
{
    uint32_t received = (uint32_t) shm_load(&channel->words->received);
    uint32_t sent;

    if ((int32_t) (own_peek(&channel->seen_sent) - received) > 0)
        return false;
    sent = (uint32_t) shm_load(&channel->words->sent);
    own_poke(&channel->seen_sent, sent);
    return sent == received;
}

/* Length of the payload; -EAGAIN: nothing there; -EMSGSIZE: it stays. */
static ssize_t
try_receive(const struct receiving *receiving)
{
    struct channel *channel = receiving->channel;
    size_t room = receiving->size < SYSVMP_INLINE_MAX ? receiving->size
                                                      : SYSVMP_INLINE_MAX;
    ssize_t length;

    channel_begin(channel);
    length = sysv_msgrcv(channel->queue, receiving->message,
        sizeof(struct message_header) + room);
    if (LIKELY(length >= 0))
        length = message_check(receiving->message, (size_t) length);
    /* What is not of ours was not counted when it was sent, either. */
    if (LIKELY(length >= 0))
        shm_add(&channel->words->received, 1);
    channel_end(channel);
    if (length == -ENOMSG) {
        /* Ask the senders' line again, what we saw there was taken back. */
        own_poke(&channel->seen_sent,
            (uint32_t) shm_load(&channel->words->received));
        return -EAGAIN;
    }
    return length == -E2BIG ? -EMSGSIZE : length;
}

/* 1: nobody can send any more; 0; -EINPROGRESS; or a code. */
static int
no_writer(const struct channel *channel)
{
    if (!channel->tells_eof)
        return 0;
    return cradle_nobody(channel->handle->arena, channel->semaphores,
        channel->writers);
}

/* Nothing there: the end of file, a closed handle, or just nothing yet. */
static ssize_t
nothing(const struct receiving *receiving,
    ssize_t (*again)(const struct receiving *))
{
    const struct channel *channel = receiving->channel;
    int nobody;
    ssize_t seen;

    if (own_load(&channel->handle->closed))
        return -EBADF;
    nobody = no_writer(channel);
    if (nobody != 1)
        return nobody == 0 ? -EAGAIN : nobody;
    /* The last writer may have sent between our look and its end. */
    seen = again(receiving);
    return seen == -EAGAIN ? -EPIPE : seen;
}

static ssize_t
look(void *context, bool woken)
{
    const struct receiving *receiving = context;
    ssize_t seen = -EAGAIN;

    if (own_load(&receiving->channel->handle->closed))
        return -EBADF;
    if (woken || !hint_empty(receiving->channel))
        seen = try_receive(receiving);
    return seen == -EAGAIN ? nothing(receiving, try_receive) : seen;
}

/* Is there a message?  Its length is not asked for. */
static ssize_t
try_peek(const struct receiving *receiving)
{
    ssize_t messages = channel_messages(receiving->channel);

    return messages > 0 ? 1 : messages == 0 ? -EAGAIN : messages;
}

static ssize_t
peek(void *context, bool woken)
{
    const struct receiving *receiving = context;
    ssize_t seen = -EAGAIN;

    if (woken || !hint_empty(receiving->channel))
        seen = try_peek(receiving);
    return seen == -EAGAIN ? nothing(receiving, try_peek) : seen;
}

static bool
more(void *context)
{
    const struct receiving *receiving = context;
    const struct channel *channel = receiving->channel;

    if (shm_load(&channel->receive.words->sleepers) == 0)
        return false;
    /* A code, or a child on its way, is for them to find out, too. */
    return channel_messages(channel) != 0 || no_writer(channel) != 0;
}

/* Something seems to be there. */
static bool
promised(const void *context)
{
    const struct channel_words *words = context;

    return (uint32_t) shm_peek(&words->sent) !=
        (uint32_t) shm_peek(&words->received);
}

typedef ssize_t look_fn(void *context, bool woken);

static ssize_t
wait_for(struct receiving *receiving, look_fn *fn, int timeout_ms)
{
    struct channel *channel = receiving->channel;
    struct deadline deadline = DEADLINE(timeout_ms);
    struct gate_wait wait = { .look = fn, .more = more,
        .context = receiving };
    ssize_t result;

    if (timeout_ms == SYSVMP_NOWAIT) {
        result = fn(receiving, false);
        return result == -EINPROGRESS ? -EAGAIN : result;
    }
    if (spin_wait(&channel->receive_spin, &deadline, promised,
            channel->words)) {
        result = fn(receiving, false);
        if (result != -EAGAIN && result != -EINPROGRESS)
            return result;
    }
    own_add(&channel->handle->receivers, 1);
    result = gate_sleep(&channel->receive, &wait, &deadline);
    own_sub(&channel->handle->receivers, 1);
    return result;
}

ssize_t
channel_receive(struct channel *channel, void *buf, size_t size,
    int timeout_ms)
{
    struct message message;
    struct receiving receiving = { channel, &message, size };
    ssize_t length = -EAGAIN;

    if (UNLIKELY(arena_me(channel->handle->arena) == 0))
        return arena_gone(channel->handle->arena);
    if (UNLIKELY(own_load(&channel->broken)))
        return -EBADMSG;
    if (UNLIKELY(own_load(&channel->handle->closed)))
        return -EBADF;
    if (!hint_empty(channel))
        length = try_receive(&receiving);
    if (length == -EAGAIN)
        length = wait_for(&receiving, look, timeout_ms);
    if (UNLIKELY(length < 0)) {
        if (length == -EBADMSG) {
            own_store(&channel->broken, true);
            gate_wake(&channel->send); /* it has left room, too */
        }
        return length;
    }
    gate_wake(&channel->send);
    if (length > 0)
        memcpy(buf, message.payload, (size_t) length);
    return length;
}

int
channel_poll(struct channel *channel, int timeout_ms)
{
    struct receiving receiving = { .channel = channel };
    ssize_t result;

    if (arena_me(channel->handle->arena) == 0)
        return arena_gone(channel->handle->arena);
    if (own_load(&channel->broken))
        return -EBADMSG;
    if (own_load(&channel->handle->closed))
        return -EBADF;
    result = wait_for(&receiving, peek, timeout_ms);
    if (result == -EPIPE)
        return 1;
    if (result == -EAGAIN || result == -ETIMEDOUT)
        return 0;
    return (int) result;
}

static ssize_t
try_next(const struct receiving *receiving)
{
    ssize_t length = sysv_msgpeek(receiving->channel->queue,
        receiving->message, sizeof(*receiving->message) - sizeof(long));

    if (length >= 0)
        return message_check(receiving->message, (size_t) length);
    return length == -ENOMSG ? -EAGAIN : length == -E2BIG ? -EBADMSG : length;
}

ssize_t
channel_next_len(struct channel *channel)
{
    struct message message;
    struct receiving receiving = { .channel = channel, .message = &message };
    ssize_t length;

    if (arena_me(channel->handle->arena) == 0)
        return arena_gone(channel->handle->arena);
    if (own_load(&channel->broken))
        return -EBADMSG;
    if (own_load(&channel->handle->closed))
        return -EBADF;
    length = try_next(&receiving);
    if (length == -EAGAIN)
        length = nothing(&receiving, try_next);
    return length == -EINPROGRESS ? -EAGAIN : length;
}
