/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * list.h: a list of messages in shared memory: what does not go through the
 * kernel's queue, as it is too large, or the queue is full, or has a limit.
 *
 * All but list_count() is done between list_enter() and list_leave(), on a
 * view of one's own; what was changed there is so for all from list_commit()
 * on, in one store, and before that for nobody, whoever dies.
 */
#ifndef SYSVMP_LIST_H
#define SYSVMP_LIST_H

#include "arena.h"
#include "heap.h"
#include "object.h"

/* This process's view of one. */
struct list {
    struct word lock;
    struct list_words *words;
    struct arena *arena;
    uint64_t listed; /* the owner of its blocks: heap_listed() */
};

/* What it is, and will be: a private copy. */
struct list_view {
    uint64_t tally;
    uint32_t count;
    uint32_t head, tail, spare; /* blocks: the number of the unit, plus one */
    uint32_t read, written;     /* in the head's and in the tail's bytes */
    uint64_t bytes;
    uint32_t in_tail; /* messages that were appended to the tail, */
    uint64_t tail_bytes; /* and their bytes, since it was last empty */
    uint32_t claims, claimed, returned;
    uint64_t taken;
    bool died;       /* a holder of the lock has */
    uint32_t freed;  /* a block that is ours after the commit, plus one */
    uint32_t linked; /* the list's after it */
};

/* The first message. */
struct list_first {
    const void *data;
    uint64_t length;
    uint32_t unit; /* of a block that it has to itself, plus one; or 0 */
};

/* A payload in a block of its own begins so many bytes behind its start. */
#define LIST_HEADER 64u

/* Messages that fit: memory ends before. */
#define LIST_MAX 0x7fff0000u

/* Which of its object's gates is the lock's. */
#define LIST_GATE 2

void list_open(struct list *list, struct arena *arena,
    const struct place *place);

static inline uint32_t
list_count(const struct list_words *words)
{
    return (uint32_t) shm_load(&words->tally);
}

/* The state that is valid with that tally. */
const struct list_state *list_state(const struct list_words *words,
    uint64_t tally);
/* Bytes that a block has for one message. */
uint64_t list_room(const struct list *list, uint32_t block);
/* Bytes in it; of a moment. */
uint64_t list_bytes(const struct list_words *words);

/* A block's head, at its start.  By who owns it, or holds the list's lock. */
struct list_block {
    _Atomic uint32_t next; /* unless it is the last */
    _Atomic uint32_t end;  /* of the messages, likewise; 0: a single one */
    _Atomic uint64_t length; /* of a single one; else as `messages` */
    _Atomic uint32_t messages; /* in it at first, unless it is the last */
    _Atomic uint32_t longest; /* of them, or more */
    /* Of one that was taken from a joinable queue: claim.c. */
    _Atomic uint32_t next_claim;
    _Atomic uint32_t claim;
    _Atomic uint64_t taker;
    _Atomic uint64_t turn;
    _Atomic uint32_t redelivered;
};

struct list_block *list_block(const struct arena *arena, uint32_t unit);

/* Bytes of the block that a view names; 0: there is none. */
static inline uint64_t
list_size(const struct list *list, uint32_t block)
{
    return block == 0 ? 0
        : (uint64_t) heap_run(list->arena, block - 1) * UNIT_SIZE;
}

/* Messages in the chain: what was given back to a joinable queue is not. */
static inline uint32_t
list_waiting(const struct list_view *view)
{
    return view->count - view->returned;
}

/* Before each short message. */
struct list_prefix {
    uint32_t length;
    uint32_t reserved;
};

/* Bytes that a short message takes. */
static inline size_t
list_record(size_t length)
{
    return sizeof(struct list_prefix) + (length + 7) / 8 * 8;
}

/* 0, or a code; -EBADMSG: somebody else has written there. */
int list_enter(struct list *list, struct deadline *deadline,
    struct list_view *view);
