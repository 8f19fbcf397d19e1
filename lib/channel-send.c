/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * channel-send.c: puts messages into a channel.
 *
 * A short message goes into the kernel's queue while there is nothing in the
 * list; what is too long for that, or finds it full, is appended to the list,
 * and everything behind it, until receivers have emptied that.  So what one
 * sender has put into the kernel's queue is always older than what it has in
 * the list.  A channel with a maxsize has all in its list.
 *
 * `sent` counts a message before it is in the kernel's queue, `received`
 * after it is out: equal means that there is nothing there, whoever died.
 *
 * Why a sender does not sleep for ever: it sleeps at the send gate (gate.c)
 * for room in the list.  A receiver that made room wakes it; a receiver that
 * died between the two is replaced by its bell; the last reader's close posts
 * a token, and its death rings, so the look finds that nobody reads any more.
 */
#include "internal.h"

#include <limits.h>
#include <string.h>

#include "callback.h"
#include "channel.h"
#include "cradle.h"
#include "error.h"
#include "heap.h"
#include "memory.h"
#include "sysv.h"

/* Spins that paid, but not for us, before we sleep all the same. */
#define SPINS_MAX 16

#define NONE UINT32_MAX

/* A call under way. */
struct sending {
    struct channel *channel;
    const struct sysvmp_item *items;
    size_t n;
    size_t done;    /* so many of them are in */
    uint32_t block; /* of ours, with the next ones in it; or NONE */
    uint32_t packed; /* how many; 0: the next one, alone */
    bool borrowed;   /* the block stays the caller's until it is in */
    bool counted;    /* among the senders of the handle */
    struct deadline deadline;
};

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

/*
 * The kernel's queue.
 */

/* A type that no other message in the queue has: receivers take them in their
 * order, whatever the type. */
static long
type_of(uint64_t sent)
{
    return (long) (sent & (LONG_MAX >> 1)) + 1;
}

/* Takes our message back, which nobody was told of: false, somebody has taken
 * it.  So there is no need to ask before it is in. */
static bool
out_again(struct channel *channel, struct message *message)
{
    ssize_t length = sysv_msgrcv_type(channel->queue, message,
        sizeof(*message) - sizeof(message->type), message->type);

    if (length >= 0)
        shm_add(&channel->words->received, 1);
    return length >= 0;
}

/* 0: it is in, and those who wait are told; -EAGAIN: it is for the list. */
static int
try_kernel(struct channel *channel, const struct sysvmp_item *item)
{
    struct message message;
    size_t length;
    int error;

    if (channel->listed || item->len > channel->largest ||
        list_count(&channel->words->list) != 0)
        return -EAGAIN;
    length = message_pack(&message, item->data, item->len);
    message.type = type_of(shm_add(&channel->words->sent, 1));
    error = sysv_msgsnd(channel->queue, &message, length);
    if (UNLIKELY(error < 0)) {
        /* Counted out again, not down: the number was a message's type. */
        shm_add(&channel->words->received, 1);
        return error;
    }
    error = channel_tell(channel, 1);
    return UNLIKELY(error < 0) && out_again(channel, &message) ? error : 0;
}

/*
 * The list.
 */

static bool
is_short(const struct sysvmp_item *item)
{
    return item->len <= SYSVMP_INLINE_MAX;
}

/* How many more messages it takes now: not for us all alone. */
static uint32_t
room(const struct channel *channel, const struct list_view *view)
{
    if (view->count >= LIST_MAX)
        return 0;
    if (channel->limit == 0)
        return LIST_MAX - view->count;
    if (view->count >= channel->limit ||
        (channel->bytes_max > 0 && view->bytes >= channel->bytes_max))
        return 0;
    return (uint32_t) (channel->limit - view->count);
}

/* A block for the next message alone. */
static int
prepare_single(struct sending *sending)
{
    struct arena *arena = sending->channel->handle->arena;
    const struct sysvmp_item *item = &sending->items[sending->done];
    int error = memory_take(arena, (uint64_t) item->len + LIST_HEADER,
        MEMORY_FILL, &sending->deadline, &sending->block);

    if (error < 0) {
        sending->block = NONE;
        return error;
    }
    sending->packed = 0;
    list_single(arena, sending->block, item->len);
    CRASH_POINT();
    memcpy((char *) heap_address(arena, sending->block) + LIST_HEADER,
        item->data, item->len);
    return 0;
}

