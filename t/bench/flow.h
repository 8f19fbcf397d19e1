/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * flow.h: messages of one size from some senders to some receivers, over
 * whatever carries them.  The sender writes every byte of a message, the
 * receiver looks at every byte; one lost, doubled, torn, or out of its
 * sender's order fails the cell.  C++ may include this.
 */
#ifndef BENCH_FLOW_H
#define BENCH_FLOW_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FLOW_PROCESSES 4                /* at most, on each side */
#define FLOW_IN_FLIGHT (256u << 20)     /* bytes, at most */

struct flow_shape {
    size_t size;
    unsigned senders;
    unsigned receivers;
    unsigned depth;     /* messages that may be under way */
};

/* One process's end. */
struct flow_end {
    const struct flow_shape *shape;
    void *shared;               /* what open() returned */
    void *own;                  /* for join() to set */
    unsigned char *buffer;      /* of the size; 64 bytes before it are free */
    unsigned index;             /* among the senders, or the receivers */
    bool sends;
};

/*
 * What carries messages.  A place for a message, and what receive() returns,
 * may be the end's buffer or the carrier's own memory: each is used in the
 * way that copies least.  A NULL stands for nothing to be done.
 */
struct carrier {
    const char *subject;
    void *(*open)(const struct flow_shape *shape);      /* before any fork */
    void (*close)(void *shared);                /* after all of them */
    void (*join)(struct flow_end *end);         /* senders before receivers */
    void *(*room)(struct flow_end *end);        /* NULL: the buffer */
    bool (*send)(struct flow_end *end, void *room);
    bool (*flush)(struct flow_end *end);        /* after the last send */
    const void *(*receive)(struct flow_end *end);       /* NULL: failed */
    void (*release)(struct flow_end *end, const void *message);
};

/* Ends the cell: this peer can't do it, for that reason. */
void flow_cannot(const char *format, ...)
    __attribute__((__format__(__printf__, 1, 2), __noreturn__));

/* Tells beside the figures what this peer can't do in full. */
void flow_note(const char *format, ...)
    __attribute__((__format__(__printf__, 1, 2)));

/* Whether the call gave the length of a message; if not, says what came. */
bool flow_whole(const struct flow_end *end, long long length);

/*
 * Of connections, each of which keeps at least `least` messages: how many
 * each may keep, so that all keep the depth; ends the cell if they can't keep
 * to what may be in flight.
 */
unsigned flow_share(const struct flow_shape *shape, unsigned connections,
    unsigned least);

/* The main function of a program with this carrier alone. */
int flow_main(const struct carrier *carrier, int argc, char **argv);

#ifdef __cplusplus
}
#endif

#endif /* BENCH_FLOW_H */
