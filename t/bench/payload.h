/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * payload.h: what is in the messages of a flow.  The first word tells the
 * sender and the number, each other word follows from it and from its place.
 * Words are copied in and out: not every peer hands them out aligned.
 */
#ifndef BENCH_PAYLOAD_H
#define BENCH_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PAYLOAD_SENDER_BITS 8

static inline uint64_t
payload_head(uint64_t seq, unsigned sender)
{
    return seq << PAYLOAD_SENDER_BITS | sender;
}

static inline uint64_t
payload_fill(uint64_t head)
{
    return head * 0x9e3779b97f4a7c15u;
}

static inline void
payload_write(void *to, size_t size, uint64_t head)
{
    unsigned char *at = to;
    uint64_t word = payload_fill(head);

    memcpy(at, &head, sizeof(head));
    for (size_t i = sizeof(word); i < size; i += sizeof(word)) {
        word++;
        memcpy(at + i, &word, sizeof(word));
    }
}

/* Gives the head; false if what follows is not what belongs to it. */
static inline bool
payload_read(const void *from, size_t size, uint64_t *head)
{
    const unsigned char *at = from;
    uint64_t word, due, wrong = 0;

    memcpy(head, at, sizeof(*head));
    due = payload_fill(*head);
    for (size_t i = sizeof(word); i < size; i += sizeof(word)) {
        due++;
        memcpy(&word, at + i, sizeof(word));
        wrong |= word ^ due;
    }
    return wrong == 0;
}

#endif /* BENCH_PAYLOAD_H */