/* Bytes that the next messages take in a chunk, as many as are short and go
 * into one, but not more than `most`: *n. */
static size_t
chunk_bytes(const struct sending *sending, uint64_t most, uint32_t *n)
{
    size_t whole = list_chunk(sending->channel->list.arena);
    size_t bytes = LIST_HEADER;

    *n = 0;
    for (size_t i = sending->done; i < sending->n && *n < most; i++) {
        const struct sysvmp_item *item = &sending->items[i];

        if (!is_short(item) || bytes + list_record(item->len) > whole)
            break;
        bytes += list_record(item->len);
        ++*n;
    }
    return bytes;
}

/* A chunk of that size with the next n messages. */
static int
prepare_chunk(struct sending *sending, size_t size, uint32_t n)
{
    struct arena *arena = sending->channel->list.arena;
    size_t longest = 0;
    uint32_t at;
    int error = memory_take(arena, size, 0, &sending->deadline,
        &sending->block);

    if (error < 0) {
        sending->block = NONE;
        return error;
    }
    sending->packed = n;
    at = list_chunk_begin(arena, sending->block);
    for (size_t i = sending->done; i < sending->done + n; i++) {
        const struct sysvmp_item *item = &sending->items[i];

        at = list_chunk_add(arena, sending->block, at, item->data, item->len);
        if (item->len > longest)
            longest = item->len;
    }
    list_note_longest(arena, sending->block, longest);
    return 0;
}

/*
 * Many messages are put into a chunk of their own before the lock is taken,
 * if they fill it well: who receives may take it off as a whole.
 */
static int
prepare_batch(struct sending *sending)
{
    const struct channel *channel = sending->channel;
    uint64_t count = list_count(&channel->words->list);
    uint64_t most = channel->limit == 0 ? LIST_MAX
        : channel->limit > count ? channel->limit - count : 0;
    uint32_t n;
    size_t bytes;

    if (sending->n - sending->done < 2 || sending->block != NONE)
        return 0;
    bytes = chunk_bytes(sending, most, &n);
    if (n < 2 || bytes < LIST_HEADER + LIST_WORTH)
        return 0;
    return prepare_chunk(sending, bytes, n);
}

/* Puts what was prepared behind the last, as far as there is room for it. */
static void
link_block(struct sending *sending, struct list_view *view, uint32_t most)
{
    struct list *list = &sending->channel->list;
    uint32_t n = sending->packed < most ? sending->packed : most;
    size_t end = LIST_HEADER;
    uint64_t bytes = 0;

    if (sending->packed == 0)
        n = 1;
    for (uint32_t i = 0; i < n; i++) {
        bytes += sending->items[sending->done + i].len;
        end += list_record(sending->items[sending->done + i].len);
    }
    shm_store(&heap_unit(list->arena, sending->block)->tag, list->listed);
    list_link(list, view, sending->block,
        sending->packed == 0 ? 0 : (uint32_t) end, n, bytes);
    sending->block = NONE;
    sending->done += n;
}

/* Into an empty list: who waits by poll(2) is told before there is something,
 * as we may be killed in between; but not before it is sure to come. */
static int
light(const struct sending *sending, const struct list_view *view)
{
    const struct channel *channel = sending->channel;

    if (LIKELY(!channel->beacon.made) || view->count > 0)
        return 0;
    if (sending->block == NONE && !list_has_room(&channel->list, view,
            sending->items[sending->done].len))
        return -ENOBUFS;
    return beacon_light(&channel->beacon);
}

/* Under the lock: 0, some are in; -EAGAIN: no room; -ENOBUFS: it takes a
 * block; or a code of the beacon's. */
static int
append(struct sending *sending, struct list_view *view)
{
    struct channel *channel = sending->channel;
    uint32_t most = room(channel, view);
    size_t left = sending->n - sending->done, n;
    int error = most == 0 ? -EAGAIN : channel_may_tell(channel);

    if (error == 0)
        error = light(sending, view);
    if (error < 0)
        return error;
    if (sending->block != NONE) {
        link_block(sending, view, most);
    } else {
        n = list_append(&channel->list, view,
            &sending->items[sending->done], left < most ? left : most);
        if (n == 0)
            return -ENOBUFS;
        sending->done += n;
    }
    list_commit(&channel->list, view);
    return 0;
}

