/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * flow.c: runs a flow and measures it.  Senders send until the time is up,
 * and a least number; receivers count what they get on the board.  No message
 * says that it is the last, as with several receivers nobody could know who
 * gets it: the parent waits until as many have come as were sent, and kills
 * the receivers in their sleep.
 *
 * Timed is from the end of the warm-up to the last message.  The clock is
 * read when the warm-up ends, and for each message after the senders have
 * finished, so not between.
 *
 * What a peer calls its depth is not all that it holds: so the senders look
 * now and then how many messages are under way, and the most is reported.
 */
#define _GNU_SOURCE

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cell.h"
#include "flow-cell.h"
#include "payload.h"

#define PATIENCE_NS 10000000000u        /* without a message: it is lost */
#define HEADROOM    64
#define LARGE       65536
#define LOOK        61                  /* messages that are not large */

/* What one process has done; it alone writes here. */
struct tally {
    _Alignas(BENCH_LINE) atomic_ullong n;
    uint64_t most;                      /* senders: seen under way */
    uint64_t sum[FLOW_PROCESSES];       /* of the numbers, by sender */
    uint64_t begin;                     /* receivers: when warm */
    uint64_t end;
};

struct flow_board {
    _Alignas(BENCH_LINE) atomic_uint joined;
    _Alignas(BENCH_LINE) atomic_bool stop;
    _Alignas(BENCH_LINE) atomic_uint finished;  /* senders */
    struct tally sender[FLOW_PROCESSES];
    struct tally receiver[FLOW_PROCESSES];
};

struct flow {
    const struct carrier *carrier;
    struct flow_shape shape;
    struct flow_board *board;
    const struct cell *cell;
    void *shared;
    pid_t pid[2 * FLOW_PROCESSES];
    unsigned processes;
};

void
flow_cannot(const char *format, ...)
{
    va_list args;

    fputs("cannot ", stdout);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
    _exit(CELL_CANNOT);
}

void
flow_note(const char *format, ...)
{
    va_list args;

    fputs("note ", stdout);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);     /* before the fork: else each child says it, too */
}

bool
flow_whole(const struct flow_end *end, long long length)
{
    if (length != (long long)end->shape->size)
        fprintf(stderr, "%lld came where %zu bytes were due\n", length,
            end->shape->size);
    return length == (long long)end->shape->size;
}

unsigned
flow_share(const struct flow_shape *shape, unsigned connections,
    unsigned least)
{
    unsigned each = shape->depth / connections;

    if (each < least)
        each = least;
    if (connections > 1
        && (double)each * connections * (double)shape->size
            > FLOW_IN_FLIGHT)
        flow_cannot("keep to %u MiB in flight", FLOW_IN_FLIGHT >> 20);
    return each;
}

/* How many messages it takes to touch all memory and find the pace. */
static unsigned
warm_total(const struct flow_shape *shape)
{
    if (shape->size <= 4096)
        return 1000;
    if (shape->size <= 65536)
        return 100;
    return shape->size <= 1 << 20 ? 16 : 4;
}

static unsigned
warm_up(const struct flow_shape *shape)
{
    return warm_total(shape) / shape->receivers;
}

static unsigned char *
buffer_make(size_t size)
{
    size_t whole = (HEADROOM + size + HEADROOM - 1) / HEADROOM * HEADROOM;
    unsigned char *memory = aligned_alloc(HEADROOM, whole);

    if (memory == NULL)
        fail("no memory for a message");
    return memory + HEADROOM;
}

/* The senders first: some peers connect to who is there already. */
static struct flow_end
end_make(const struct flow *flow, bool sends, unsigned index)
{
    const struct flow_shape *shape = &flow->shape;
    struct flow_board *board = flow->board;
    struct flow_end end = { .shape = shape, .shared = flow->shared,
        .index = index, .sends = sends };

    end.buffer = buffer_make(shape->size);
    while (!sends && atomic_load(&board->joined) < shape->senders)
        usleep(100);
    if (flow->carrier->join != NULL)
        flow->carrier->join(&end);
    atomic_fetch_add(&board->joined, 1);
    while (atomic_load(&board->joined) < shape->senders + shape->receivers)
        usleep(100);
    return end;
}

static uint64_t
tally_sum(const struct tally *tallies, unsigned n)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < n; i++)
        sum += atomic_load(&tallies[i].n);
    return sum;
}

