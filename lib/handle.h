/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * handle.h: what this process holds.
 *
 * A handle is one process's memory for an object.  The registry lists all of
 * them, so that a forked child can register what it inherits, and leaving can
 * give everything up.  The registry's mutex is held across fork, and by all
 * that create, destroy, close, start.
 */
#ifndef SYSVMP_HANDLE_H
#define SYSVMP_HANDLE_H

#include <stdatomic.h>

#include "beacon.h"
#include "object.h"

#define HOLDING_REFERENCES 3
#define HOLDING_BELLS      4

/* One object that a handle holds: references are counted in semaphores,
 * bells ring at our death ({g,+1} and {g,-1,SEM_UNDO}). */
struct holding {
    struct place place;
    int references[HOLDING_REFERENCES]; /* semaphores; -1: none (any more) */
    int bells[HOLDING_BELLS];
    int side; /* of a broadcast: a bell, too */
    struct beacon *beacon; /* that goes with it; or NULL */
};

/* Where nothing is held but what is filled in then. */
void holding_clear(struct holding *h);

#define HANDLE_HOLDINGS 2

struct handle {
    uint32_t magic; /* the kind's own; 0 when destroyed */
    _Atomic bool closed;
    bool end;       /* of a pipe: can be given */
    unsigned given; /* to so many children that are to be started */
    _Atomic int parting; /* a reference of the first holding that is about to
                          * be dropped, plus one: no child inherits it */
    _Atomic uint32_t receivers; /* threads of ours asleep in a receive, or
                                 * with a beacon inside one */
    _Atomic uint32_t senders;   /* ... inside a send */
    _Atomic uint32_t permits;   /* that this process has of a semaphore */
    /* Gives up what is held beside references and bells; or NULL. */
    void (*give_up)(struct handle *handle);
    /*
     * Before the end of this process, which goes on for a while: gives up what
     * others wait for.  Alone: no other thread of ours is left.  False: one is
     * in the middle of a call, or the time was up; try again.  Or NULL.
     */
    bool (*resign)(struct handle *handle, bool alone,
        struct deadline *deadline);
    struct arena *arena;
    struct handle *previous, *next;
    int holdings;
    struct holding holding[HANDLE_HOLDINGS];
};

void registry_lock(void);
bool registry_lock_at_end(void);
void registry_unlock(void);

/* All under the registry's mutex. */
extern struct handle *registry;

void handle_add(struct handle *handle);
void handle_remove(struct handle *handle);
/* Registers what a new handle holds: references and bells. */
int handle_hold(const struct holding *h);
/* Drops one reference and posts so many tokens at `gate`, in one step.  0; or
 * the code by which the kernel refuses that, and the reference is still
 * held. */
int handle_drop(struct holding *h, int reference, int gate, int tokens);
/* Drops all references and bells; the objects go if these were the last. */
void handle_release(struct handle *handle);
/* Drops what the kernel did not let us drop before, if it does now. */
void handle_pay_owed(void);
/* In a child: registers every open handle of the arena.  A code: nothing is
 * registered, and our seat is given up as well. */
int handle_inherit_all(struct arena *arena);
/* In a child that could not join: its handles are closed and hold nothing, so
 * its own children inherit nothing. */
void handle_disown_all(const struct arena *arena);
/* For leave.c: gives up locks that are held; then, when we are dead, drops
 * every reference and rings every bell. */
void handle_give_up_all(struct arena *arena);
void handle_abandon_all(struct arena *arena);
/* For leave.c: each handle resigns.  True: all have. */
bool handle_resign_all(struct arena *arena, bool alone,
    struct deadline *deadline);
/* When all is given up: closes the descriptors. */
void handle_close_all(const struct arena *arena);
/* In a child: it holds nothing of what this handle held in its parent. */
void handle_forget(struct handle *handle);

/* Is it ours, of this kind, and not destroyed? */
static inline bool
handle_valid(const struct handle *handle, uint32_t magic)
{
    return LIKELY(handle != NULL && handle->magic == magic);
}

#endif /* SYSVMP_HANDLE_H */
