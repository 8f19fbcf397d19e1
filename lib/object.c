/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * object.c: makes and removes objects, under the arena lock.
 *
 * An object is entered before it exists: its entry says what it will be,
 * under which key and in which slots; only then are they taken.  The head's
 * journal of one names the entry that is being changed, so whoever takes the
 * lock after a death in the middle undoes it first.  Every step of undoing
 * can be done twice.
 */
#include "internal.h"

#include <time.h>
#include <unistd.h>

#include "block.h"
#include "cradle.h"
#include "error.h"
#include "shortage.h"
#include "object.h"
#include "sysv.h"

static struct object *
object_at(const struct arena *arena, uint32_t i)
{
    return arena_entry(arena, &arena->head->objects, i);
}

/* What the table says of itself is checked before use, as anybody may have
 * written there: no entry beyond it, no slot beyond a block. */
static uint32_t
high_mark(const struct arena *arena)
{
    uint32_t high = shm_load(&arena->head->objects_high);
    uint32_t count = arena->head->objects.count;

    return high < count ? high : count;
}

static bool
block_known(const struct arena *arena, uint32_t block)
{
    return block < arena->head->blocks.count;
}

/* As sysv_msg_remove(). */
static bool
remove_queue(const struct arena *arena, struct object *object)
{
    int id = shm_load(&object->queue);
    key_t key = shm_load(&object->key);
    struct sysv_identity queue;

    if (key == IPC_PRIVATE)
        return true; /* it has none */
    if (id < 0)
        id = sysv_msg_open(key); /* a kill between msgget and its note */
    if (id < 0)
        return id == -ENOENT;
    queue = arena_own(arena, id, key);
    return sysv_msg_remove(&queue);
}

bool
object_has_list(const struct object *object)
{
    uint32_t kind = shm_load(&object->kind);

    return kind == OBJECT_QUEUE || kind == OBJECT_PIPE;
}

struct waiters_words *
object_waiters(struct object *object)
{
    uint32_t kind = shm_load(&object->kind);

    return kind == OBJECT_CONDITION ? &object->condition.waiters
        : kind == OBJECT_BARRIER    ? &object->barrier.waiters
                                    : NULL;
}

/* Does it leave blocks of the heap? */
static bool
leaves_blocks(struct object *object)
{
    struct waiters_words *waiters = object_waiters(object);

    if (object_has_list(object))
        return shm_load(&object->channel.list.tally) != 0;
    return waiters != NULL && shm_load(&waiters->blocks[0]) != 0;
}

/*
 * Removes entry i, whatever state it is in.  Where the kernel refuses to
 * remove its queue, as this process is another user now, the entry stays as it
 * is: nobody refers to it, so it is garbage, which the next sweep of a process
 * that may remove it takes, or whoever removes the arena.
 */
static void
remove_entry(struct arena *arena, uint32_t i)
{
    struct object *object = object_at(arena, i);
    uint32_t block = shm_load(&object->block);

    if (shm_load(&object->state) == OBJECT_EMPTY)
        return;
    if (!remove_queue(arena, object)) {
        shm_store(&arena->head->garbage, 1);
        return;
    }
    if (leaves_blocks(object))
        shm_store(&arena->head->heap_words.unswept, 1);
    if (block_known(arena, block))
        block_free(arena, block, shm_load(&object->slot),
            shm_load(&object->slots));
    shm_add(&object->generation, 1);
    shm_store(&arena->head->objects_holes, 1);
    shm_store(&arena->head->objects_next, i);
    shm_store(&object->state, OBJECT_EMPTY);
}

/* Takes the arena lock and undoes what a dead holder had begun. */
static int
lock_objects(struct arena *arena)
{
    uint32_t pending;
    int error = arena_lock(arena);

    if (error < 0)
        return error;
    pending = shm_load(&arena->head->pending);
    if (pending != 0) {
        if (pending <= arena->head->objects.count)
            remove_entry(arena, pending - 1);
        shm_store(&arena->head->pending, 0);
    }
    return 0;
}

