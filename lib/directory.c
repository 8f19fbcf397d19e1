/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * directory.c: a small segment under a key that follows from the user's id.
 *
 * It is shared by programs that know nothing of each other and may be killed
 * at any step, so there is no lock: a slot is one word, which changes by
 * compare-and-swap.  It is removed when it is empty.  Who enters looks
 * afterwards whether it is still the one that is found; who removes looks
 * afterwards whether somebody had entered, and lists him in the next.  So a
 * kill between two steps loses at most a listing, which matters only if that
 * program's janitor is killed as well.
 *
 * All bytes zero is an empty directory.  Where another user was first to use
 * our key, the next one is tried.
 */
#include "internal.h"

#include <unistd.h>

#include "directory.h"
#include "error.h"
#include "shared.h"
#include "sysv.h"

#define SLOTS      1023
#define CANDIDATES 8
#define ATTEMPTS   16
#define LOOK_NS    20000 /* between looks, doubled each time, up to */
#define LOOK_MAX   100000000

/* In each slot: key and creator, or 0. */
struct slots {
    _Atomic uint64_t word[SLOTS];
};

struct directory {
    struct slots *slots;
    struct sysv_identity identity;
};

static key_t
candidate(int i)
{
    return (key_t) (0x53565000u + (uint32_t) geteuid() * 0x9e3779b1u +
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

/* Ours alone, and a directory by its size? */
static bool
usable(int id)
{
    struct sysv_segment_state state;

    return sysv_shm_state(id, &state) == 0 &&
        state.size == sizeof(struct slots);
}

static bool
open_candidate(struct directory *directory, int i, bool create)
{
    key_t key = candidate(i);
    bool made = false;
    int error;
    int id = sysv_shm_open(key);

    if (id == -ENOENT && create) {
        id = sysv_shm_create(key, sizeof(struct slots));
        made = id >= 0;
        if (id == -EEXIST) /* just now, by somebody else */
            id = sysv_shm_open(key);
    }
    if (id < 0 || !usable(id))
        return false;
    directory->slots = sysv_shm_attach(id, &error);
    directory->identity = (struct sysv_identity){ .id = id, .key = key };
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

static int
enter_word(uint64_t word)
{
    for (int attempt = 0; attempt < ATTEMPTS; attempt++)
        for (int i = 0; i < CANDIDATES; i++) {
            struct directory directory;
            bool done;

            if (!open_candidate(&directory, i, true))
                continue;
            done = put(directory.slots, word);
            sysv_shm_detach(directory.slots);
            if (!done)
                continue; /* full */
            if (sysv_shm_open(directory.identity.key) ==
                directory.identity.id)
                return 0;
            break; /* it was removed meanwhile: into the next one */
        }
    return -ENOSPC;
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
    if (!empty(directory->slots) || !sysv_shm_remove(&directory->identity))
        return;
    for (int i = 0; i < SLOTS; i++) {
        uint64_t word = shm_load(&directory->slots->word[i]);

        if (word != 0)
            (void) enter_word(word);
    }
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

int
directory_enter(key_t key)
{
    return enter_word(word_of(key, getpid()));
}

void
directory_leave(key_t key)
{
    for (int i = 0; i < CANDIDATES; i++) {
        struct directory directory;

        if (!open_candidate(&directory, i, false))
            continue;
        take_off(directory.slots, key);
        retire(&directory);
        sysv_shm_detach(directory.slots);
        await_removal(&directory.identity);
    }
}

void
directory_each(void (*fn)(key_t key, pid_t creator, void *arg), void *arg)
{
    for (int i = 0; i < CANDIDATES; i++) {
        struct directory directory;
        uint64_t words[SLOTS];

        if (!open_candidate(&directory, i, false))
            continue;
        for (int k = 0; k < SLOTS; k++)
            words[k] = shm_load(&directory.slots->word[k]);
        sysv_shm_detach(directory.slots); /* fn may take off the last */
        for (int k = 0; k < SLOTS; k++)
            if (words[k] != 0)
                fn(key_of(words[k]), (pid_t) (uint32_t) words[k], arg);
    }
}
