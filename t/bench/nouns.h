/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nouns.h: how events, conditions, barriers and the wait for any of several
 * are measured, whoever made them. Each loop looks after what it relies on: a
 * process that is let go too early fails the cell.
 *
 * The operations are called by pointer, which is 1 ns for every subject alike.
 */
#ifndef BENCH_NOUNS_H
#define BENCH_NOUNS_H

#define NOUN_WARM_UP    100     /* rounds that are not timed */
#define MESSAGE_WARM_UP NOUN_WARM_UP

#include "cell.h"
#include "message.h"

/* False: it failed. */
typedef bool noun_op(void *noun);

struct event_ops {
    noun_op *set;
    noun_op *clear;
    noun_op *wait;
};

/* Two processes set each other's event: "ns", there and back. */
void event_ping_pong(struct cell *cell, const struct event_ops *ops,
    void *const event[2]);
/* That, and "us-wake": from before the set to after the wait of a process
 * that had been asleep in it. */
void event_measure(struct cell *cell, const struct event_ops *ops,
    void *const event[2]);

struct condition_ops {
    noun_op *acquire;
    noun_op *release;
    noun_op *wait;
    noun_op *notify;
};

/* Two processes wait for their turn and give it to the other: "ns", there and
 * back. */
void condition_measure(struct cell *cell, const struct condition_ops *ops,
    void *condition);

/* So many parties in a loop, on either CPU in turn: "ns" a round. */
void barrier_measure(struct cell *cell, unsigned parties, noun_op *wait,
    void *barrier);

/* A set of one-way lines for messages, and one line back. */
struct wait_ops {
    bool (*send)(void *set, unsigned line, struct message *m);
    bool (*receive)(void *set, struct message *m);      /* from any of them */
    message_op *answer;
    message_op *hear;
};

/*
 * "ns", there and back: one process sends into a line by chance, the other
 * waits for any of n, receives and answers. "ns-ready": send, wait and receive
 * in one process, where the wait finds something ready.
 */
void wait_measure(struct cell *cell, const struct wait_ops *ops, void *set,
    unsigned lines);

#endif /* BENCH_NOUNS_H */
