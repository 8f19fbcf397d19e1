/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * list.c: messages in shared memory, under a lock: the view of them, the
 * commit, the blocks.  list-append.c and list-take.c change it.
 * t/model/list.pml is its model.
 *
 * A chain of blocks, the first being read and the last being written.  A
 * block has one message to itself, or is a chunk of short ones, each behind
 * its length.  A chunk that was read to its end becomes the spare, for the
 * next that is needed.
 *
 * What the list is stands in one of two states; the lowest bit of the tally's
 * version says which.  Who holds the lock makes the other one, then stores
 * the tally, with the new version and count.  So a death changes nothing or
 * all, and who takes the lock over has nothing to repair.  What is written
 * elsewhere before that store means nothing without it: bytes beyond the end,
 * what stands behind the last block.
 *
 * Who owns a block changes in two steps, around the store.  It is ambiguous
 * for the first block, being taken, and for the last, being appended, which
 * may be the spare by now: the sweep looks whether it is there (memory.c).  So
 * the last one is made the list's before another is linked behind it.
 */
#include "internal.h"

#include <string.h>

#include "heap.h"
#include "list.h"

#define CHUNK_UNITS 4u /* 16 KiB: 224 messages of 64 bytes */
#define CHUNK_LEAST 2u /* has room for SYSVMP_INLINE_MAX */

#define VERSION_ONE (UINT64_C(1) << 32)

void
list_open(struct list *list, struct arena *arena, const struct place *place)
{
    list->words = &place->object->channel.list;
    list->arena = arena;
    list->listed = heap_listed(place->index,
        shm_load(&place->object->generation));
    list->lock = (struct word){
        .words = &list->words->lock,
        .arena = arena,
        .semaphores = place->semaphores,
        .gate = place->gate + LIST_GATE,
        .swift = arena->heap_lock.swift,
    };
}

struct list_block *
list_block(const struct arena *arena, uint32_t unit)
{
    return heap_address(arena, unit);
}

uint64_t
list_room(const struct list *list, uint32_t block)
{
    uint64_t size = list_size(list, block);

    return size > LIST_HEADER ? size - LIST_HEADER : 0;
}

/*
 * The view.
 */

const struct list_state *
list_state(const struct list_words *words, uint64_t tally)
{
    return &words->state[(tally / VERSION_ONE) % 2];
}

uint64_t
list_bytes(const struct list_words *words)
{
    return shm_load(&list_state(words, shm_load(&words->tally))->bytes);
}

static bool
sound(const struct list *list, const struct list_view *view)
{
    uint64_t head = list_size(list, view->head);
    uint64_t tail = list_size(list, view->tail);

    if (view->spare != 0 &&
        list_size(list, view->spare) < list_chunk(list->arena))
        return false;
    if (view->returned > view->count)
        return false;
    if (view->head == 0 && view->tail == 0)
        return view->count == view->returned;
    return head > 0 && tail > 0 && view->read <= head &&
        view->written <= tail;
}

static void
load_state(struct list_view *view, const struct list_state *state)
{
    view->head = shm_load(&state->head);
    view->tail = shm_load(&state->tail);
    view->spare = shm_load(&state->spare);
    view->read = shm_load(&state->read);
    view->written = shm_load(&state->written);
    view->bytes = shm_load(&state->bytes);
    view->in_tail = shm_load(&state->in_tail);
    view->tail_bytes = shm_load(&state->tail_bytes);
    view->claims = shm_load(&state->claims);
    view->claimed = shm_load(&state->claimed);
    view->returned = shm_load(&state->returned);
    view->taken = shm_load(&state->taken);
}

int
list_enter(struct list *list, struct deadline *deadline,
    struct list_view *view)
{
    int result = word_enter(&list->lock, deadline);

    if (result < 0)
        return result;
    view->tally = shm_load(&list->words->tally);
    view->count = (uint32_t) view->tally;
    load_state(view, list_state(list->words, view->tally));
    view->died = result == SYSVMP_OWNER_DEAD;
    view->freed = view->linked = 0;
    if (sound(list, view))
        return 0;
    list_leave(list);
    return -EBADMSG;
}