/* The receivers are looked at last: rather too few than too many. */
static void
look_under_way(const struct flow *flow, struct tally *self)
{
    struct flow_board *board = flow->board;
    uint64_t sent = tally_sum(board->sender, flow->shape.senders);
    uint64_t received = tally_sum(board->receiver, flow->shape.receivers);

    if (sent > received && sent - received > self->most)
        self->most = sent - received;
}

static noreturn void
sender_main(const struct flow *flow, unsigned index)
{
    const struct carrier *carrier = flow->carrier;
    struct flow_board *board = flow->board;
    struct tally *self = &board->sender[index];
    struct flow_end end = end_make(flow, true, index);
    uint64_t least = 4 * warm_total(&flow->shape) / flow->shape.senders;
    uint64_t look = flow->shape.size < LARGE ? LOOK : 1, seq, sum = 0;

    for (seq = 0; seq < least || !atomic_load_explicit(&board->stop,
             memory_order_relaxed); seq++) {
        void *room = carrier->room == NULL ? end.buffer
            : carrier->room(&end);

        if (room == NULL)
            fail("no room for a message");
        payload_write(room, flow->shape.size, payload_head(seq, index));
        if (!carrier->send(&end, room))
            fail("send failed");
        sum += seq;
        atomic_store_explicit(&self->n, seq + 1, memory_order_relaxed);
        if (seq % look == look - 1)
            look_under_way(flow, self);
    }
    if (carrier->flush != NULL && !carrier->flush(&end))
        fail("send failed");
    self->sum[index] = sum;
    self->end = now_ns();
    atomic_store(&self->n, seq);
    atomic_fetch_add(&board->finished, 1);
    for (;;)            /* what is under way may still need this process */
        pause();
}

/* The next message that is due from a sender, or a later one. */
static unsigned
message_take(const struct flow *flow, const void *message, uint64_t *due,
    uint64_t *seq)
{
    uint64_t head;
    unsigned sender;

    if (!payload_read(message, flow->shape.size, &head))
        fail("a message is not what was sent");
    sender = head & ((1u << PAYLOAD_SENDER_BITS) - 1);
    *seq = head >> PAYLOAD_SENDER_BITS;
    if (sender >= flow->shape.senders)
        fail("a message of nobody");
    if (*seq < due[sender] || (flow->shape.receivers == 1
        && *seq > due[sender]))
        fail("message %llu came where %llu was due",
            (unsigned long long)*seq, (unsigned long long)due[sender]);
    due[sender] = *seq + 1;
    return sender;
}

static noreturn void
receiver_main(const struct flow *flow, unsigned index)
{
    const struct carrier *carrier = flow->carrier;
    struct flow_board *board = flow->board;
    struct tally *self = &board->receiver[index];
    struct flow_end end = end_make(flow, false, index);
    uint64_t due[FLOW_PROCESSES] = { 0 }, seq;
    unsigned warm = warm_up(&flow->shape);

    for (uint64_t n = 1;; n++) {
        const void *message = carrier->receive(&end);

        if (message == NULL)
            fail("receive failed");
        self->sum[message_take(flow, message, due, &seq)] += seq;
        if (carrier->release != NULL)
            carrier->release(&end, message);
        if (n == warm)
            self->begin = now_ns();
        if (atomic_load_explicit(&board->finished, memory_order_relaxed)
            == flow->shape.senders)
            self->end = now_ns();
        atomic_store_explicit(&self->n, n, memory_order_release);
    }
}

static void
processes_start(struct flow *flow)
{
    const struct flow_shape *shape = &flow->shape;
    unsigned all = shape->senders + shape->receivers;

    for (unsigned i = 0; i < all; i++) {
        pid_t pid = fork_side();

        if (pid == 0) {
            /* With more than one on a CPU the scheduler may choose. */
            if (all == 2)
                pin(flow->cell->cpu[i]);
            if (i < shape->senders)
                sender_main(flow, i);
            receiver_main(flow, i - shape->senders);
        }
        flow->pid[flow->processes++] = pid;
    }
}

static void
processes_kill(struct flow *flow)
{
    for (unsigned i = 0; i < flow->processes; i++)
        kill(flow->pid[i], SIGKILL);
    while (wait(NULL) > 0) {
    }
    if (flow->carrier->close != NULL)
        flow->carrier->close(flow->shared);
}

static void
give_up(struct flow *flow, const char *why)
{
    processes_kill(flow);
    fail("%s", why);
}