void list_commit(struct list *list, struct list_view *view);
/*
 * Takes back a commit of ours, for one whose wake-up the kernel refuses.
 * `before` is the view that list_enter() gave, `ours` the one that was
 * committed, `linked` the block that it appended and that was ours (plus one;
 * or 0).  `view` is that of a new list_enter().  Returns false, and changes
 * nothing, where somebody has committed something since.  A block that was
 * appended is view->freed afterwards: ours again.
 */
bool list_revert(struct list *list, struct list_view *view,
    const struct list_view *before, const struct list_view *ours,
    uint32_t linked);
void list_leave(struct list *list);
/* As arena_give_up_lock(); the next in it mends what we have left. */
void list_give_up_lock(struct list *list);

/* With fewer bytes of messages a chunk is not worth a move of its own. */
#define LIST_WORTH 2048u

/* Bytes of a block for short messages. */
size_t list_chunk(const struct arena *arena);
/* Makes a block that is ours one for short messages: where these begin; puts
 * one in: where the next begins. */
uint32_t list_chunk_begin(struct arena *arena, uint32_t unit);
uint32_t list_chunk_add(struct arena *arena, uint32_t unit, uint32_t at,
    const void *data, size_t length);
/* Says of a chunk that it has one so long. */
void list_note_longest(struct arena *arena, uint32_t unit, size_t length);
/* Makes a block that is ours one message of that length. */
void list_single(struct arena *arena, uint32_t unit, uint64_t length);

/* Would a message be appended by list_append()? */
bool list_has_room(const struct list *list, const struct list_view *view,
    size_t length);
/* Appends short messages, up to n: as many as have room in the last block, or
 * in a spare, and up to the first that is not short.  How many. */
size_t list_append(struct list *list, struct list_view *view,
    const struct sysvmp_item *items, size_t n);
/* Appends a block that is ours: n short messages that end there, or one with
 * the block to itself.  Commit before the next. */
void list_link(struct list *list, struct list_view *view, uint32_t unit,
    uint32_t end, uint32_t n, uint64_t bytes);

/* -EAGAIN: it is empty; -EBADMSG. */
int list_first(const struct list *list, const struct list_view *view,
    struct list_first *first);
/*
 * Takes the first block off, to be read later, if it is a chunk of so many
 * bytes that it is worth it, of at most n messages that fit the items, and
 * nobody has read of it yet: it is view->freed then.  How many messages; *end:
 * where they end.  Commit before the next.
 */
uint32_t list_detach(struct list *list, struct list_view *view,
    const struct sysvmp_item *items, size_t n, uint32_t *end);
/* Reads n short messages of a block: how many there are in fact. */
size_t list_read(const struct arena *arena, uint32_t unit, uint32_t end,
    struct sysvmp_item *items, size_t n);
/*
 * Takes short ones off, into up to n items, up to the end of the first block:
 * how many; *block: that was its end, so commit before the next.  0 also if
 * the first is not short.  *error: why no more came, -EMSGSIZE or -EBADMSG.
 */
size_t list_take_short(struct list *list, struct list_view *view,
    struct sysvmp_item *items, size_t n, bool *block, int *error);
/* Takes it off; true: commit before the next.  A block that it has to itself
 * is ours then, unless `stays`: the list's. */
bool list_take(struct list *list, struct list_view *view,
    const struct list_first *first, bool stays);
/* A block of the list that is to be ours with the next commit. */
void list_take_block(struct list *list, struct list_view *view,
    uint32_t block);
/* A chunk that was read to its end: makes it the spare; or ours, as above. */
void list_set_aside(struct list *list, struct list_view *view,
    uint32_t chunk);
/* Is a block that may be in the middle of a change in the list?  1, 0;
 * -EAGAIN: the list was changed meanwhile. */
int list_has(const struct list *list, uint32_t unit);

#endif /* SYSVMP_LIST_H */
