/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * inspect.c: judges arenas from outside, and removes the dead.
 *
 * Only what is provably dead goes: a segment that nobody has attached, made by
 * the process that listed it, and complete (then its creator had it attached)
 * or of a creator that is dead.  Processes that are forked have it attached,
 * too, until they end, exec or leave; who only holds what it held before an
 * exec loses it with the last of the others.  What is in the segment may be
 * the work of a wild pointer, so tables that do not fit are not walked, and
 * each id is checked by key, user and time before it is removed (sysv.c).
 */
#include "internal.h"

#include <signal.h>

#include "block.h"
#include "cradle.h"
#include "directory.h"
#include "inspect.h"
#include "member.h"
#include "object.h"
#include "record.h"
#include "sysv.h"

static bool
process_exists(pid_t pid)
{
    return pid <= 0 || kill(pid, 0) == 0 || errno != ESRCH;
}

static bool
fits(const struct arena_table *table, size_t entry_size, uint32_t most,
    uint64_t size)
{
    uint64_t bytes = (uint64_t) table->count * table->entry_size;

    return table->count > 0 && table->count <= most &&
        table->entry_size == entry_size && table->offset < size &&
        table->offset % 8 == 0 && bytes <= size - table->offset;
}

/* Could all tables be walked? */
static bool
sound(const struct arena_head *head, uint64_t size)
{
    return head->version == ARENA_VERSION && head->size <= size &&
        fits(&head->members, sizeof(struct member), MEMBERS_MAX, size) &&
        fits(&head->records, sizeof(struct record), RECORDS_MAX, size) &&
        fits(&head->blocks, sizeof(struct block), BLOCKS_MAX, size) &&
        fits(&head->objects, sizeof(struct object), OBJECTS_MAX, size);
}

/* Who is attached is asked last: a creator is, before it is complete. */
static enum verdict
judge(struct inspection *inspection)
{
    uint64_t magic = shm_load(&inspection->arena.head->magic);
    int attached = sysv_shm_attached(inspection->arena.segment);

    if (attached < 0)
        return VERDICT_UNKNOWN;
    inspection->attached = attached - 1;
    if (magic == 0) /* not complete */
        return inspection->attached > 0 || process_exists(inspection->creator)
            ? VERDICT_STARTING : VERDICT_DEAD;
    if (magic != ARENA_MAGIC || !inspection->sound)
        return VERDICT_UNKNOWN;
    return inspection->attached > 0 ? VERDICT_LIVE : VERDICT_DEAD;
}

void
inspect_open(struct inspection *inspection, key_t key, pid_t creator)
{
    struct arena *arena = &inspection->arena;
    struct sysv_segment_state state = { .size = 0 };
    int id = sysv_shm_open(key);
    int error;

    *inspection = (struct inspection){
        .creator = creator,
        .verdict = VERDICT_UNKNOWN,
        .arena = { .key = key, .segment = id, .home = -1 },
    };
    if (id == -ENOENT) {
        inspection->verdict =
            process_exists(creator) ? VERDICT_STARTING : VERDICT_GONE;
        return;
    }
    if (id < 0 || sysv_shm_state(id, &state) < 0 ||
        state.creator != creator || state.size < sizeof(struct arena_head))
        return;
    arena->head = sysv_shm_attach(id, &error);
    if (arena->head == NULL)
        return;
    inspection->sound = sound(arena->head, state.size);
    inspection->verdict = judge(inspection);
    if (inspection->verdict == VERDICT_LIVE)
        arena->home = block_semaphores(arena, 0);
}

void
inspect_close(struct inspection *inspection)
{
    if (inspection->arena.head != NULL)
        sysv_shm_detach(inspection->arena.head);
    inspection->arena.head = NULL;
}

int
inspect_abandoned(const struct inspection *inspection)
{
    const struct arena *arena = &inspection->arena;

    return cradle_nobody(arena, arena->home, BLOCK_MEMBERS);
}

void
inspect_remove(struct inspection *inspection)
{
    if (inspection->sound)
        arena_remove(&inspection->arena, true);
    else /* its tables were not laid out yet: there is nothing in them */
        arena_remove_segment(&inspection->arena, true);
}

static void
sweep_one(key_t key, pid_t creator, void *arg)
{
    struct inspection inspection;

    (void) arg;
    inspect_open(&inspection, key, creator);
    if (inspection.verdict == VERDICT_GONE)
        directory_leave(key);
    else if (inspection.verdict == VERDICT_DEAD)
        inspect_remove(&inspection);
    inspect_close(&inspection);
}

void
inspect_sweep(void)
{
    directory_each(sweep_one, NULL);
}
