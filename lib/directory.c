/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * directory.c: a small segment under a key that follows from the user's id.
 *
 * It is shared by programs that know nothing of each other and may be killed
 * at any step, so there is no lock: a slot is one word, which changes by
 * compare-and-swap.  It is removed when it is empty, in this order: who
 * removes it closes it for good, then looks whether it is empty still; who
 * enters puts his word into it, then looks whether it is closed, and if so
 * takes the word back and goes to the next one.  One of the two sees the
 * other, so nobody who has entered loses his listing.  Who takes the last word
 * off one that was closed removes it; a kill in between leaves that to the
 * next who looks.
 *
 * All bytes zero is an empty directory.  Where another user was first to use
 * our key, the next one is tried.  A process that is not that user, but may
 * use what is his (root), looks into his directory and removes it, but makes
 * none: it would be its own.
 */
#include "internal.h"

#include "directory.h"
#include "error.h"
#include "shared.h"
#include "sysv.h"

#define SLOTS      1023
#define CANDIDATES 8
#define LOOK_NS    20000 /* between looks, doubled each time, up to */
#define LOOK_MAX   100000000

/* In each slot: key and creator, or 0. */
struct slots {
    _Atomic uint64_t word[SLOTS];
    _Atomic uint64_t closed; /* 1: nobody enters any more; never 0 again */
};

struct directory {
    struct slots *slots;
    struct sysv_identity identity;
};

/* What is looked for. */
struct entry {
    key_t key;
    pid_t creator;
    bool found;
};

static key_t
candidate(uid_t user, int i)
{
    return (key_t) (0x53565000u + (uint32_t) user * 0x9e3779b1u +
        (uint32_t) i * 0x10001u) | 1;
}

static uint64_t
word_of(key_t key, pid_t creator)
{
    return (uint64_t) (uint32_t) key << 32 | (uint32_t) creator;
}

static key_t
key_of(uint64_t word)
{
    return (key_t) (word >> 32);
}

/* That user's alone, and a directory by its size? */
static bool
usable(int id, uid_t user)
{
    struct sysv_segment_state state;

    return sysv_shm_state(id, user, &state) == 0 &&
        state.size == sizeof(struct slots);
}

static bool
open_candidate(struct directory *directory, uid_t user, int i, bool create)
{
    key_t key = candidate(user, i);
    bool made = false;
    int error;
    int id = sysv_shm_open(key);

    if (id == -ENOENT && create) {
        id = sysv_shm_create(key, sizeof(struct slots));
        made = id >= 0;
        if (id == -EEXIST) /* just now, by somebody else */
            id = sysv_shm_open(key);
    }
    directory->identity =
        (struct sysv_identity){ .id = id, .key = key, .segment = id };
    directory->slots = id >= 0 && usable(id, user)
        ? sysv_shm_attach(id, &error) : NULL;
    if (directory->slots == NULL && made)
        (void) sysv_shm_remove(&directory->identity);
    return directory->slots != NULL;
}

static bool
put(struct slots *slots, uint64_t word)
{
    for (int i = 0; i < SLOTS; i++) {
        uint64_t empty = 0;

        if (shm_peek(&slots->word[i]) == 0 &&
            shm_cas(&slots->word[i], &empty, word))
            return true;
    }
    return false;
}

static bool
empty(struct slots *slots)
{
    for (int i = 0; i < SLOTS; i++)
        if (shm_load(&slots->word[i]) != 0)
            return false;
    return true;
}

/* Removes it, when it is empty. */
static void
retire(const struct directory *directory)
{
    struct slots *slots = directory->slots;

    if (!empty(slots))
        return;
    if (shm_load(&slots->closed) == 0)
        shm_store(&slots->closed, 1);
    /* Whoever has entered since sees that it is closed, or is seen here. */
    if (empty(slots))
        (void) sysv_shm_remove(&directory->identity);
}

/* If it was removed, by whomever, somebody may still look at it: it is seen
 * in the kernel until he looks away. */
static void
await_removal(const struct sysv_identity *which)
{
    struct deadline forever = DEADLINE(SYSVMP_FOREVER);

    for (int64_t ns = LOOK_NS; ns < LOOK_MAX; ns *= 2) {
        if (sysv_shm_open(which->key) == which->id ||
            sysv_shm_attached(which->id) < 0)
            return;
        deadline_nap(&forever, ns);
    }
}

static void
take_off(struct slots *slots, key_t key)
{
    for (int i = 0; i < SLOTS; i++) {
        uint64_t word = shm_peek(&slots->word[i]);

        if (word != 0 && key_of(word) == key)
            (void) shm_cas(&slots->word[i], &word, 0);
    }
}

/* Into this one: false, if it is full or closed. */
static bool
enter_word(const struct directory *directory, uint64_t word)
{
    struct slots *slots = directory->slots;

    if (shm_load(&slots->closed) == 0 && !put(slots, word))
        return false;
    if (shm_load(&slots->closed) == 0)
        return true;
    take_off(slots, key_of(word));
    retire(directory);
    return false;
}

int
directory_enter(uid_t user, key_t key, pid_t creator)
{
    bool create = user == sysv_user();

    for (int i = 0; i < CANDIDATES; i++) {
        struct directory directory;
        bool done;

        if (!open_candidate(&directory, user, i, create))
            continue;
        done = enter_word(&directory, word_of(key, creator));
        sysv_shm_detach(directory.slots);
        if (done)
            return 0;
    }
    return -ENOSPC;
}

void
directory_leave(uid_t user, key_t key)
{
    for (int i = 0; i < CANDIDATES; i++) {
        struct directory directory;

        if (!open_candidate(&directory, user, i, false))
            continue;
        take_off(directory.slots, key);
        retire(&directory);
        sysv_shm_detach(directory.slots);
        await_removal(&directory.identity);
    }
}

static void
is_it(key_t key, pid_t creator, void *arg)
{
    struct entry *wanted = arg;

    if (key == wanted->key && creator == wanted->creator)
        wanted->found = true;
}

bool
directory_has(uid_t user, key_t key, pid_t creator)
{
    struct entry wanted = { .key = key, .creator = creator };

    directory_each(user, is_it, &wanted);
    return wanted.found;
}

void
directory_each(uid_t user, void (*fn)(key_t key, pid_t creator, void *arg),
    void *arg)
{
    for (int i = 0; i < CANDIDATES; i++) {
        struct directory directory;
        uint64_t words[SLOTS];

        if (!open_candidate(&directory, user, i, false))
            continue;
        for (int k = 0; k < SLOTS; k++)
            words[k] = shm_load(&directory.slots->word[k]);
        sysv_shm_detach(directory.slots); /* fn may take off the last */
        for (int k = 0; k < SLOTS; k++)
            if (words[k] != 0)
                fn(key_of(words[k]), (pid_t) (uint32_t) words[k], arg);
    }
}
