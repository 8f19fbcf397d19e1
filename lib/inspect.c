/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * inspect.c: judges arenas from outside, and removes the dead.
 *
 * Only what is provably dead goes: one that is complete and has no member and
 * nobody on the way to become one; or that is not, and its creator is dead.
 * A member is one over an exec, too, until it ends.  What is in the segment
 * may be the work of a wild pointer, so tables that do not fit are not walked,
 * and each id is checked by key and user before it is removed (sysv.c).
 *
 * Who looks from outside sees the directory of the user that the kernel takes
 * him for, and believes only segments that the same user made.
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

/*
 * Who is attached proves nothing: another sweeper may be, and a creator may
 * not be yet.  A home block that is gone was removed by somebody who knew;
 * then it tells whether he still is at it.
 */
static enum verdict
judge_complete(struct inspection *inspection)
{
    int nobody;

    inspection->arena.home = block_checked(&inspection->arena, 0);
    nobody = inspect_abandoned(inspection);
    return nobody == 1 || (nobody == -EIDRM && inspection->attached == 0)
        ? VERDICT_DEAD : VERDICT_LIVE;
}

/* Before it is complete its creator has it alone.  Is it that one?  The kernel
 * says it only within one pid namespace; the head says it to all. */
static enum verdict
judge(struct inspection *inspection, pid_t maker, bool creator_exists)
{
    const struct arena_head *head = inspection->arena.head;
    uint64_t magic = shm_load(&head->magic);

    if (magic == 0 && maker == inspection->creator)
        return creator_exists ? VERDICT_STARTING : VERDICT_DEAD;
    if (magic != ARENA_MAGIC || !inspection->sound ||
        head->creator != inspection->creator)
        return VERDICT_UNKNOWN;
    return judge_complete(inspection);
}

void
inspect_open(struct inspection *inspection, key_t key, pid_t creator)
{
    struct arena *arena = &inspection->arena;
    struct sysv_segment_state state = { .size = 0 };
    /* First: one that is dead by now makes nothing more. */
    bool creator_exists = process_exists(creator);
    uid_t user = sysv_user();
    int id = sysv_shm_open(key);

    *inspection = (struct inspection){
        .creator = creator,
        .verdict = VERDICT_UNKNOWN,
        .arena = { .key = key, .segment = id, .user = user,
            .home = -1 },
    };
    if (id == -ENOENT) {
        inspection->verdict =
            creator_exists ? VERDICT_STARTING : VERDICT_GONE;
        return;
    }
    inspection->error = id < 0 ? id : sysv_shm_state(id, user, &state);
    if (inspection->error < 0 || state.size < sizeof(struct arena_head))
        return;
    arena->head = sysv_shm_attach(id, &inspection->error);
    if (arena->head == NULL)
        return;
    inspection->sound = sound(arena->head, state.size);
    inspection->attached = state.attached;
    inspection->verdict = judge(inspection, state.creator, creator_exists);
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

bool
inspect_remove(struct inspection *inspection)
{
    if (inspection->sound)
        return arena_remove(&inspection->arena);
    /* Its tables were not laid out yet: there is nothing in them. */
    return arena_remove_segment(&inspection->arena);
}

void
inspect_take_off(const struct inspection *inspection)
{
    const struct arena *arena = &inspection->arena;

    directory_leave(arena->user, arena->key);
    if (sysv_shm_open(arena->key) >= 0)
        (void) directory_enter(arena->user, arena->key, inspection->creator);
}

static void
sweep_one(key_t key, pid_t creator, void *arg)
{
    struct inspection inspection;

    (void) arg;
    inspect_open(&inspection, key, creator);
    if (inspection.verdict == VERDICT_GONE)
        inspect_take_off(&inspection);
    else if (inspection.verdict == VERDICT_DEAD)
        (void) inspect_remove(&inspection); /* refused: it stays listed */
    inspect_close(&inspection);
}

void
inspect_sweep(void)
{
    directory_each(sysv_user(), sweep_one, NULL);
}