/* Does nobody refer to it, and is nobody on the way to?  As
 * cradle_nobody().  What never became an object nobody refers to: it is here
 * because its removal was refused. */
static int
unreferenced(const struct arena *arena, const struct object *object)
{
    uint32_t block = shm_load(&object->block);

    if (shm_load(&object->state) == OBJECT_INTENT)
        return 1;
    if (!block_known(arena, block))
        return -EIDRM;
    return cradle_nobody(arena, block_semaphores(arena, block),
        shm_load(&object->reference));
}

/* Removes entry i if nobody refers to it; the arena is locked. */
static void
collect(struct arena *arena, uint32_t i)
{
    struct object *object = object_at(arena, i);
    int nobody;

    if (shm_peek(&object->state) == OBJECT_EMPTY)
        return;
    nobody = unreferenced(arena, object);
    if (nobody == -EINPROGRESS)
        shm_store(&arena->head->garbage, 1); /* a child may be its last */
    if (nobody != 1)
        return;
    shm_store(&arena->head->pending, i + 1);
    remove_entry(arena, i);
    shm_store(&arena->head->pending, 0);
}

/* Removes all that nobody refers to: what the killed have left. */
static void
sweep(struct arena *arena)
{
    shm_store(&arena->head->garbage, 0);
    for (uint32_t i = 0; i < high_mark(arena); i++)
        collect(arena, i);
}

static int
find_entry(struct arena *arena, uint32_t *index)
{
    uint32_t count = arena->head->objects.count;
    uint32_t high = high_mark(arena);
    uint32_t start = shm_load(&arena->head->objects_next);

    if (shm_load(&arena->head->objects_holes) != 0)
        for (uint32_t i = 0; i < high; i++) {
            *index = (start + i) % high;
            if (shm_peek(&object_at(arena, *index)->state) == OBJECT_EMPTY)
                return 0;
        }
    shm_store(&arena->head->objects_holes, 0);
    *index = high;
    if (high < count)
        return 0;
    return error_detail(-ENOSPC,
        "no room for another object: this program has %u already, which is "
        "as many as it can have; destroy some", count);
}

/* Writes the intent; from here on a death is undone from the journal. */
static void
intend(struct arena *arena, const struct object_wish *wish, uint32_t index,
    uint32_t block, int slot)
{
    struct object *object = object_at(arena, index);

    shm_store(&arena->head->pending, index + 1);
    if (index >= high_mark(arena))
        shm_store(&arena->head->objects_high, index + 1);
    shm_store(&object->kind, (uint32_t) wish->kind);
    shm_store(&object->key, IPC_PRIVATE);
    shm_store(&object->queue, -1);
    shm_store(&object->block, block);
    shm_store(&object->slot, (uint16_t) slot);
    shm_store(&object->slots, (uint16_t) wish->slots);
    shm_store(&object->reference,
        (uint16_t) (BLOCK_COUNTERS + slot + wish->reference));
    shm_store(&object->creator, getpid());
    shm_store(&object->created, (int64_t) time(NULL));
    shm_store(&object->limit, wish->limit);
    shm_store(&object->state, OBJECT_INTENT);
    block_take(arena, block, slot, wish->slots);
}

static int
make_queue(struct object *object)
{
    int id;

    do {
        key_t key = arena_new_key();

        shm_store(&object->key, key);
        id = sysv_msg_create(key);
        if (id < 0)
            shm_store(&object->key, IPC_PRIVATE);
    } while (id == -EEXIST);
    if (id >= 0)
        shm_store(&object->queue, id);
    return id < 0 ? shortage_queues(id) : 0;
}

/* Clears what a former object has left, of whatever kind it was. */
static void
clear_words(struct object *object)
{
    for (size_t i = 0; i < OBJECT_WORDS; i++)
        if (shm_load(&object->words[i]) != 0)
            shm_store(&object->words[i], 0);
}

/* What a former object has left in the counters: a plain lock is 1 when free,
 * and stays dirty when its holder was killed. */