/* None ends by itself, unless it has failed, or can't do it at all. */
static void
pause_and_look(struct flow *flow, unsigned ms)
{
    int status;

    usleep(ms * 1000);
    if (waitpid(-1, &status, WNOHANG) <= 0)
        return;
    if (WIFEXITED(status) && WEXITSTATUS(status) == CELL_CANNOT) {
        processes_kill(flow);
        _exit(CELL_CANNOT);
    }
    give_up(flow, "a process failed");
}

static void
wait_for_all(struct flow *flow)
{
    struct flow_board *board = flow->board;
    const struct flow_shape *shape = &flow->shape;
    uint64_t seen = 0, since = now_ns(), sent = 0;

    for (;;) {
        bool all = atomic_load(&board->finished) == shape->senders;
        uint64_t received = tally_sum(board->receiver, shape->receivers);

        if (all)
            sent = tally_sum(board->sender, shape->senders);
        if (all && received == sent)
            return;
        if (received != seen) {
            seen = received;
            since = now_ns();
        } else if (now_ns() - since > PATIENCE_NS) {
            fprintf(stderr, "%llu sent, %llu received\n",
                (unsigned long long)sent, (unsigned long long)received);
            give_up(flow, "messages are lost");
        }
        pause_and_look(flow, 1);
    }
}

/* As many as were sent may have come, but not the same ones. */
static void
sums_check(const struct flow *flow)
{
    const struct flow_board *board = flow->board;

    for (unsigned i = 0; i < flow->shape.senders; i++) {
        uint64_t sum = 0;

        for (unsigned k = 0; k < flow->shape.receivers; k++)
            sum += board->receiver[k].sum[i];
        if (sum != board->sender[i].sum[i])
            fail("a message of sender %u is lost, another came twice", i);
    }
}

static void
report(const struct flow *flow)
{
    const struct flow_shape *shape = &flow->shape;
    const struct flow_board *board = flow->board;
    unsigned warm = warm_up(shape);
    uint64_t begin = UINT64_MAX, end = 0, n = 0, most = 0;
    double ns;

    for (unsigned i = 0; i < shape->senders; i++) {
        if (board->sender[i].end > end)
            end = board->sender[i].end;
        if (board->sender[i].most > most)
            most = board->sender[i].most;
    }
    for (unsigned i = 0; i < shape->receivers; i++) {
        const struct tally *t = &board->receiver[i];
        uint64_t received = atomic_load(&t->n);

        if (t->end > end)
            end = t->end;
        if (received <= warm)
            continue;
        n += received - warm;
        if (t->begin < begin)
            begin = t->begin;
    }
    if (n == 0)
        fail("nothing was measured");
    ns = (double)(end - begin) / (double)n;
    printf("ns %.2f\nmbps %.4f\ndepth %llu\n", ns,
        (double)shape->size / ns * 1000, (unsigned long long)most);
}

void
flow_measure(struct cell *cell, const struct carrier *carrier)
{
    struct flow flow = { .carrier = carrier, .cell = cell,
        .shape = cell->shape };

    if (flow.shape.size < 2 * sizeof(uint64_t) || flow.shape.senders == 0
        || flow.shape.senders > FLOW_PROCESSES || flow.shape.receivers == 0
        || flow.shape.receivers > FLOW_PROCESSES || flow.shape.depth == 0)
        fail("no such flow");
    flow.board = mmap(NULL, sizeof(*flow.board), PROT_READ | PROT_WRITE,
        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (flow.board == MAP_FAILED)
        fail("no shared memory");
    flow.shared = carrier->open(&flow.shape);
    processes_start(&flow);
    while (atomic_load(&flow.board->joined) < flow.processes)
        pause_and_look(&flow, 1);
    pause_and_look(&flow, cell->ms);
    atomic_store(&flow.board->stop, true);
    wait_for_all(&flow);
    processes_kill(&flow);
    sums_check(&flow);
    report(&flow);
}

/* A program with one carrier */
static const struct carrier *the_carrier;

static void
the_cell(struct cell *cell)
{
    flow_measure(cell, the_carrier);
}

int
flow_main(const struct carrier *carrier, int argc, char **argv)
{
    const struct cell_entry entries[] = {
        { "flow", carrier->subject, the_cell }, { NULL, NULL, NULL }
    };

    the_carrier = carrier;
    return cell_main(entries, argc, argv);
}
