/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * segment.c: makes an arena's segment and lays out its tables.
 */
#include "internal.h"

#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "block.h"
#include "error.h"
#include "heap.h"
#include "member.h"
#include "object.h"
#include "record.h"
#include "segment.h"
#include "shortage.h"

#define SEGMENT_MIN (1024 * 1024)

static uint64_t
memory_size(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    long page = sysconf(_SC_PAGESIZE);

    if (pages <= 0 || page <= 0)
        return UINT64_C(1) << 30;
    return (uint64_t) pages * (uint64_t) page;
}

static int
no_room(int error)
{
    error = shortage_segments(error);
    if (error == -EINVAL)
        return error_detail(-ENOMEM,
            "no shared memory segment of %d bytes or more: raise "
            "kernel.shmmax", SEGMENT_MIN);
    if (error == -ENOMEM)
        return error_detail(-ENOMEM,
            "no room for a shared memory segment of %d bytes: see ulimit -v",
            SEGMENT_MIN);
    return error;
}

/* Of that size: 0, or a code. */
static int
try_size(struct arena *arena, uint64_t size)
{
    int ignored;
    struct sysv_identity segment = { .key = arena->key };

    segment.id = sysv_shm_create(arena->key, size);
    if (segment.id < 0)
        return segment.id;
    arena->segment = segment.segment = segment.id;
    arena->head = sysv_shm_attach(segment.id, &ignored);
    if (arena->head != NULL)
        return 0;
    if (!sysv_shm_remove(&segment))
        return -EACCES; /* arena->segment says that it is there */
    arena->segment = -1;
    return -ENOMEM;
}

/* Half the memory; where that is refused (shmmax, ulimit -v, 32 bits) half of
 * it, and so on. */
static int
attach_segment(struct arena *arena, uint64_t *size)
{
    uint64_t page = (uint64_t) sysconf(_SC_PAGESIZE);
    uint64_t wanted = memory_size() / 2 / page * page;

    if (wanted > SIZE_MAX / 4)
        wanted = (SIZE_MAX / 4) / page * page;
    for (;;) {
        int error;

        *size = wanted > SEGMENT_MIN ? wanted : SEGMENT_MIN;
        error = try_size(arena, *size);
        if (error == 0 || error == -ENOSYS || error == -EACCES ||
            error == -EEXIST)
            return error;
        if (wanted <= SEGMENT_MIN)
            return no_room(error);
        wanted = wanted / 2 / page * page;
    }
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
    uint32_t objects =
        clamp(size / 4 / sizeof(struct object), 64, OBJECTS_MAX);
    uint64_t end = sizeof(*head);

    head->version = ARENA_VERSION;
    head->creator = getpid();
    head->created = (int64_t) time(NULL);
    head->size = size;
    end = place_table(&head->members, end, MEMBERS_MAX,
        sizeof(struct member));
    end = place_table(&head->records, end,
        clamp(size / 16 / sizeof(struct record), 256, RECORDS_MAX),
        sizeof(struct record));
    end = place_table(&head->blocks, end, clamp(objects / 8, 8, BLOCKS_MAX),
        sizeof(struct block));
    end = place_table(&head->objects, end, objects, sizeof(struct object));
    heap_lay_out(head, end, size);
}

int
segment_create(struct arena *arena)
{
    uint64_t size;
    int error = attach_segment(arena, &size);

    if (error < 0)
        return error;
#ifdef MADV_DONTDUMP
    /* Else the core dump of a worker would touch, and store, every page. */
    madvise(arena->head, size, MADV_DONTDUMP);
#endif
    lay_out(arena->head, size);
    return 0;
}
