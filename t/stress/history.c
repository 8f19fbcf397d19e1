/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * history.c: see history.h.  Each byte of a history is written by its sender
 * and by who received the message, by atomic steps; so a kill between two of
 * them leaves what was true before.
 */
#include <config.h>

#include "../files.h"
#include "history.h"
#include "storm.h"
#include "tap.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { CHANNELS = 8, SENDERS = 32, RECEIVERS = 32, SMALL = 64 };
enum { LONG = 100 * 1024, BATCH = 4, SEVERAL = 8, IN_PLACE = 8 };
enum { BACKLOG = 2000 };
enum { NUMBERS = 1 << 23, ENOUGH = NUMBERS - NUMBERS / 8 };
enum { PUT = 1, REFUSED = 2, SEEN = 4 };

struct message {
    int sender;
    unsigned number;
    unsigned sum;
    unsigned char filling[LONG - 12];
};

/* Shared by all; of a sender and a receiver, on lines of their own. */
struct sender {
    _Alignas(64) _Atomic unsigned next; /* number that was tried last, + 1 */
    _Atomic unsigned char *state;
    int channel;
};

struct receiver {
    _Alignas(64) _Atomic int at; /* the channel that it is in, + 1 */
    _Atomic int wants;           /* so many at once */
    /* The last number of each sender that came here, + 1. */
    _Atomic unsigned last[SENDERS];
};

struct book {
    struct sender sender[SENDERS];
    struct receiver receiver[RECEIVERS];
    _Atomic int twice, torn, disorder, over_limit, codes, others;
    _Atomic int finished; /* threads that send no more */
    int allowed[CHANNELS]; /* the supervisor's */
};

static struct book *book;
static struct channel channels[CHANNELS];
static int channel_count, sender_count, receiver_count;

static int
new_channel(struct channel channel)
{
    if (!book)
        book = shared(sizeof(*book));
    if (channel_count == CHANNELS)
        bail("too many channels");
    channels[channel_count] = channel;
    return channel_count++;
}

int
history_queue(const char *name, size_t limit, unsigned flags)
{
    struct channel channel = {.name = name, .limit = limit, .fileno = -1};

    must(sysvmp_queue_create(&channel.queue, limit, flags), "queue_create");
    if (flags & SYSVMP_FILENO)
        channel.fileno = sysvmp_queue_fileno(channel.queue);
    return new_channel(channel);
}

int
history_pipe(const char *name, unsigned flags)
{
    struct sysvmp_conn *end[2];
    int first;

    must(sysvmp_pipe_create(end, flags), "pipe_create");
    first = new_channel((struct channel){.name = name, .reads = end[0],
        .writes = end[1], .fileno = -1});
    if (!(flags & SYSVMP_SIMPLEX))
        new_channel((struct channel){.name = name, .reads = end[1],
            .writes = end[0], .fileno = -1});
    return first;
}

struct channel *
history_channel(int channel)
{
    return &channels[channel];
}

int
history_sender(int channel)
{
    struct sender *s = &book->sender[sender_count];

    if (sender_count == SENDERS)
        bail("too many senders");
    s->channel = channel;
    if (!s->state)
        s->state = shared(NUMBERS);
    return sender_count++;
}

int
history_receiver(void)
{
    if (receiver_count == RECEIVERS)
        bail("too many receivers");
    return receiver_count++;
}

void
history_clear(void)
{
    for (int i = 0; book && i < sender_count; i++) {
        memset((void *)book->sender[i].state, 0, book->sender[i].next);
        book->sender[i].next = 0;
    }
    if (book)
        memset(book->receiver, 0, sizeof(book->receiver));
    if (book)
        memset(book->allowed, 0, sizeof(book->allowed));
    channel_count = sender_count = receiver_count = 0;
}

void
history_fault(const char *what)
{
    diag("FAULT: %s", what);
    atomic_fetch_add(&book->others, 1);
}

/*
 * A message.
 */

/* FNV-1a. */
static unsigned
checksum(const struct message *m, size_t len)
{
    unsigned sum = 2166136261u ^ (unsigned)len;

    sum = (sum ^ (unsigned)m->sender) * 16777619u;
    sum = (sum ^ m->number) * 16777619u;
    for (size_t i = 0; i < len - offsetof(struct message, filling); i++)
        sum = (sum ^ m->filling[i]) * 16777619u;
    return sum;
}

/* Mostly small ones; some that fill a quarter of the kernel's queue, and some
 * that go into no kernel's queue. */
static size_t
length(unsigned number)
{
    size_t least = offsetof(struct message, filling);

    if (number % 300 == 0)
        return least + number * 7919u % (LONG - (unsigned)least);
    return number % 50 == 0 ? SYSVMP_INLINE_MAX : least + number % SMALL;
}

