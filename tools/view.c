/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view.c: reads an arena from outside, believing nothing that is in it.
 *
 * The places of its tables are copied once and checked against the size that
 * the kernel tells; an entry is copied before it is looked at, and an index in
 * it is checked before it is used.  An id counts only where the kernel has
 * that queue or set under the key beside it, made by this user: else it might
 * be anybody's.  Nothing here sleeps, takes a lock or writes.
 *
 * No entry is read that was never used: a page of the sparse segment that is
 * read takes memory.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/msg.h>
#include <sys/shm.h>
#include <unistd.h>

#include "directory.h"
#include "list.h"
#include "view.h"

union semun {
    int val;
    struct semid_ds *buf;
    unsigned short *array;
};

void *
grown(void *array, size_t n, size_t size)
{
    /* By powers of two. */
    if ((n & (n - 1)) == 0)
        array = realloc(array, (n == 0 ? 1 : 2 * n) * size);
    if (array == NULL) {
        fputs("sysvmp: out of memory\n", stderr);
        exit(1);
    }
    return array;
}

struct part_list {
    struct listed *listed;
    size_t n;
};

static void
note(key_t key, pid_t creator, void *arg)
{
    struct part_list *list = arg;

    for (size_t i = 0; i < list->n; i++)
        if (list->listed[i].key == key && list->listed[i].creator == creator)
            return;
    list->listed = grown(list->listed, list->n, sizeof(*list->listed));
    list->listed[list->n++] = (struct listed){ key, creator };
}

struct listed *
view_listed(size_t *n)
{
    struct part_list list = { NULL, 0 };

    directory_each(sysv_user(), note, &list);
    *n = list.n;
    return list.listed;
}

static bool
fits(const struct arena_table *table, size_t entry_size, uint32_t most,
    uint64_t size)
{
    return table->count > 0 && table->count <= most &&
        table->entry_size == entry_size && table->offset < size &&
        table->offset % 8 == 0 &&
        (uint64_t) table->count * entry_size <= size - table->offset;
}

/* The inspection has checked them, too, but may have seen others. */
static bool
copy_tables(struct view *view)
{
    const struct arena_head *head = view->it.arena.head;
    struct sysv_segment_state state;

    if (head == NULL || !view->it.sound ||
        sysv_shm_state(view->it.arena.segment, view->it.arena.user,
            &state) < 0)
        return false;
    view->members = *(const volatile struct arena_table *) &head->members;
    view->blocks = *(const volatile struct arena_table *) &head->blocks;
    view->objects = *(const volatile struct arena_table *) &head->objects;
    return fits(&view->members, sizeof(struct member), MEMBERS_MAX,
               state.size) &&
        fits(&view->blocks, sizeof(struct block), BLOCKS_MAX, state.size) &&
        fits(&view->objects, sizeof(struct object), OBJECTS_MAX, state.size);
}

void
view_open(struct view *view, const struct listed *listed)
{
    *view = (struct view){ .tables = false };
    inspect_open(&view->it, listed->key, listed->creator);
    view->tables = copy_tables(view);
}

void
view_close(struct view *view)
{
    inspect_close(&view->it);
}

const char *
view_verdict(const struct view *view)
{
    static const char *const names[] = {
        [VERDICT_GONE] = "gone",
        [VERDICT_STARTING] = "starting",
        [VERDICT_LIVE] = "live",
        [VERDICT_DEAD] = "dead",
        [VERDICT_UNKNOWN] = "unknown",
    };

    return names[view->it.verdict];
}

static struct block *
block_at(const struct view *view, uint32_t i)
{
    return arena_entry(&view->it.arena, &view->blocks, i);
}

static bool
set_exists(int id, key_t key, bool ours)
{
    struct semid_ds now;

    return id >= 0 &&
        semctl(id, 0, IPC_STAT, (union semun){ .buf = &now }) == 0 &&
        now.sem_perm.__key == key && now.sem_perm.cuid == sysv_user() &&
        (!ours || now.sem_nsems == BLOCK_SEMAPHORES);
}

void
view_set(const struct view *view, uint32_t block, struct view_set *set)
{
    *set = (struct view_set){ .id = -1 };
    if (!view->tables || block >= view->blocks.count)
        return;
    set->id = shm_load(&block_at(view, block)->semaphores);
    /* Of another size, the values would not fit. */
    if (!set_exists(set->id, shm_load(&block_at(view, block)->key), true) ||
        sysv_sem_values(set->id, set->values, BLOCK_SEMAPHORES) < 0)
        set->id = -1;
}

int
view_sleepers(const struct view_set *set, int semaphore)
{
    int n = set->id < 0 || semaphore >= BLOCK_SEMAPHORES
        ? 0 : semctl(set->id, semaphore, GETNCNT);

    return n > 0 ? n : 0;
}

bool
view_member(const struct view *view, uint32_t seat,
    struct view_member *member)
{
    struct member *entry;