/* What is in the list since the call was there: as these were before. */
struct appended {
    size_t done;
    uint32_t block;
    struct list_view list;
};

/* Takes it back: false, the list was changed since, as others have it or have
 * told those who wait of theirs. */
static bool
take_back(struct sending *sending, const struct appended *appended,
    const struct list_view *view)
{
    struct channel *channel = sending->channel;
    struct deadline deadline = DEADLINE_DEAF;
    bool linked = appended->block != NONE && sending->block == NONE;
    struct list_view now;
    bool reverted;

    if (channel_enter(channel, &deadline, &now) < 0)
        return false;
    reverted = list_revert(&channel->list, &now, &appended->list, view,
        linked ? appended->block + 1 : 0);
    list_leave(&channel->list);
    if (!reverted)
        return false;
    /* Who has seen no room meanwhile may have some; refused, as we are, it is
     * for the next one who makes room. */
    (void) gate_wake_many(&channel->send, UINT32_MAX);
    sending->done = appended->done;
    sending->block = appended->block;
    return true;
}

/*
 * Tells those who wait of what was appended.  Where the kernel refuses that,
 * though it did not when we asked, the messages come out again and the code
 * is answered.  A block that became free meanwhile is given away last, as it
 * would go back, too.
 */
static int
tell(struct sending *sending, const struct appended *appended,
    const struct list_view *view)
{
    int error = channel_tell(sending->channel,
        (uint32_t) (sending->done - appended->done));

    if (UNLIKELY(error < 0) && take_back(sending, appended, view))
        return error;
    if (view->freed != 0)
        heap_give(sending->channel->list.arena, view->freed - 1);
    return 0;
}

static int
prepare(struct sending *sending)
{
    size_t bytes;
    uint32_t n;

    if (!is_short(&sending->items[sending->done]))
        return prepare_single(sending);
    bytes = chunk_bytes(sending, LIST_MAX, &n);
    return prepare_chunk(sending,
        n == 1 ? list_chunk(sending->channel->list.arena) : bytes, n);
}

/* 0: something more is in, and those who wait are told; -EAGAIN: no room;
 * -EINPROGRESS; or a code. */
static int
try_list(struct sending *sending)
{
    int error = prepare_batch(sending);

    if (error < 0)
        return channel_unlucky(error);
    for (;;) {
        struct appended appended = { .done = sending->done,
            .block = sending->block };
        struct list_view view;

        error = channel_enter(sending->channel, &sending->deadline, &view);
        if (error < 0)
            return channel_unlucky(error);
        appended.list = view;
        error = append(sending, &view);
        list_leave(&sending->channel->list);
        if (error == 0)
            return tell(sending, &appended, &view);
        if (error != -ENOBUFS)
            return error;
        error = prepare(sending);
        if (error < 0)
            return channel_unlucky(error);
    }
}

/* As try_list(), but all of them. */
static int
try_send(struct sending *sending)
{
    struct channel *channel = sending->channel;
    int error = -EAGAIN;

    if (sending->n == 1 && sending->block == NONE)
        error = try_kernel(channel, sending->items);
    if (LIKELY(error == 0))
        sending->done = 1;
    if (error != -EAGAIN)
        return error;
    error = 0;
    while (error == 0 && sending->done < sending->n)
        error = try_list(sending);
    return error;
}

/*
 * To wait for room.
 */

static ssize_t
look(void *context, bool woken)
{
    struct sending *sending = context;
    int nobody, error;

    (void) woken;
    if (closed_here(sending->channel))
        return -EBADF;
    nobody = no_reader(sending->channel);
    if (nobody < 0 && nobody != -EINPROGRESS)
        return nobody;
    error = try_send(sending);
    /* The bell of the last reader may have rung, and who is on the way may
     * never hold our end: nothing more will wake us. */
    return error == -EAGAIN && nobody == -EINPROGRESS ? -EINPROGRESS : error;
}