void
list_commit(struct list *list, struct list_view *view)
{
    uint64_t next = (view->tally / VERSION_ONE + 1) * VERSION_ONE;
    struct list_state *state =
        (struct list_state *) list_state(list->words, next);

    shm_store(&state->head, view->head);
    shm_store(&state->tail, view->tail);
    shm_store(&state->spare, view->spare);
    shm_store(&state->read, view->read);
    shm_store(&state->written, view->written);
    shm_store(&state->bytes, view->bytes);
    shm_store(&state->in_tail, view->in_tail);
    shm_store(&state->tail_bytes, view->tail_bytes);
    shm_store(&state->claims, view->claims);
    shm_store(&state->claimed, view->claimed);
    shm_store(&state->returned, view->returned);
    shm_store(&state->taken, view->taken);
    view->tally = next | view->count;
    shm_store(&list->words->tally, view->tally);
    if (view->linked != 0) {
        shm_store(&heap_unit(list->arena, view->linked - 1)->owner,
            list->listed);
        view->linked = 0;
    }
}

/*
 * What the commit wrote elsewhere means nothing without it, so the former state
 * is committed once more.  It comes from our own copy: the other one in shared
 * memory may be half of what a process was about to commit when it was killed.
 * The owners of the blocks go the usual way: a block that leaves the list is
 * ours before the commit, one that comes back is the list's after it.
 */
bool
list_revert(struct list *list, struct list_view *view,
    const struct list_view *before, const struct list_view *ours,
    uint32_t linked)
{
    uint64_t tally = view->tally;

    if (tally != ours->tally)
        return false;
    *view = *before;
    view->tally = tally;
    view->freed = 0;
    if (linked != 0)
        list_take_block(list, view, linked);
    view->linked = ours->freed;
    list_commit(list, view);
    return true;
}

void
list_leave(struct list *list)
{
    word_leave(&list->lock);
}

void
list_give_up_lock(struct list *list)
{
    word_give_up(&list->lock);
}

/*
 * Blocks.
 */

size_t
list_chunk(const struct arena *arena)
{
    uint32_t part = heap_units(arena) / 64;

    return UNIT_SIZE * (size_t) (part >= CHUNK_UNITS ? CHUNK_UNITS
        : part < CHUNK_LEAST ? CHUNK_LEAST : part);
}

void
list_single(struct arena *arena, uint32_t unit, uint64_t length)
{
    struct list_block *block = list_block(arena, unit);

    shm_store(&block->end, 0);
    shm_store(&block->length, length);
}

void
list_take_block(struct list *list, struct list_view *view, uint32_t block)
{
    struct unit *unit = heap_unit(list->arena, block - 1);

    shm_store(&unit->tag, list->listed);
    shm_store(&unit->owner, self_id());
    view->freed = block;
}

void
list_set_aside(struct list *list, struct list_view *view, uint32_t chunk)
{
    if (view->spare == 0 &&
        list_size(list, chunk) == list_chunk(list->arena)) {
        view->spare = chunk;
        return;
    }
    list_take_block(list, view, chunk);
}

/* Is it one that was taken from a joinable queue? */
static bool
claimed(const struct list *list, const struct list_state *state,
    uint32_t unit)
{
    uint32_t block = shm_load(&state->claims);
    uint32_t n = shm_load(&state->claimed) + shm_load(&state->returned);

    if (n > heap_units(list->arena))
        n = heap_units(list->arena);
    for (uint32_t i = 0; i <= n + 1 && list_size(list, block) > 0; i++) {
        if (block == unit + 1)
            return true;
        block = shm_load(&list_block(list->arena, block - 1)->next_claim);
    }
    return false;
}

int
list_has(const struct list *list, uint32_t unit)
{
    const struct list_words *words = list->words;
    uint64_t tally = shm_load(&words->tally);
    const struct list_state *state = list_state(words, tally);
    bool has = shm_load(&state->head) == unit + 1 ||
        shm_load(&state->tail) == unit + 1 ||
        shm_load(&state->spare) == unit + 1 ||
        claimed(list, state, unit);

    return shm_load(&words->tally) == tally ? has : -EAGAIN;
}
