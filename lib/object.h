/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * object.h: the table of objects, so that each can be found and removed
 * whoever dies when.
 */
#ifndef SYSVMP_OBJECT_H
#define SYSVMP_OBJECT_H

#include "arena.h"
#include "word.h"

enum object_kind { OBJECT_LOCK = 1, OBJECT_RLOCK, OBJECT_QUEUE, OBJECT_PIPE };

enum { OBJECT_EMPTY, OBJECT_INTENT, OBJECT_LIVE };

/* The words of a gate: gate.h says who writes them and why. */
struct gate_words {
    _Atomic uint32_t sleepers; /* announced, by the sleepers themselves */
    _Atomic uint32_t token;    /* 1: a token is out */
    _Atomic uint32_t least;    /* what one of the sleepers needs, inverted: */
    uint32_t reserved;         /* ~bytes, so that 0 is "nobody yet" */
};

struct channel_words {
    /* Line 1, by senders: puts begun (low half; the high half counts the
     * attempts, also those taken back), and the receivers' gate. */
    _Alignas(64) _Atomic uint64_t sent;
    struct gate_words receive;
    /* Line 2, by receivers: gets done, and the senders' gate. */
    _Alignas(64) _Atomic uint64_t received;
    struct gate_words send;
    /* Line 3: room for the broadcast gate of those who wait for any of
     * several; nobody uses it yet, and it is 0. */
    _Alignas(64) _Atomic uint32_t watchers;
    _Atomic uint32_t watch_turn;
    _Atomic int32_t watch_semaphores;
    uint32_t watch_reserved;
};

/* An entry, 256 bytes.  The first line is written under the arena lock while
 * the entry is the pending one, and constant while it is live. */
struct object {
    _Atomic uint32_t state;
    _Atomic uint32_t kind;
    _Atomic uint64_t generation; /* of the entry: up with each object */
    _Atomic int32_t key;         /* of the message queue */
    _Atomic int32_t queue;       /* its id, or -1 */
    _Atomic uint32_t block;
    _Atomic uint16_t slot;
    _Atomic uint16_t slots;
    _Atomic uint16_t reference; /* the semaphore that counts references */
    uint16_t reserved;
    _Atomic int32_t creator;        /* pid, for display */
    _Atomic int64_t created;        /* for display */
    _Atomic uint64_t limit;         /* maxsize */
    union {
        struct lock_words lock;
        struct channel_words channel;
    };
};

#define OBJECTS_MAX 32768

/* What an object is to be. */
struct object_wish {
    enum object_kind kind;
    int slots;
    int reference; /* which of its counters counts references */
    bool queue;        /* with a message queue */
    uint64_t limit;
};

/* Where an object is: this process's copy of what does not change. */
struct place {
    struct object *object;
    uint32_t index;
    uint32_t block;
    int semaphores; /* the set's id */
    int counter;    /* its first semaphores of either sort */
    int gate;
    int queue;
};

/*
 * Makes an object and returns with the arena locked and the entry pending:
 * the caller registers its own references, then calls object_commit(), or
 * object_abandon().  On failure the arena is not locked.
 */
int object_create(struct arena *arena, const struct object_wish *wish,
    struct place *place);
void object_commit(struct arena *arena);
void object_abandon(struct arena *arena, const struct place *place);
/* The caller has dropped its references: removes the object if nobody has
 * any. */
void object_unref(struct arena *arena, const struct place *place);
/* Removes each object's queue; the arena is coming to its end. */
void object_remove_all(struct arena *arena);

#endif /* SYSVMP_OBJECT_H */