static uint32_t
more(void *context)
{
    const struct sending *sending = context;
    const struct channel *channel = sending->channel;
    uint32_t there;

    if (shm_load(&channel->send.words->sleepers) == 0)
        return 0;
    if (channel->tells_epipe &&
        cradle_nobody(channel->handle->arena, channel->semaphores,
            channel->readers) != 0)
        return UINT32_MAX;
    if (channel_full(channel) == 1)
        return 0;
    there = list_count(&channel->words->list);
    return channel->bytes_max > 0 || there >= channel->limit
        ? 1
        : (uint32_t) (channel->limit - there);
}

static bool
room_made(const void *context)
{
    return channel_full(context) != 1;
}

static int
send_waiting(struct sending *sending)
{
    struct channel *channel = sending->channel;
    struct gate_wait wait = { .look = look, .more = more,
        .context = sending };
    ssize_t result;

    if (sending->deadline.timeout_ms == SYSVMP_NOWAIT)
        return -EAGAIN;
    for (int i = 0; i < SPINS_MAX && spin_wait(&channel->send_spin,
             &sending->deadline, room_made, channel); i++) {
        result = look(sending, true);
        if (result == -EINPROGRESS)
            break; /* no spinning helps */
        if (result != -EAGAIN)
            return (int) result;
    }
    return (int) gate_sleep(&channel->send, &wait, &sending->deadline);
}

static int
send_inside(struct sending *sending)
{
    struct channel *channel = sending->channel;
    int error;

    if (UNLIKELY(closed_here(channel)))
        return -EBADF;
    error = no_reader(channel);
    if (UNLIKELY(error < 0 && error != -EINPROGRESS))
        return error;
    error = try_send(sending);
    if (UNLIKELY(error == -EAGAIN || error == -EINPROGRESS))
        error = send_waiting(sending);
    return error;
}

/* The interrupt function has left the send by an exception.  A close must not
 * wait for it; the block that was filled is given back, but for one that is the
 * caller's own message. */
static void
send_abandon(void *arg)
{
    const struct sending *sending = arg;
    struct handle *handle = sending->channel->handle;

    if (sending->block != NONE && !sending->borrowed)
        heap_give(handle->arena, sending->block);
    if (sending->counted)
        own_sub(&handle->senders, 1);
}

/* A close by another thread waits until we are out, and only then tells the
 * readers. */
static int
send_all(struct sending *sending)
{
    struct handle *handle = sending->channel->handle;
    struct undo undo;
    int error;

    if (UNLIKELY(arena_me(handle->arena) == 0))
        return arena_gone(handle->arena);
    sending->counted = !only_thread();
    if (sending->counted)
        own_add(&handle->senders, 1);
    undo_push(&undo, send_abandon, sending);
    error = send_inside(sending);
    undo_pop(&undo);
    if (sending->counted)
        own_sub(&handle->senders, 1);
    return error;
}

int
channel_send(struct channel *channel, const void *buf, size_t len,
    int timeout_ms)
{
    const struct sysvmp_item item = { .data = (void *) buf, .len = len };
    struct sending sending = { .channel = channel, .items = &item, .n = 1,
        .block = NONE, .deadline = DEADLINE(timeout_ms) };
    int error = send_all(&sending);

    if (UNLIKELY(sending.block != NONE))
        heap_give(channel->handle->arena, sending.block);
    return error;
}

ssize_t
channel_send_many(struct channel *channel, const struct sysvmp_item *items,
    size_t n, int timeout_ms)
{
    struct sending sending = { .channel = channel, .items = items, .n = n,
        .block = NONE, .deadline = DEADLINE(timeout_ms) };
    int error = n > 0 ? send_all(&sending) : 0;

    if (sending.block != NONE)
        heap_give(channel->handle->arena, sending.block);
    return error == 0 || sending.done > 0 ? (ssize_t) sending.done : error;
}

int
channel_send_block(struct channel *channel, uint32_t unit, size_t len,
    int timeout_ms)
{
    const struct sysvmp_item item = { .len = len };
    struct sending sending = { .channel = channel, .items = &item, .n = 1,
        .block = unit, .borrowed = true, .deadline = DEADLINE(timeout_ms) };

    return send_all(&sending);
}
