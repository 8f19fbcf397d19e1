/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mutex.c: makes and destroys what Lock and RLock are built on; the two ways
 * of locking are in word.c and mutex-sem.c.
 */
#include "internal.h"

#include "arena.h"
#include "membarrier.h"
#include "error.h"
#include "make.h"
#include "mutex.h"

/* What a mutex of an arena that we left looks at: an owner that is never us,
 * so every call goes the slow way, and finds out. */
static struct lock_words left_words = { .owner = UINT64_MAX };

#ifndef SYSVMP_PLAIN_LOCK

static int
mutex_prepare(struct mutex *mutex)
{
    (void) mutex; /* a new entry's words are those of a lock that is free */
    return 0;
}

static void
mutex_give_up(struct mutex *mutex)
{
    word_give_up(&mutex->word);
}

#endif

static void
give_up(struct handle *handle)
{
    struct mutex *mutex = (struct mutex *) handle;

    mutex_give_up(mutex);
    mutex->word.words = &left_words;
}

/* Another thread of ours may be inside what the lock guards.  Later calls of
 * this process find the lock as it is then. */
static bool
resign(struct handle *handle, bool alone, struct deadline *deadline)
{
    (void) deadline;
    if (alone)
        mutex_give_up((struct mutex *) handle);
    return true;
}

static int
prepare(struct handle *handle)
{
    struct mutex *mutex = (struct mutex *) handle;
    struct holding *h = &handle->holding[0];

    h->bells[0] = h->place.gate;
    mutex->word.words = &h->place.object->lock;
    mutex->word.arena = handle->arena;
    mutex->word.semaphores = h->place.semaphores;
    mutex->word.gate = h->place.gate;
    return mutex_prepare(mutex);
}

int
mutex_create(struct mutex *mutex, enum object_kind kind, uint32_t magic)
{
    const struct object_wish wish = { .kind = kind,
        .slots = MUTEX_SLOTS,
        .reference = MUTEX_REFERENCE };

    mutex->word.swift = membarrier_join();
    mutex->handle.give_up = give_up;
    mutex->handle.resign = resign;
    return handle_make(&mutex->handle, magic, &wish, prepare);
}

void
mutex_destroy(struct mutex *mutex)
{
    handle_unmake(&mutex->handle);
}

pid_t
mutex_holder(const struct mutex *mutex)
{
    const struct arena *arena = mutex->handle.arena;
    uint64_t owner;
    pid_t pid;
    int dead;

    if (arena_me(arena) == 0)
        return arena_gone(arena);
    owner = mutex_owner(mutex);
    if (owner == 0)
        return 0;
    dead = member_dead(arena, mutex->word.semaphores, owner);
    if (dead != 0)
        return dead < 0 ? dead : 0;
    pid = shm_load(&member_at(arena, owner_seat(owner))->pid);
    return pid > 0 ? pid : 0;
}
