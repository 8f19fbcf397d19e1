/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * arena.c: makes the arena, locks it, removes everything at the end.
 *
 * The arena lock is a semaphore of the home block with SEM_UNDO: whoever dies
 * inside gives it back, and what was under way is rolled back by the next
 * (object.c).  It is taken to create, destroy and register, never to use.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "arena.h"
#include "block.h"
#include "cradle.h"
#include "directory.h"
#include "heap.h"
#include "hooks.h"
#include "inspect.h"
#include "janitor.h"
#include "member.h"
#include "object.h"
#include "segment.h"

#define SOON_MS 10
#define NAP_NS  200000

struct arena *arena_current;

/* A random key that is not IPC_PRIVATE. */
key_t
arena_new_key(void)
{
    key_t key = 0;

    while (key == IPC_PRIVATE || key == (key_t) -1)
        if (getrandom(&key, sizeof(key), 0) != sizeof(key))
            key = (key_t) (deadline_now() ^ ((int64_t) getpid() << 16));
    return key;
}

/* Where the kernel can't wipe it, our fork handler does, a little later. */
static void
wipe_on_fork(void)
{
#ifdef MADV_WIPEONFORK
    if (sysconf(_SC_PAGESIZE) == SELF_PAGE)
        (void) madvise(&self, sizeof(self), MADV_WIPEONFORK);
#endif
}

static void
no_member(void)
{
    own_store(&self.me, 0);
    own_store(&self.id, 0);
    memset(self.joined, 0, sizeof(self.joined));
}

/* The last of the head: from here on it is complete. */
static void
publish(struct arena *arena, pid_t janitor)
{
    arena->head->janitor = janitor;
    shm_store(&arena->head->magic, ARENA_MAGIC);
}

/*
 * Before the segment was there, somebody in another pid namespace, where our
 * pid is nobody's, may have taken our listing off for that of a dead one.
 * From now on it is there, and he puts it back (inspect_take_off()).
 */
static void
stay_listed(const struct arena *arena)
{
    if (!directory_has(arena->user, arena->key, getpid()))
        (void) directory_enter(arena->user, arena->key, getpid());
}

static int
build(struct arena *arena, pid_t janitor)
{
    int error = segment_create(arena);

    if (error == 0) {
        stay_listed(arena);
        error = cradle_create(arena);
    }
    if (error == 0)
        error = block_create(arena, 0);
    if (error < 0)
        return error;
    arena->home = block_semaphores(arena, 0);
    heap_open(arena);
    error = member_enter(arena, (int64_t) time(NULL), NULL);
    if (error == 0)
        publish(arena, janitor);
    return error;
}

static void
unmake(struct arena *arena)
{
    if (arena->head != NULL) {
        (void) arena_remove(arena); /* what stays is still listed */
        sysv_shm_detach(arena->head);
        arena->head = NULL;
    } else if (arena->segment < 0) {
        directory_leave(arena->user, arena->key);
    }
    no_member();
}

/*
 * Who cleans up after us comes first, then the listing, then what is to be
 * cleaned up: a kill in between leaves nothing.
 */
static int
make_under_key(struct arena *arena, key_t key)
{
    struct janitor janitor;
    int error;

    *arena = (struct arena){ .key = key, .segment = -1, .home = -1,
        .user = sysv_user() };
    janitor_start(&janitor, key);
    if (directory_enter(arena->user, key, getpid()) < 0)
        hooks_keep(SYSVMP_LOG_WARNING,
            "this program is not listed in the directory of its user's: if "
            "its janitor is killed with it, what it leaves stays");
    error = build(arena, janitor.pid);
    if (error < 0)
        unmake(arena);
    janitor_go(&janitor, error == 0 ? arena->home : -1);
    return error;
}

static int
make(struct arena *arena)
{
    int error;

    wipe_on_fork();
    no_member();
    inspect_sweep();
    do
        error = make_under_key(arena, arena_new_key());
    while (error == -EEXIST);
    return error;
}