static int
clear_counters(const struct place *place, int n)
{
    int error = 0;

    for (int i = place->counter; i < place->counter + n && error == 0; i++) {
        int value = sysv_sem_value(place->semaphores, i);
        struct sembuf lower = sem_operation(i, -value, IPC_NOWAIT);

        if (value < 0)
            return value;
        if (value > 0)
            error = sysv_semop(place->semaphores, &lower, 1);
    }
    return error;
}

static int
create_locked(struct arena *arena, const struct object_wish *wish,
    struct place *place)
{
    uint32_t block;
    int slot;
    int error = find_entry(arena, &place->index);

    if (error < 0)
        return error;
    error = block_find(arena, wish->slots, &block, &slot);
    if (error < 0)
        return error;
    intend(arena, wish, place->index, block, slot);
    place->object = object_at(arena, place->index);
    clear_words(place->object);
    place->block = block;
    place->semaphores = block_semaphores(arena, block);
    place->counter = BLOCK_COUNTERS + slot;
    place->gate = BLOCK_GATES + slot;
    error = clear_counters(place, wish->slots);
    if (error == 0 && wish->queue)
        error = make_queue(place->object);
    if (error == 0)
        error = block_join(arena, block);
    if (error < 0) {
        remove_entry(arena, place->index);
        shm_store(&arena->head->pending, 0);
        return error;
    }
    place->queue = shm_load(&place->object->queue);
    shm_store(&place->object->state, OBJECT_LIVE);
    return 0;
}

/*
 * All that an arena has in the kernel is one user's, so that who may use or
 * remove one thing of it may do so with all.  A process that may use what is
 * another user's (root, after seteuid) makes nothing there: that would be its
 * own, and of no use to the others.
 */
static int
check_user(const struct arena *arena)
{
    int ours = sysv_shm_ours(arena->segment);

    if (ours == 1 || ours == -EIDRM)
        return ours == 1 ? 0 : ours;
    return error_detail(-EACCES,
        "the objects of this program are another user's than this process is "
        "now (user %u); make them all as one user, or call sysvmp_leave() "
        "before the first as another", (unsigned) sysv_user());
}

int
object_create(struct arena *arena, const struct object_wish *wish,
    struct place *place)
{
    int error = check_user(arena);

    if (error == 0)
        error = lock_objects(arena);
    if (error < 0)
        return error;
    if (shm_load(&arena->head->garbage) != 0)
        sweep(arena);
    error = create_locked(arena, wish, place);
    if (error == -ENOSPC) {
        sweep(arena);
        error = create_locked(arena, wish, place);
    }
    if (error < 0)
        arena_unlock(arena);
    return error;
}

void
object_commit(struct arena *arena)
{
    shm_store(&arena->head->pending, 0);
    arena_unlock(arena);
}

void
object_abandon(struct arena *arena, const struct place *place)
{
    remove_entry(arena, place->index);
    shm_store(&arena->head->pending, 0);
    arena_unlock(arena);
}

void
object_unref(struct arena *arena, const struct place *place)
{
    /* Somebody else may have removed it meanwhile, and made another in its
     * place: that one is removed only if nobody refers to it, either. */
    if (unreferenced(arena, place->object) == 0)
        return;
    if (lock_objects(arena) < 0) {
        shm_store(&arena->head->garbage, 1);
        return;
    }
    collect(arena, place->index);
    arena_unlock(arena);
}

struct object *
object_live(const struct arena *arena, uint32_t i)
{
    struct object *object;

    if (i >= high_mark(arena))
        return NULL;
    object = object_at(arena, i);
    return shm_load(&object->state) == OBJECT_LIVE ? object : NULL;
}

bool
object_remove_all(struct arena *arena)
{
    bool gone = true;

    for (uint32_t i = 0; i < high_mark(arena); i++) {
        struct object *object = object_at(arena, i);

        if (shm_peek(&object->state) != OBJECT_EMPTY)
            gone &= remove_queue(arena, object);
    }
    return gone;
}
