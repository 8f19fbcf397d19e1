/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * arena.c: makes the segment, locks it, removes everything at the end.
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
#include "error.h"
#include "shortage.h"
#include "member.h"
#include "object.h"
#include "record.h"
#include "sysv.h"

#define SEGMENT_MIN (1024 * 1024)


struct arena *arena_current;

struct self self;

key_t
arena_key(void)
{
    key_t key = 0;

    while (key == IPC_PRIVATE || key == (key_t) -1)
        if (getrandom(&key, sizeof(key), 0) != sizeof(key))
            key = (key_t) (deadline_now() ^ ((int64_t) getpid() << 16));
    return key;
}

static uint64_t
memory_size(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    long page = sysconf(_SC_PAGESIZE);

    if (pages <= 0 || page <= 0)
        return UINT64_C(1) << 30;
    return (uint64_t) pages * (uint64_t) page;
}

/* Half the memory; where that is refused (shmmax, ulimit -v, 32 bits) half of
 * it, and so on. */
static struct arena_head *
attach_segment(int *id, key_t *key, uint64_t *size, int *error)
{
    uint64_t page = (uint64_t) sysconf(_SC_PAGESIZE);
    uint64_t wanted = memory_size() / 2 / page * page;

    if (wanted > SIZE_MAX / 4)
        wanted = (SIZE_MAX / 4) / page * page;
    for (bool last = false; !last; wanted = wanted / 2 / page * page) {
        void *address;

        last = wanted <= SEGMENT_MIN;
        if (last)
            wanted = SEGMENT_MIN;

        do {
            *key = arena_key();
            *id = sysv_shm_create(*key, wanted);
        } while (*id == -EEXIST);
        *error = *id;
        if (*id == -ENOSYS || *id == -EACCES)
            return NULL;
        if (*id < 0)
            continue;
        address = sysv_shm_attach(*id, error);
        if (address != NULL) {
            *size = wanted;
            return address;
        }
        sysv_shm_remove(*id);
    }
    *error = shortage_segments(*error);
    if (*error == -EINVAL)
        *error = error_detail(-ENOMEM,
            "no shared memory segment of %d bytes or more: raise "
            "kernel.shmmax", SEGMENT_MIN);
    else if (*error == -ENOMEM)
        error_detail(-ENOMEM,
            "no room for a shared memory segment of %d bytes: see ulimit -v",
            SEGMENT_MIN);
    return NULL;
}

static uint32_t
clamp(uint64_t value, uint32_t low, uint32_t high)
{
    return value < low ? low : value > high ? high : (uint32_t) value;
}

static uint64_t
place_table(struct arena_table *table, uint64_t offset, uint32_t count,
    size_t entry_size)
{
    table->offset = (offset + 127) / 128 * 128;
    table->count = count;
    table->entry_size = (uint32_t) entry_size;
    return table->offset + (uint64_t) count * entry_size;
}

/* The tables are as large as they could ever be used: a page that is never
 * touched costs nothing.  What every child touches comes first and close
 * together: each page costs it 1 us, and each 2 MiB a page of page tables. */
static void
lay_out(struct arena_head *head, uint64_t size)
{
    uint32_t objects = clamp(size / 4 / sizeof(struct object), 64, 32768);
    uint64_t end = sizeof(*head);

    head->magic = ARENA_MAGIC;
    head->version = ARENA_VERSION;
    head->creator = getpid();
    head->created = (int64_t) time(NULL);
    head->size = size;
    end = place_table(&head->members, end, MEMBERS_MAX,
        sizeof(struct member));
    end = place_table(&head->records, end,
        clamp(size / 16 / sizeof(struct record), 256, 65536),
        sizeof(struct record));
    end = place_table(&head->blocks, end, clamp(objects / 8, 8, BLOCKS_MAX),
        sizeof(struct block));
    end = place_table(&head->objects, end, objects, sizeof(struct object));
    head->heap = (end + 4095) / 4096 * 4096;
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
    memset(self.joined, 0, sizeof(self.joined));
}

static void
unmake(struct arena *arena)
{
    struct arena_head *head = arena->head;

    if (arena->home >= 0)
        sysv_sem_remove(arena->home);
    if (head != NULL) {
        if (head->cradle_id >= 0)
            sysv_shm_remove(head->cradle_id);
        sysv_shm_remove(head->segment_id);
        sysv_shm_detach(head);
    }
    no_member();
    free(arena);
}

static int
make(struct arena *arena)
{
    int id, error;
    key_t key;
    uint64_t size;

    arena->home = -1;
    wipe_on_fork();
    no_member();
    arena->head = attach_segment(&id, &key, &size, &error);
    if (arena->head == NULL)
        return error;
#ifdef MADV_DONTDUMP
    /* Else the core dump of a worker would touch, and store, every page. */
    madvise(arena->head, size, MADV_DONTDUMP);
#endif
    lay_out(arena->head, size);
    arena->head->segment_id = id;
    arena->head->segment_key = key;
    error = cradle_create(arena);
    if (error < 0)
        return error;
    error = block_create(arena, 0);
    if (error < 0)
        return error;
    arena->home = block_semaphores(arena, 0);
    return member_enter(arena, (int64_t) time(NULL));
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
            unmake(arena);
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

int
arena_lock(struct arena *arena)
{
    struct sembuf take = sem_operation(BLOCK_LOCK, -1, SEM_UNDO);

    return sysv_semop(arena->home, &take, 1);
}

void
arena_unlock(struct arena *arena)
{
    struct sembuf give = sem_operation(BLOCK_LOCK, 1, SEM_UNDO);

    /* Fails only where the set is gone, and the lock with it. */
    (void) sysv_semop(arena->home, &give, 1);
}

void
arena_remove(struct arena *arena)
{
    struct arena_head *head = arena->head;

    object_remove_all(arena);
    for (uint32_t i = head->blocks.count; i-- > 1;)
        block_remove(arena, i);
    sysv_shm_remove(head->cradle_id);
    /* The record of what there is goes last but for the lock over it. */
    sysv_shm_remove(head->segment_id);
    block_remove(arena, 0);
}
