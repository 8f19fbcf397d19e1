/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * list-append.c: appends to a list: to the last block, or a block.
 */
#include "internal.h"

#include <string.h>

#include "heap.h"
#include "list.h"

uint32_t
list_chunk_begin(struct arena *arena, uint32_t unit)
{
    struct list_block *block = list_block(arena, unit);

    shm_store(&block->end, LIST_HEADER);
    shm_store(&block->longest, 0);
    return LIST_HEADER;
}

uint32_t
list_chunk_add(struct arena *arena, uint32_t unit, uint32_t at,
    const void *data, size_t length)
{
    char *where = (char *) list_block(arena, unit) + at;
    const struct list_prefix prefix = { .length = (uint32_t) length };

    CRASH_POINT();
    memcpy(where, &prefix, sizeof(prefix));
    if (length > 0)
        memcpy(where + sizeof(prefix), data, length);
    return at + (uint32_t) list_record(length);
}

void
list_note_longest(struct arena *arena, uint32_t unit, size_t length)
{
    struct list_block *block = list_block(arena, unit);

    if (length > shm_load(&block->longest))
        shm_store(&block->longest, (uint32_t) length);
}

/* Puts a block behind the last one. */
static void
chain(struct list *list, struct list_view *view, uint32_t block)
{
    struct list_block *tail;

    if (list_waiting(view) == 0) {
        if (view->head != 0)
            list_set_aside(list, view, view->head); /* an empty chunk */
        view->head = block;
        view->read = LIST_HEADER;
    } else {
        tail = list_block(list->arena, view->tail - 1);
        shm_store(&heap_unit(list->arena, view->tail - 1)->owner,
            list->listed);
        if (shm_load(&tail->end) != 0) {
            shm_store(&tail->end, view->written);
            shm_store(&tail->messages, view->in_tail);
            shm_store(&tail->length, view->tail_bytes);
        }
        shm_store(&tail->next, block);
    }
    view->tail = block;
    view->in_tail = 0;
    view->tail_bytes = 0;
}

void
list_link(struct list *list, struct list_view *view, uint32_t unit,
    uint32_t end, uint32_t n, uint64_t bytes)
{
    chain(list, view, unit + 1);
    view->written = end;
    view->count += n;
    view->in_tail = n;
    view->tail_bytes = bytes;
    view->bytes += bytes;
    view->linked = unit + 1;
}

/* Bytes of the last block that are free; 0 also if it is no chunk. */
static uint64_t
room_in_tail(const struct list *list, const struct list_view *view)
{
    uint64_t size = list_size(list, view->tail);

    if (view->tail == 0 || view->written < LIST_HEADER ||
        shm_load(&list_block(list->arena, view->tail - 1)->end) == 0)
        return 0;
    return size - view->written;
}

/* Appends to the last block: how many. */
static size_t
fill_tail(struct list *list, struct list_view *view,
    const struct sysvmp_item *items, size_t n)
{
    uint64_t room = room_in_tail(list, view);
    uint32_t at = view->written;
    size_t longest = 0;
    uint64_t bytes = 0;
    size_t i;

    for (i = 0; i < n; i++) {
        size_t length = items[i].len;

        if (length > SYSVMP_INLINE_MAX || list_record(length) > room)
            break;
        at = list_chunk_add(list->arena, view->tail - 1, at, items[i].data,
            length);
        room -= list_record(length);
        bytes += length;
        if (length > longest)
            longest = length;
    }
    if (i > 0)
        list_note_longest(list->arena, view->tail - 1, longest);
    view->written = at;
    view->bytes += bytes;
    view->count += (uint32_t) i;
    view->in_tail += (uint32_t) i;
    view->tail_bytes += bytes;
    return i;
}

bool
list_has_room(const struct list *list, const struct list_view *view,
    size_t length)
{
    return length <= SYSVMP_INLINE_MAX && (view->spare != 0 ||
        list_record(length) <= room_in_tail(list, view));
}

size_t
list_append(struct list *list, struct list_view *view,
    const struct sysvmp_item *items, size_t n)
{
    size_t done = fill_tail(list, view, items, n);
    uint32_t spare = view->spare;

    if (done > 0 || spare == 0 || items[0].len > SYSVMP_INLINE_MAX)
        return done;
    view->spare = 0;
    chain(list, view, spare);
    view->written = list_chunk_begin(list->arena, spare - 1);
    view->linked = spare;
    return fill_tail(list, view, items, n);
}