int
arena_ensure(struct arena **out)
{
    struct arena *arena = arena_current;
    int error;

    if (arena == NULL || arena->left) {
        arena = calloc(1, sizeof(*arena));
        if (arena == NULL)
            return -ENOMEM;
        error = make(arena);
        if (error < 0) {
            free(arena);
            return error;
        }
        arena->previous = arena_current;
        arena_current = arena;
    }
    *out = arena;
    return arena_me(arena) != 0 ? 0 : arena_gone(arena);
}

int
arena_gone(const struct arena *arena)
{
    return arena->not_entered != 0 ? arena->not_entered : -EBADF;
}

/* Has this process the lock still, as the kernel refused to take it back?
 * Then the caller has it now. */
static bool
kept(const struct arena *arena)
{
    int home = arena->home + 1;

    return UNLIKELY(own_load(&self.keeps_arena) == home) && home > 0 &&
        own_cas(&self.keeps_arena, &home, 0);
}

int
arena_lock(struct arena *arena)
{
    struct sembuf take = sem_operation(BLOCK_LOCK, -1, SEM_UNDO);

    return kept(arena) ? 0 : sysv_semop(arena->home, &take, 1);
}

int
arena_lock_within(struct arena *arena, struct deadline *deadline)
{
    struct sembuf take = sem_operation(BLOCK_LOCK, -1, SEM_UNDO);

    return kept(arena) ? 0 : sysv_semwait(arena->home, &take, 1, deadline);
}

bool
arena_lock_soon(struct arena *arena)
{
    struct sembuf take = sem_operation(BLOCK_LOCK, -1, SEM_UNDO | IPC_NOWAIT);
    struct deadline soon = DEADLINE(SOON_MS);
    int error;

    if (kept(arena))
        return true;
    while ((error = sysv_semop(arena->home, &take, 1)) == -EAGAIN &&
        deadline_left(&soon) > 0)
        deadline_nap(&soon, NAP_NS);
    return error == 0;
}

void
arena_unlock(struct arena *arena)
{
    struct sembuf give = sem_operation(BLOCK_LOCK, 1, SEM_UNDO);
    int error = sysv_semop(arena->home, &give, 1);

    /* Where the set is gone the lock is gone with it.  A filter of system calls
     * may have come since we took the lock: then it stays ours until our next
     * unlock, or our death.  Once more first, as others wait. */
    if (error < 0 && error != -EIDRM)
        error = sysv_semop(arena->home, &give, 1);
    if (error < 0 && error != -EIDRM)
        own_store(&self.keeps_arena, arena->home + 1);
}

/* Whoever made the last operation on a semaphore that is 0 has taken it. */
void
arena_give_up_lock(struct arena *arena)
{
    if (!kept(arena) && (sysv_sem_value(arena->home, BLOCK_LOCK) != 0 ||
        sysv_sem_pid(arena->home, BLOCK_LOCK) != getpid()))
        return;
    arena_unlock(arena);
}

struct sysv_identity
arena_own(const struct arena *arena, int id, key_t key)
{
    return (struct sysv_identity){ .id = id, .key = key,
        .segment = arena->segment };
}

/*
 * The listing goes last, so that a kill between the two leaves what the next
 * program finds, and the janitor takes off.
 */
bool
arena_remove_segment(const struct arena *arena)
{
    struct sysv_identity segment =
        arena_own(arena, arena->segment, arena->key);

    if (!sysv_shm_remove(&segment))
        return false;
    directory_leave(arena->user, arena->key);
    return true;
}

static bool
remove_blocks(struct arena *arena)
{
    bool gone = true;

    for (uint32_t i = arena->head->blocks.count; i-- > 1;)
        gone &= block_remove(arena, i);
    return gone;
}

/* The record of what there is goes last, and only if all of that is gone. */
bool
arena_remove(struct arena *arena)
{
    bool gone = object_remove_all(arena);

    gone &= remove_blocks(arena);
    gone &= cradle_remove(arena);
    /* With the home block go the lock, and the janitor's sleep. */
    return gone && block_remove(arena, 0) && arena_remove_segment(arena);
}
