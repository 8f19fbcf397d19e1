/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * spin.c: whether to spin or to yield, and for how long.
 *
 * A wake-up costs 30 us on another CPU that is idle, so a spin of up to 20 us
 * at most doubles what a wait costs, and mostly saves all of it.  On one CPU
 * spinning only keeps the peer from running; giving it the CPU once or twice
 * saves a sleep and a wake-up, two system calls each.
 */
#include "internal.h"

#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "spin.h"

#define DEFAULT_US  20
#define LONGEST_US  1000000
#define PENALTY_MAX 1024u
#define YIELDS      2
#define SOON        64u         /* yields */
#define CROWDED     64u         /* calls */
#define CROWDED_MAX 16384u

/* Nanoseconds; 0: never.  From SYSVMP_SPIN_US and the number of CPUs. */
static int64_t limit;
static bool yields;

__attribute__((__constructor__(101))) static void
read_limit(void)
{
    const char *text = getenv("SYSVMP_SPIN_US");
    char *end;
    long us = DEFAULT_US;

    if (text != NULL && *text != '\0') {
        long wanted = strtol(text, &end, 10);

        if (*end == '\0' && wanted >= 0 && wanted <= LONGEST_US)
            us = wanted;
    }
    yields = us > 0;
    limit = sysvmp_cpu_count() > 1 ? (int64_t) us * 1000 : 0;
}

static bool
worth(struct spin_memory *memory)
{
    uint32_t skip = own_peek(&memory->skip);

    if (skip == 0)
        return true;
    own_poke(&memory->skip, skip - 1); /* an update lost is no harm */
    return false;
}

bool
spin_worth(struct spin_memory *memory)
{
    return limit > 0 && worth(memory);
}

int64_t
spin_until(struct deadline *deadline)
{
    int64_t left = deadline_left(deadline);

    return deadline_now() + (left < limit ? left : limit);
}

struct spin_run {
    struct deadline *deadline;
    int64_t end; /* 0: the clock was not asked yet */
    uint32_t rounds;
};

static bool
spin_more(struct spin_run *run)
{
    cpu_relax();
    if (++run->rounds % 32 != 0)
        return true;
    if (run->end == 0)
        run->end = spin_until(run->deadline);
    return deadline_now() < run->end;
}

void
spin_paid(struct spin_memory *memory)
{
    if (own_peek(&memory->penalty) != 0)
        own_poke(&memory->penalty, 0);
}

void
spin_in_vain(struct spin_memory *memory)
{
    uint32_t penalty = own_peek(&memory->penalty);

    penalty = penalty == 0 ? 1 : penalty * 2;
    if (penalty > PENALTY_MAX)
        penalty = PENALTY_MAX;
    own_poke(&memory->penalty, penalty);
    own_poke(&memory->skip, penalty);
}

static bool
spin_for(struct spin_memory *memory, struct deadline *deadline,
    bool (*there)(const void *), const void *arg)
{
    struct spin_run run = { .deadline = deadline };

    while (spin_more(&run))
        if (there(arg)) {
            spin_paid(memory);
            return true;
        }
    spin_in_vain(memory);
    return false;
}

/* The clock's tick, which costs a quarter of the time itself. */
static int64_t
tick(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

/*
 * One tick that passed in a yield is nothing: there is one every 4 ms.  Soon
 * after another it tells of somebody else on this CPU, to whom yields give
 * slices of 3 ms (seen on Linux 6.18): hundreds of calls that sleep.
 */
static void
note_tick(struct spin_memory *memory)
{
    uint32_t skip = own_peek(&memory->crowded) * 2;

    if (own_peek(&memory->ticked) > 0) {
        if (skip == 0)
            skip = CROWDED;
        if (skip > CROWDED_MAX)
            skip = CROWDED_MAX;
        own_poke(&memory->crowded, skip);
        if (own_peek(&memory->skip) < skip)
            own_poke(&memory->skip, skip);
    }
    own_poke(&memory->ticked, SOON);
}

static void
note_no_tick(struct spin_memory *memory)
{
    uint32_t ticked = own_peek(&memory->ticked);

    if (ticked == 1)
        own_poke(&memory->crowded, 0);
    if (ticked > 0)
        own_poke(&memory->ticked, ticked - 1);
}

static bool
yield_for(struct spin_memory *memory, bool (*there)(const void *),
    const void *arg)
{
    int64_t start = tick();
    bool paid = false;

    for (int i = 0; i < YIELDS && !paid; i++) {
        sched_yield();
        paid = there(arg);
    }
    if (paid)
        spin_paid(memory);
    else
        spin_in_vain(memory);
    if (tick() != start)
        note_tick(memory);
    else
        note_no_tick(memory);
    return paid;
}

/*
 * While yielding pays, the peer is on our CPU, or as good as done: then the
 * other way is not even tried now and then, which costs a call 20 ns.
 */
bool
spin_wait(struct spin *spin, struct deadline *deadline,
    bool (*there)(const void *), const void *arg)
{
    bool due = limit > 0 && own_peek(&spin->spinning.skip) == 0;

    if (!due && yields && worth(&spin->yielding) &&
        yield_for(&spin->yielding, there, arg))
        return true;
    return spin_worth(&spin->spinning) &&
        spin_for(&spin->spinning, deadline, there, arg);
}
