/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * carry-ring.c: the floor: places in shared memory, written and read where
 * they are, and two counts that both processes spin on.  It knows no third
 * process, no sleep and no death; what is left is the memory's own speed.
 */
#define _GNU_SOURCE

#include <sched.h>
#include <sys/mman.h>

#include "carry.h"
#include "cell.h"

#define SPINS 100000    /* then the other one may need this CPU */

struct ring {
    _Alignas(BENCH_LINE) atomic_ulong sent;
    _Alignas(BENCH_LINE) atomic_ulong taken;
    _Alignas(BENCH_LINE) unsigned char place[];
};

struct ring_end {
    unsigned long n;            /* the messages before this one */
};

static void *
ring_open(const struct flow_shape *shape)
{
    struct ring *ring;

    if (shape->senders != 1 || shape->receivers != 1)
        flow_cannot("one to one alone");
    ring = mmap(NULL, sizeof(*ring) + shape->depth * shape->size,
        PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (ring == MAP_FAILED)
        fail("no shared memory");
    return ring;
}

static void
ring_join(struct flow_end *end)
{
    static struct ring_end own;

    end->own = &own;
}

static void *
ring_place(const struct flow_end *end)
{
    struct ring *ring = end->shared;
    const struct ring_end *own = end->own;

    return ring->place + own->n % end->shape->depth * end->shape->size;
}

/* Until the count is past what it is in vain. */
static void
spin_while(atomic_ulong *count, unsigned long value)
{
    for (unsigned long i = 1; atomic_load_explicit(count,
             memory_order_acquire) == value; i++) {
        if (i % SPINS == 0)
            sched_yield();
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#endif
    }
}

static void *
ring_room(struct flow_end *end)
{
    struct ring *ring = end->shared;
    const struct ring_end *own = end->own;

    if (own->n >= end->shape->depth)
        spin_while(&ring->taken, own->n - end->shape->depth);
    return ring_place(end);
}

static bool
ring_send(struct flow_end *end, void *room)
{
    struct ring *ring = end->shared;
    struct ring_end *own = end->own;

    (void)room;
    atomic_store_explicit(&ring->sent, ++own->n, memory_order_release);
    return true;
}

static const void *
ring_receive(struct flow_end *end)
{
    struct ring *ring = end->shared;
    const struct ring_end *own = end->own;

    spin_while(&ring->sent, own->n);
    return ring_place(end);
}

static void
ring_release(struct flow_end *end, const void *message)
{
    struct ring *ring = end->shared;
    struct ring_end *own = end->own;

    (void)message;
    atomic_store_explicit(&ring->taken, ++own->n, memory_order_release);
}

const struct carrier carry_ring = {
    .subject = "ring", .open = ring_open, .join = ring_join,
    .room = ring_room, .send = ring_send, .receive = ring_receive,
    .release = ring_release
};
