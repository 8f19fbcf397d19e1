/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * channel-send.c: puts messages into a channel.
 *
 * `sent` counts a message before it is in the queue, `received` after it is
 * out.  So sent - received is never less than what is in the queue, whoever
 * dies: equal means truly empty, and a put that raises sent only while the
 * difference is below the limit keeps the limit.  A kill in between leaves
 * the difference too large for ever; mend() finds and repairs that
 * (t/model/counters.pml).
 *
 * Why a sender does not sleep for ever: it sleeps at the send gate (gate.c)
 * for room.  A receiver that made room wakes it; a receiver that died between
 * the two is replaced by its bell; the last reader's close posts a token, and
 * its death rings, so the look finds that nobody reads any more.
 */
#include "internal.h"

#include "block.h"
#include "channel.h"
#include "cradle.h"
#include "error.h"
#include "member.h"
#include "sysv.h"

/* sent: the low half counts messages, the high half attempts. */
#define ONE_SENT ((UINT64_C(1) << 32) + 1)
#define TAKE_BACK UINT64_C(1)

/* Spins that paid, but not for us, before we sleep all the same. */
#define SPINS_MAX 16

struct sending {
    struct channel *channel;
    struct message *message;
    size_t length; /* of the body */
};

/* Below 0 only where somebody else wrote to our queue. */
static int32_t
surplus(uint64_t sent, uint64_t received)
{
    return (int32_t) ((uint32_t) sent - (uint32_t) received);
}

/* Counts one more, unless the limit is reached: false. */
static bool
reserve(struct channel *channel)
{
    struct channel_words *words = channel->words;
    uint64_t sent;

    if (channel->limit == 0) {
        shm_add(&words->sent, ONE_SENT);
        return true;
    }
    sent = shm_load(&words->sent);
    do
        if (surplus(sent, shm_load(&words->received)) >=
            (int32_t) channel->limit)
            return false;
    while (!shm_cas(&words->sent, &sent, sent + ONE_SENT));
    return true;
}

/* 0: it is in; -EAGAIN: no room; -ENOBUFS: the limit is reached, by the
 * counts; or another code. */
static int
try_send(const struct sending *sending)
{
    struct channel *channel = sending->channel;
    int error = -ENOBUFS;

    channel_begin(channel);
    if (reserve(channel)) {
        error = sysv_msgsnd(channel->queue, sending->message,
            sending->length);
        if (UNLIKELY(error < 0))
            shm_sub(&channel->words->sent, TAKE_BACK);
    }
    channel_end(channel);
    return error;
}

/* Was every living member seen outside of an operation here? */
static bool
all_idle(const struct channel *channel)
{
    const struct arena *arena = channel->handle->arena;
    unsigned short alive[BLOCK_SEMAPHORES];

    if (sysv_sem_values(channel->semaphores, alive) < 0)
        return false;
    for (uint32_t seat = 0; seat < MEMBERS_MAX; seat++)
        if ((alive[alive_semaphore(seat)] & alive_bit(seat)) &&
            shm_load(&member_at(arena, seat)->busy[channel->busy]) != 0)
            return false;
    return true;
}

/*
 * A put found the limit reached, but the queue has less in it: somebody is
 * between two steps, or died there.  Which of the two is known when everybody
 * alive was seen outside of an operation both before and after the queue was
 * looked at, and nothing was counted meanwhile: the difference is then what
 * the dead have left, and whoever adds it first is the only one.
 * true: try again.
 */
static bool
mend(struct channel *channel)
{
    struct channel_words *words = channel->words;
    uint64_t sent = shm_load(&words->sent);
    uint64_t received;
    struct sysv_queue_state state;
    int32_t left;

    if (!all_idle(channel))
        return false;
    received = shm_load(&words->received);
    if (shm_load(&words->sent) != sent ||
        sysv_msg_state(channel->queue, &state) < 0 || !all_idle(channel) ||
        shm_load(&words->sent) != sent ||
        shm_load(&words->received) != received)
        return false;
    left = surplus(sent, received) - (int32_t) state.messages;
    return left > 0 &&
        shm_cas(&words->received, &received, received + (uint64_t) left);
}

/* The limit is reached by the counts: is it by what is in the queue? */
static bool
falsely_full(const struct channel *channel)
{
    struct sysv_queue_state state;

    return sysv_msg_state(channel->queue, &state) == 0 &&
        state.messages < channel->limit;
}

/* -EPIPE: nobody reads, or is about to; -EINPROGRESS: nobody was seen, but
 * somebody may be on the way.  Asked at each send: to trust a reader that was
 * seen 10 us ago accepts messages after its death was told. */
static int
no_reader(struct channel *channel)
{
    int nobody;

    if (!channel->tells_epipe)
        return 0;
    nobody = cradle_nobody(channel->handle->arena, channel->semaphores,
        channel->readers);
    return nobody == 1 ? -EPIPE : nobody;
}