    if (!view->tables || seat >= view->members.count)
        return false;
    entry = arena_entry(&view->it.arena, &view->members, seat);
    *member = (struct view_member){
        .seat = seat,
        .generation = shm_load(&entry->generation),
        .pid = shm_load(&entry->pid),
        .entered = shm_load(&entry->entered),
        .state = shm_load(&entry->state),
    };
    return member->generation != 0;
}

bool
view_alive(const struct view *view, const struct view_set *set, uint32_t seat)
{
    return view->it.verdict != VERDICT_DEAD && set->id >= 0 &&
        seat < MEMBERS_MAX &&
        (set->values[alive_semaphore(seat)] & alive_bit(seat)) != 0;
}

uint32_t
view_objects(const struct view *view)
{
    uint32_t high;

    if (!view->tables)
        return 0;
    high = shm_load(&view->it.arena.head->objects_high);
    return high < view->objects.count ? high : view->objects.count;
}

/* The slots as they are cut from a set, or none. */
static void
check_slots(struct view_object *object)
{
    if (object->slots <= BLOCK_SLOT_COUNT &&
        object->slot + object->slots <= BLOCK_SLOT_COUNT)
        return;
    object->slot = object->slots = 0;
}

/* Of one moment or another. */
static void
view_list(const struct list_words *words, struct view_object *object)
{
    object->messages = list_count(words);
    object->bytes = list_bytes(words);
}

void
view_object(const struct view *view, uint32_t index,
    struct view_object *object)
{
    struct object *entry =
        arena_entry(&view->it.arena, &view->objects, index);

    *object = (struct view_object){
        .index = index,
        .state = shm_load(&entry->state),
        .kind = shm_load(&entry->kind),
        .block = shm_load(&entry->block),
        .slot = shm_load(&entry->slot),
        .slots = shm_load(&entry->slots),
        .key = shm_load(&entry->key),
        .queue = shm_load(&entry->queue),
    };
    if (object->kind == OBJECT_LOCK || object->kind == OBJECT_RLOCK)
        object->owner = shm_load(&entry->lock.owner);
    else if (object->kind == OBJECT_SEMAPHORE)
        object->value = shm_load(&entry->semaphore.value);
    else if (object->kind == OBJECT_EVENT)
        object->value = shm_load(&entry->event.state) & 1;
    else if (object_has_list(entry))
        view_list(&entry->channel.list, object);
    check_slots(object);
}

static bool
queue_exists(int id, key_t key)
{
    struct msqid_ds now;

    return id >= 0 && msgctl(id, IPC_STAT, &now) == 0 &&
        now.msg_perm.__key == key && now.msg_perm.cuid == sysv_user();
}

/* One that is removed while somebody has it attached has no key any more. */
static bool
segment_exists(int id, key_t key)
{
    struct shmid_ds now;

    return id >= 0 && shmctl(id, IPC_STAT, &now) == 0 &&
        now.shm_perm.__key == key && now.shm_perm.cuid == sysv_user();
}

bool
part_exists(const struct part *part)
{
    if (part->key == IPC_PRIVATE)
        return false;
    switch (part->kind) {
    case PART_QUEUE:
        return queue_exists(part->id, part->key);
    case PART_SET:
        return set_exists(part->id, part->key, false);
    default:
        return segment_exists(part->id, part->key);
    }
}

struct parts {
    struct part *part;
    size_t n;
};

static void
add_part(struct parts *parts, enum part_kind kind, int id, key_t key)
{
    struct part part = { kind, id, key };

    /* Made, but a kill came before its id was noted? */
    if (id < 0 && key != IPC_PRIVATE)
        part.id = kind == PART_QUEUE ? sysv_msg_open(key)
            : kind == PART_SET ? sysv_sem_open(key) : sysv_shm_open(key);
    if (!part_exists(&part))
        return;
    parts->part = grown(parts->part, parts->n, sizeof(part));
    parts->part[parts->n++] = part;
}

static void
add_queues(struct parts *parts, const struct view *view)
{
    struct view_object object;

    for (uint32_t i = 0; i < view_objects(view); i++) {
        view_object(view, i, &object);
        if (object.state != OBJECT_EMPTY)
            add_part(parts, PART_QUEUE, object.queue, object.key);
    }
}

/* They are made in the order of the table, and stay. */
static void
add_sets(struct parts *parts, const struct view *view)
{
    for (uint32_t i = 0; i < view->blocks.count; i++) {
        struct block *block = block_at(view, i);
        uint32_t state = shm_load(&block->state);

        if (state == BLOCK_EMPTY)
            return;
        add_part(parts, PART_SET,
            state == BLOCK_INTENT ? -1 : shm_load(&block->semaphores),
            shm_load(&block->key));
    }
}

struct part *
view_parts(const struct view *view, size_t *n)
{
    struct parts parts = { NULL, 0 };
    const struct arena *arena = &view->it.arena;

    if (view->tables) {
        add_queues(&parts, view);
        add_sets(&parts, view);
        add_part(&parts, PART_SEGMENT, shm_load(&arena->head->cradle_id),
            shm_load(&arena->head->cradle_key));
    }
    if (arena->head != NULL)
        add_part(&parts, PART_SEGMENT, arena->segment, arena->key);
    *n = parts.n;
    return parts.part;
}
