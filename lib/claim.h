/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * claim.h: what was taken from a joinable queue and is not done.
 */
#ifndef SYSVMP_CLAIM_H
#define SYSVMP_CLAIM_H

#include "block.h"
#include "list.h"

/*
 * Of the list, between list_enter() and list_leave().
 */

/* Repairs what a dead holder of the lock has left.  First of all. */
void claim_mend(struct list *list, struct list_view *view);
/* Who is alive, as the kernel says in the set that has the bells. */
struct claim_roll {
    unsigned short alive[BLOCK_SEMAPHORES];
};

/* How many messages the dead have; or a code, where the kernel does not say
 * who is dead. */
int claim_dead(const struct list *list, const struct list_view *view,
    struct claim_roll *roll);
/* Gives these back.  Committed. */
void claim_reap(struct list *list, struct list_view *view,
    const struct claim_roll *roll);
/*
 * Takes the first message, if it is not longer than `room`; *unit: a block of
 * ours, or CLAIM_NONE, then the one that has the message, of *length bytes.
 * Committed.
 * -EAGAIN, -EMSGSIZE, -EBADMSG; -ENOBUFS: it takes a block.
 */
int claim_take(struct list *list, struct list_view *view, size_t room,
    uint32_t *unit, size_t *length);
/* As list_first(), but what was given back comes first. */
int claim_first(const struct list *list, const struct list_view *view,
    struct list_first *first);
/* Ends a claim of ours: done, or given back.  Committed.  -EOVERFLOW. */
int claim_end(struct list *list, struct list_view *view, uint32_t unit,
    bool done);
/*
 * Makes a claim ours again that we have just ended, for one whose wake-up the
 * kernel refuses.  Committed.  false: it was given back, and another process
 * has taken it.
 */
bool claim_resume(struct list *list, struct list_view *view, uint32_t unit,
    bool done, uint64_t turn);
/* By which a claim of ours is known again: its block may be another's by then.
 */
uint64_t claim_turn(const struct list *list, uint32_t unit);

#define CLAIM_NONE UINT32_MAX

/* Claims, and with what waits: messages that are not done; of a moment. */
uint32_t claim_count(const struct list_words *words);
uint64_t claim_unfinished(const struct list_words *words);

/*
 * Which of them are whose, in this process.  All under the registry's mutex.
 */
struct claim_note {
    struct claim_note *next;
    uint64_t thread;
    uint32_t unit;
    bool apart; /* as a message without copying: not for task_done */
};

/* What a thread took last. */
struct claim_last {
    struct claim_last *next;
    uint64_t thread;
    bool redelivered;
};

struct claims {
    struct channel *channel; /* NULL: its handle was destroyed */
    unsigned users;          /* that handle, and messages */
    uint64_t owner; /* the process that this is about: not a child of it */
    struct claim_note *first, **end;
    struct claim_last *lasts;
    _Atomic uint32_t n;
};

/* How many; a child has none of its parent's. */
static inline uint32_t
claims_count(const struct claims *claims)
{
    return claims->owner == self_id() ? own_load(&claims->n) : 0;
}

/* Empties it in a child. */
void claims_check(struct claims *claims);
/* Notes what this thread took; note and last are the caller's malloc()s: what
 * is not used is freed. */
void claims_add(struct claims *claims, struct claim_note *note,
    struct claim_last *last, bool redelivered);
/* Takes a note off: this thread's oldest, or that of a unit that is apart;
 * NULL: there is none. */
struct claim_note *claims_take(struct claims *claims, uint32_t unit);
/* Takes the oldest note off, whosever it is; NULL: there is none. */
struct claim_note *claims_take_first(struct claims *claims);
/* It was not ended: it is the oldest again. */
void claims_put_back(struct claims *claims, struct claim_note *note);
/* Had what this thread took last been taken before? */
bool claims_redelivered(struct claims *claims);
/* One user less. */
void claims_drop(struct claims *claims);

#endif /* SYSVMP_CLAIM_H */