static size_t
write_message(struct message *m, int sender, unsigned number)
{
    size_t len = length(number);

    m->sender = sender;
    m->number = number;
    for (size_t i = 0; i < len - offsetof(struct message, filling); i++)
        m->filling[i] = (unsigned char)(number * 7 + (unsigned)i);
    m->sum = checksum(m, len);
    return len;
}

static int
is_whole(const struct message *m, size_t len, int channel)
{
    return len >= offsetof(struct message, filling) && m->sender >= 0 &&
        m->sender < sender_count &&
        book->sender[m->sender].channel == channel &&
        m->number < atomic_load(&book->sender[m->sender].next) &&
        len == length(m->number) && m->sum == checksum(m, len);
}

/* Every eighth of a thread's calls is one without copying. */
static int
in_place(void)
{
    static _Thread_local unsigned calls;

    return ++calls % IN_PLACE == 0;
}

static int
put_in_place(const struct channel *c, const void *buf, size_t len,
    int timeout_ms)
{
    struct sysvmp_msg *m;
    int result = sysvmp_msg_create(&m, len);

    if (result < 0)
        return result;
    if (len > 0)
        memcpy(sysvmp_msg_data(m), buf, len);
    result = c->queue ? sysvmp_queue_put_msg(c->queue, m, timeout_ms)
                      : sysvmp_conn_send_msg(c->writes, m, timeout_ms);
    if (result < 0)
        sysvmp_msg_destroy(m);
    return result;
}

static int
put(const struct channel *c, const void *buf, size_t len, int timeout_ms)
{
    if (in_place())
        return put_in_place(c, buf, len, timeout_ms);
    return c->queue ? sysvmp_queue_put(c->queue, buf, len, timeout_ms)
                    : sysvmp_conn_send(c->writes, buf, len, timeout_ms);
}

static ssize_t
get_in_place(const struct channel *c, void *buf, size_t size, int timeout_ms)
{
    struct sysvmp_msg *m;
    ssize_t len = c->queue ? sysvmp_queue_get_msg(c->queue, &m, timeout_ms)
                           : sysvmp_conn_recv_msg(c->reads, &m, timeout_ms);

    if (len < 0)
        return len;
    len = (ssize_t)sysvmp_msg_len(m);
    if (len > 0)
        memcpy(buf, sysvmp_msg_data(m),
            (size_t)len < size ? (size_t)len : size);
    sysvmp_msg_destroy(m);
    return len;
}

static ssize_t
get(const struct channel *c, void *buf, size_t size, int timeout_ms)
{
    if (in_place())
        return get_in_place(c, buf, size, timeout_ms);
    return c->queue ? sysvmp_queue_get(c->queue, buf, size, timeout_ms)
                    : sysvmp_conn_recv(c->reads, buf, size, timeout_ms);
}

static void
look_at_code(ssize_t code, const char *call)
{
    if (code >= 0 || code == -EAGAIN || code == -ETIMEDOUT || code == -EPIPE)
        return;
    diag("%s answered %zd", call, code);
    atomic_fetch_add(&book->codes, 1);
}

/* Counted before the attempt: never again, whatever becomes of us. */
static unsigned
new_numbers(struct sender *s, unsigned n)
{
    unsigned number = atomic_fetch_add(&s->next, n);

    if (number >= ENOUGH)
        storm_enough();
    if (number + n > NUMBERS)
        bail("no numbers are left");
    return number;
}

/* This thread's: too large for the stack of some. */
static struct message *
buffers(void)
{
    static _Thread_local struct message *all;

    if (!all)
        all = malloc(BATCH * sizeof(*all));
    if (!all)
        bail("no memory");
    return all;
}

int
history_send(int sender, int timeout_ms)
{
    struct sender *s = &book->sender[sender];
    struct message *m = buffers();
    unsigned number = new_numbers(s, 1);
    size_t len = write_message(m, sender, number);
    int result = put(&channels[s->channel], m, len, timeout_ms);

    atomic_fetch_or(&s->state[number], result == 0 ? PUT : REFUSED);
    look_at_code(result, "put");
    return result;
}

static int
send_several(int sender, int timeout_ms)
{
    struct sender *s = &book->sender[sender];
    struct sysvmp_item items[BATCH];
    struct message *m = buffers();
    unsigned number = new_numbers(s, BATCH);
    ssize_t n;

    for (unsigned i = 0; i < BATCH; i++)
        items[i] = (struct sysvmp_item){.data = &m[i],
            .len = write_message(&m[i], sender, number + i)};
    n = sysvmp_queue_put_many(channels[s->channel].queue, items, BATCH,
        timeout_ms);
    for (int i = 0; i < BATCH; i++)
        atomic_fetch_or(&s->state[number + (unsigned)i],
            i < n ? PUT : REFUSED);
    look_at_code(n, "put_many");
    return n > 0 ? 0 : (int)n;
}

