/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * object.h: the table of objects, so that each can be found and removed
 * whoever dies when.
 */
#ifndef SYSVMP_OBJECT_H
#define SYSVMP_OBJECT_H

#include "arena.h"
#include "word.h"

enum object_kind { OBJECT_LOCK = 1, OBJECT_RLOCK, OBJECT_QUEUE, OBJECT_PIPE,
    OBJECT_SEMAPHORE, OBJECT_CONDITION, OBJECT_EVENT, OBJECT_BARRIER };

enum { OBJECT_EMPTY, OBJECT_INTENT, OBJECT_LIVE };

/* The words of a gate: gate.c says who writes them and why. */
struct gate_words {
    _Atomic uint32_t sleepers; /* announced, by the sleepers themselves */
    /* How many of them were told since the last look of any of them began, by
     * those who wake them; and how many looks began, by the sleepers. */
    _Atomic uint32_t told;
};

/* What a list is: list.h has the meaning. */
struct list_state {
    _Atomic uint32_t head, tail, spare;
    _Atomic uint32_t read, written;
    _Atomic uint32_t in_tail;
    _Atomic uint64_t bytes, tail_bytes;
    _Atomic uint32_t claims, claimed, returned; /* of a joinable queue, as */
    uint32_t reserved;
    _Atomic uint64_t taken; /* is this: claim.c */
};

struct list_words {
    _Alignas(64) struct lock_words lock;
    _Atomic uint64_t tally; /* version in the high half, messages in the low */
    _Alignas(64) struct list_state state[2];
};

struct channel_words {
    /* Line 1, by senders: messages that are to go into the kernel's queue,
     * and the receivers' gate. */
    _Alignas(64) _Atomic uint64_t sent;
    struct gate_words receive;
    _Atomic uint32_t watched; /* watch.h */
    /* Line 2, by receivers: those that are out of it, and the senders'
     * gate. */
    _Alignas(64) _Atomic uint64_t received;
    struct gate_words send;
    /* Lines 3 and 4: the list beside it. */
    struct list_words list;
    /* Line 5: the gate of those who join it. */
    _Alignas(64) struct gate_words join;
    uint32_t reserved[4];
};

struct semaphore_words {
    _Atomic uint32_t value; /* permits; but with SYSVMP_PERMITS 0 */
    uint32_t reserved;
    struct gate_words gate;
};

struct event_words {
    _Atomic uint64_t state; /* event.c; by whoever sets and clears it */
    _Atomic uint32_t sleepers; /* broadcast.h */
    _Atomic uint32_t watched;  /* watch.h */
};

/* One who waits, and the table of them: waiters.h. */
struct waiter {
    _Atomic uint64_t owner; /* owner id; 0: free, and then so is the word */
    _Atomic uint64_t word;  /* the noun's own */
};

#define WAITERS_FIRST  16 /* in the object itself */
#define WAITERS_BLOCKS 11

struct waiters_words {
    _Atomic uint32_t high; /* none from here on was ever used */
    /* Units of the heap, plus one: 1, 2, 4, ... pages of them.  0: not yet;
     * changed once, by compare-and-swap. */
    _Atomic uint32_t blocks[WAITERS_BLOCKS];
    struct waiter first[WAITERS_FIRST];
};

struct condition_words {
    _Atomic uint64_t tickets;  /* given to those who came to wait */
    _Atomic uint32_t sleepers; /* broadcast.h */
    uint32_t reserved;
    struct waiters_words waiters;
};

struct barrier_words {
    _Atomic uint64_t state;    /* barrier.c */
    _Atomic uint32_t sleepers; /* broadcast.h */
    uint32_t reserved;
    struct waiters_words waiters;
};

/* Of one entry, 64 bits at a time. */
#define OBJECT_WORDS (sizeof(struct channel_words) / 8)

/* An entry, 384 bytes.  The first line is written under the arena lock while
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
        _Alignas(64) struct lock_words lock;
        struct channel_words channel;
        struct semaphore_words semaphore;
        struct event_words event;
        struct condition_words condition;
        struct barrier_words barrier;
        _Atomic uint64_t words[OBJECT_WORDS]; /* all of it, to be cleared */
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
/* Entry i, if it lives; for who holds the arena lock. */
struct object *object_live(const struct arena *arena, uint32_t i);
/* Has it a list, that of a channel? */
bool object_has_list(const struct object *object);
/* Its table of waiters, or NULL. */
struct waiters_words *object_waiters(struct object *object);
/* Removes each object's queue; the arena is coming to its end.  false: the
 * kernel refused to remove one. */
bool object_remove_all(struct arena *arena);

#endif /* SYSVMP_OBJECT_H */
