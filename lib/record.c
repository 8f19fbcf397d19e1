/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * record.c: exit codes in shared memory.
 *
 * The parent makes a record before it forks, the child writes into it just
 * before it ends, the parent frees it.  A record whose parent has died is
 * taken over by whoever needs one: the owner word changes by CAS from the
 * value that was judged.
 */
#include "internal.h"

#include "error.h"
#include "member.h"
#include "record.h"

#define NOTED        UINT64_C(0x80000000)
#define TAG_SHIFT    32
#define CODE_MASK    UINT64_C(0xff)

static struct record *
record_at(const struct arena *arena, uint32_t i)
{
    if (i < RECORDS_FIRST)
        return &arena->head->records_first[i];
    return arena_entry(arena, &arena->head->records, i - RECORDS_FIRST);
}

static uint32_t
records(const struct arena *arena)
{
    return RECORDS_FIRST + arena->head->records.count;
}

static bool
take(struct arena *arena, struct record *record, bool from_dead)
{
    uint64_t owner = shm_load(&record->owner);

    if (owner != 0 &&
        (!from_dead || member_dead(arena, arena->home, owner) != 1))
        return false;
    return shm_cas(&record->owner, &owner, self_id());
}

int
record_create(struct arena *arena, struct record_ref *ref)
{
    for (int from_dead = 0; from_dead < 2; from_dead++)
        for (uint32_t i = 0; i < records(arena); i++) {
            struct record *record = record_at(arena, i);

            if (!take(arena, record, from_dead))
                continue;
            ref->arena = arena;
            ref->index = i;
            ref->tag = shm_add(&arena->head->record_tag, 1);
            shm_store(&record->child, 0);
            shm_store(&record->note, (uint64_t) ref->tag << TAG_SHIFT);
            return 0;
        }
    ref->arena = NULL;
    return error_detail(-ENOSPC,
        "no room for another child process: this program has %u started and "
        "not destroyed; join and destroy some",
        records(arena));
}

void
record_enter(const struct record_ref *ref)
{
    if (ref->arena != NULL && arena_me(ref->arena) != 0)
        shm_store(&record_at(ref->arena, ref->index)->child, self_id());
}

uint64_t
record_child(const struct record_ref *ref)
{
    if (ref->arena == NULL || arena_me(ref->arena) == 0)
        return 0;
    return shm_load(&record_at(ref->arena, ref->index)->child);
}

void
record_note(const struct record_ref *ref, int code)
{
    struct record *record;
    uint64_t empty = (uint64_t) ref->tag << TAG_SHIFT;

    if (ref->arena == NULL || arena_me(ref->arena) == 0)
        return;
    record = record_at(ref->arena, ref->index);
    (void) shm_cas(&record->note, &empty,
        empty | NOTED | ((uint64_t) code & CODE_MASK));
}

bool
record_read(const struct record_ref *ref, int *code)
{
    uint64_t note;

    if (ref->arena == NULL || arena_me(ref->arena) == 0)
        return false;
    note = shm_load(&record_at(ref->arena, ref->index)->note);
    if (note >> TAG_SHIFT != ref->tag || (note & NOTED) == 0)
        return false;
    *code = (int) (note & CODE_MASK);
    return true;
}

void
record_free(struct record_ref *ref)
{
    if (ref->arena != NULL && arena_me(ref->arena) != 0)
        shm_store(&record_at(ref->arena, ref->index)->owner, 0);
    ref->arena = NULL;
}