static void
note(struct receiver *r, int channel, const struct message *m, size_t len)
{
    if (!is_whole(m, len, channel)) {
        diag("torn: %zu bytes, sender %d, number %u", len, m->sender,
            m->number);
        atomic_fetch_add(&book->torn, 1);
        return;
    }
    if (atomic_fetch_or(&book->sender[m->sender].state[m->number], SEEN) &
        SEEN)
        atomic_fetch_add(&book->twice, 1);
    if (atomic_exchange(&r->last[m->sender], m->number + 1) > m->number)
        atomic_fetch_add(&book->disorder, 1);
}

static void
look_at_limit(const struct channel *c)
{
    if (c->limit && sysvmp_queue_qsize(c->queue) > (ssize_t)c->limit)
        atomic_fetch_add(&book->over_limit, 1);
}

ssize_t
history_receive(int receiver, int channel, int timeout_ms)
{
    const struct channel *c = &channels[channel];
    struct receiver *r = &book->receiver[receiver];
    struct message *m = buffers();
    ssize_t len;

    atomic_store(&r->wants, 1);
    atomic_store(&r->at, channel + 1);
    len = get(c, m, sizeof(*m), timeout_ms);
    if (len > 0)
        note(r, channel, m, (size_t)len);
    atomic_store(&r->at, 0);
    look_at_code(len, "get");
    look_at_limit(c);
    return len;
}

/* Those that tell others the end are put again; 0 if there was one. */
static ssize_t
receive_several(int receiver, int channel, int timeout_ms)
{
    const struct channel *c = &channels[channel];
    struct receiver *r = &book->receiver[receiver];
    struct sysvmp_item items[BATCH];
    struct message *m = buffers();
    int ends = 0;
    ssize_t n;

    for (int i = 0; i < BATCH; i++)
        items[i] =
            (struct sysvmp_item){.data = &m[i], .size = sizeof(m[i])};
    atomic_store(&r->wants, BATCH);
    atomic_store(&r->at, channel + 1);
    n = sysvmp_queue_get_many(c->queue, items, BATCH, timeout_ms);
    for (int i = 0; i < n; i++) {
        if (items[i].len > 0)
            note(r, channel, &m[i], items[i].len);
        ends += items[i].len == 0;
    }
    atomic_store(&r->at, 0);
    look_at_code(n, "get_many");
    look_at_limit(c);
    if (ends > 1)
        history_tell_end(channel, ends - 1);
    return ends > 0 ? 0 : n;
}

/*
 * Threads.
 */

void
history_finished(void)
{
    atomic_fetch_add(&book->finished, 1);
}

static int
several(int channel, unsigned *seed)
{
    return channels[channel].queue && chance(seed, SEVERAL) == 0;
}

/* Without a limit it would only grow, where receivers are slow. */
static void
wait_for_receivers(const struct channel *c)
{
    if (c->queue && c->limit == 0 && sysvmp_queue_qsize(c->queue) > BACKLOG)
        pause_us(1000);
}

int
history_sends(int sender, int worker, int thread)
{
    unsigned seed = storm_draw(worker, thread);

    while (!storm_over()) {
        wait_for_receivers(&channels[book->sender[sender].channel]);
        int ms = storm_timeout(&seed);
        int result = several(book->sender[sender].channel, &seed)
            ? send_several(sender, ms)
            : history_send(sender, ms);

        if (result == -EPIPE)
            history_fault("put answered EPIPE: somebody is there");
        if (result == 0)
            storm_step(worker, thread);
        storm_linger(&seed);
    }
    history_finished();
    return 0;
}

/* By poll(2), for good; how long the call may wait then. */
static int
await_readiness(int channel, unsigned *seed)
{
    int fd = channels[channel].fileno;

    if (fd < 0)
        return storm_timeout(seed);
    readiness(fd, -1);
    return SYSVMP_NOWAIT;
}

int
history_receives(int receiver, int channel, int worker, int thread)
{
    unsigned seed = storm_draw(worker, thread);

    for (;;) {
        int ms = await_readiness(channel, &seed);
        ssize_t len = several(channel, &seed)
            ? receive_several(receiver, channel, ms)
            : history_receive(receiver, channel, ms);

        if (len == 0 || len == -EPIPE) {
            if (!storm_over())
                history_fault("the end came before it was told");
            return !storm_over();
        }
        if (len > 0)
            storm_step(worker, thread);
        storm_linger(&seed);
    }
}

/* Waits for any of them, for good or, in a spell of timeouts, for less: how
 * many are ready. */