static bool
closed_here(const struct channel *channel)
{
    return own_load(&channel->handle->closed) ||
        own_load(&channel->no_sends);
}

static ssize_t
look(void *context, bool woken)
{
    const struct sending *sending = context;
    int nobody, error;

    (void) woken;
    if (closed_here(sending->channel))
        return -EBADF;
    nobody = no_reader(sending->channel);
    if (nobody < 0 && nobody != -EINPROGRESS)
        return nobody;
    error = try_send(sending);
    if (error == -ENOBUFS && falsely_full(sending->channel)) {
        if (!mend(sending->channel))
            /* Somebody may be between two steps: it may take back what it
             * counted, which wakes nobody, or be stopped there. */
            return -EINPROGRESS;
        error = try_send(sending);
        if (error == -ENOBUFS)
            return -EINPROGRESS; /* taken by one who may take it back */
    }
    if (error == -ENOBUFS)
        error = -EAGAIN;
    /* The bell of the last reader may have rung, and who is on the way may
     * never hold our end: nothing more will wake us. */
    return error == -EAGAIN && nobody == -EINPROGRESS ? -EINPROGRESS : error;
}

static bool
more(void *context)
{
    const struct sending *sending = context;
    const struct channel *channel = sending->channel;

    if (shm_load(&channel->send.words->sleepers) == 0)
        return false;
    return channel_full(channel) != 1 ||
        (channel->tells_epipe &&
            cradle_nobody(channel->handle->arena, channel->semaphores,
                channel->readers) != 0);
}

/* Not for us: is there room for so small a body? */
static bool
enough(void *context, uint32_t bytes)
{
    const struct sending *sending = context;
    const struct channel *channel = sending->channel;
    struct sysv_queue_state state;

    if (sysv_msg_state(channel->queue, &state) < 0)
        return true; /* they will find out */
    return (channel->limit == 0 || state.messages < channel->limit) &&
        state.messages < state.capacity &&
        state.bytes + bytes <= state.capacity;
}

struct room_watch {
    struct channel_words *words;
    uint64_t received;
};

static bool
room_made(const void *context)
{
    const struct room_watch *watch = context;

    return shm_peek(&watch->words->received) != watch->received;
}

/* Waits a little in user space: true if somebody has made room. */
static bool
spin_for_room(struct channel *channel, struct deadline *deadline)
{
    struct room_watch watch = { channel->words,
        shm_peek(&channel->words->received) };

    return spin_wait(&channel->send_spin, deadline, room_made, &watch);
}

static int
send_waiting(const struct sending *sending, int timeout_ms)
{
    struct channel *channel = sending->channel;
    struct deadline deadline = DEADLINE(timeout_ms);
    struct gate_wait wait = { .look = look, .more = more, .enough = enough,
        .bytes = (uint32_t) sending->length, .context = (void *) sending };
    ssize_t result;

    if (timeout_ms == SYSVMP_NOWAIT) {
        result = look((void *) sending, true);
        return result == -EINPROGRESS ? -EAGAIN : (int) result;
    }
    for (int i = 0; i < SPINS_MAX && spin_for_room(channel, &deadline); i++) {
        result = look((void *) sending, true);
        if (result != -EAGAIN && result != -EINPROGRESS)
            return (int) result;
    }
    return (int) gate_sleep(&channel->send, &wait, &deadline);
}

static int
too_large(const struct channel *channel, size_t len)
{
    return error_detail(-EMSGSIZE,
        "a message of %zu bytes: at most %zu pass here (SYSVMP_INLINE_MAX is "
        "%d; kernel.msgmax and kernel.msgmnb may allow less)",
        len, channel->largest, SYSVMP_INLINE_MAX);
}

static int
send_inside(const struct sending *sending, int timeout_ms)
{
    struct channel *channel = sending->channel;
    int error;

    if (UNLIKELY(closed_here(channel)))
        return -EBADF;
    error = no_reader(channel);
    if (UNLIKELY(error < 0 && error != -EINPROGRESS))
        return error;
    error = try_send(sending);
    if (UNLIKELY(error == -EAGAIN || error == -ENOBUFS))
        error = send_waiting(sending, timeout_ms);
    if (LIKELY(error == 0))
        gate_wake(&channel->receive);
    return error;
}

int
channel_send(struct channel *channel, const void *buf, size_t len,
    int timeout_ms)
{
    struct message message;
    struct sending sending = { channel, &message, 0 };
    bool alone = only_thread();
    int error;

    if (UNLIKELY(arena_me(channel->handle->arena) == 0))
        return arena_gone(channel->handle->arena);
    if (UNLIKELY(len > channel->largest))
        return closed_here(channel) ? -EBADF : too_large(channel, len);
    sending.length = message_pack(&message, buf, len);
    /* A close by another thread waits until we are out, and only then tells
     * the readers. */
    if (!alone)
        own_add(&channel->handle->senders, 1);
    error = send_inside(&sending, timeout_ms);
    if (!alone)
        own_sub(&channel->handle->senders, 1);
    return error;
}