static int
wait_for_any(struct sysvmp_waitable *any, unsigned *seed)
{
    int ready, ms;

    for (int i = 0; i < channel_count; i++)
        any[i] = channels[i].queue
            ? (struct sysvmp_waitable){.kind = SYSVMP_WAIT_QUEUE,
                .of.queue = channels[i].queue}
            : (struct sysvmp_waitable){.kind = SYSVMP_WAIT_CONN,
                .of.conn = channels[i].reads};
    do {
        ms = storm_timeout(seed);
        ready = sysvmp_wait(any, (size_t)channel_count, ms);
    } while (ready == 0 && ms != SYSVMP_FOREVER);
    if (ready <= 0)
        history_fault("wait answered that none is ready");
    return ready;
}

/* Takes one of each that is ready, if it is still there: how many are at their
 * end. */
static int
receive_ready(int receiver, const struct sysvmp_waitable *any, int *taken)
{
    int ended = 0;

    *taken = 0;
    for (int i = 0; i < channel_count; i++) {
        ssize_t len = any[i].ready
            ? history_receive(receiver, i, SYSVMP_NOWAIT) : -EAGAIN;

        ended += len == -EPIPE;
        *taken += len > 0;
    }
    return ended;
}

int
history_receives_any(int receiver, int worker, int thread)
{
    unsigned seed = storm_draw(worker, thread);
    struct sysvmp_waitable any[CHANNELS];
    int ended = 0, taken;

    while (ended < channel_count) {
        if (wait_for_any(any, &seed) <= 0)
            return 1;
        ended = receive_ready(receiver, any, &taken);
        if (ended > 0 && !storm_over())
            history_fault("the end came before it was told");
        /* In vain is a step, too: it was another's. */
        storm_step(worker, thread);
        storm_linger(&seed);
    }
    return 0;
}

void
history_wait_senders(int threads)
{
    until(&book->finished, threads);
}

/* By an empty message each. */
void
history_tell_end(int channel, int receivers)
{
    const struct channel *c = &channels[channel];

    for (int i = 0; i < receivers; i++)
        must(put(c, "", 0, SYSVMP_FOREVER), "put");
}

void
history_close_end(int channel)
{
    const struct channel *c = &channels[channel];

    must(c->queue ? sysvmp_queue_close(c->queue)
                  : sysvmp_conn_close(c->writes), "close");
}

/*
 * The supervisor's.
 */

void
history_died(int receiver)
{
    int at = atomic_exchange(&book->receiver[receiver].at, 0);

    if (at > 0)
        book->allowed[at - 1] += atomic_load(&book->receiver[receiver].wants);
}

int
history_right(void)
{
    return !book->twice && !book->torn && !book->disorder &&
        !book->over_limit && !book->codes && !book->others;
}

static int
count_states(int channel, int mask, int wanted)
{
    int n = 0;

    for (int i = 0; i < sender_count; i++) {
        const struct sender *s = &book->sender[i];

        if (s->channel == channel)
            for (unsigned k = 0; k < s->next; k++)
                n += (s->state[k] & mask) == wanted;
    }
    return n;
}

int
history_lost(int channel, int *allowed)
{
    *allowed = book->allowed[channel];
    return count_states(channel, PUT | SEEN, PUT);
}

/* Answers how many were refused and came all the same. */
static int
check_channel(int channel, int emptied)
{
    int allowed, lost = history_lost(channel, &allowed);
    int seen = REFUSED | SEEN;

    if (!emptied)
        skip(1, "%s: not emptied", channels[channel].name);
    else
        ok(lost <= allowed,
            "%s: no more are lost than the receiving threads that were killed "
            "had asked for: %d of %d", channels[channel].name, lost,
            allowed);
    diag("%s: %d acknowledged, %d refused, %d came",
        channels[channel].name, count_states(channel, PUT, PUT),
        count_states(channel, REFUSED, REFUSED),
        count_states(channel, SEEN, SEEN));
    return count_states(channel, seen, seen);
}

void
history_check(int emptied)
{
    int refused = 0;

    is_int(0, book->twice, "no message came twice");
    is_int(0, book->torn, "... nor torn, nor from nowhere");
    is_int(0, book->disorder, "... each sender's came in order");
    is_int(0, book->over_limit, "... there were never more than the limit");
    is_int(0, book->codes + book->others,
        "... no call answered what it must not");
    for (int i = 0; i < channel_count; i++)
        refused += check_channel(i, emptied);
    is_int(0, refused, "... and what was refused never came");
}

void
history_destroy(void)
{
    for (int i = 0; i < channel_count; i++) {
        sysvmp_queue_destroy(channels[i].queue);
        /* Of a pipe of two channels each end is in both. */
        sysvmp_conn_destroy(channels[i].reads);
        if (channels[i].reads && i + 1 < channel_count &&
            channels[i + 1].reads == channels[i].writes)
            sysvmp_conn_destroy(channels[++i].reads);
        else
            sysvmp_conn_destroy(channels[i].writes);
    }
    history_clear();
}
