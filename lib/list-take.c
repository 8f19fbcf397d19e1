/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * list-take.c: takes messages off a list: from its first block, or with it.
 */
#include "internal.h"

#include <string.h>

#include "heap.h"
#include "list.h"

/*
 * To take.
 */

/* Where the messages of the first block end. */
static uint64_t
head_end(const struct list *list, const struct list_view *view)
{
    uint64_t end;

    if (view->head == view->tail)
        return view->written;
    end = shm_load(&list_block(list->arena, view->head - 1)->end);
    return end < list_size(list, view->head) ? end
                                              : list_size(list, view->head);
}

static int
first_of_chunk(const struct list *list, const struct list_view *view,
    struct list_first *first)
{
    const char *at =
        (const char *) list_block(list->arena, view->head - 1) + view->read;
    uint64_t end = head_end(list, view);
    struct list_prefix prefix;

    if (view->read < LIST_HEADER || view->read + sizeof(prefix) > end)
        return -EBADMSG;
    memcpy(&prefix, at, sizeof(prefix));
    if (prefix.length > end - view->read - sizeof(prefix) ||
        prefix.length > SYSVMP_INLINE_MAX)
        return -EBADMSG;
    first->data = at + sizeof(prefix);
    first->length = prefix.length;
    first->unit = 0;
    return 0;
}

int
list_first(const struct list *list, const struct list_view *view,
    struct list_first *first)
{
    const struct list_block *block;

    if (list_waiting(view) == 0)
        return -EAGAIN;
    if (view->head == 0)
        return -EBADMSG;
    block = list_block(list->arena, view->head - 1);
    if (shm_load(&block->end) != 0)
        return first_of_chunk(list, view, first);
    first->data = (const char *) block + LIST_HEADER;
    first->length = shm_load(&block->length);
    first->unit = view->head;
    return first->length <= list_size(list, view->head) - LIST_HEADER
        ? 0 : -EBADMSG;
}

/* The first block is done with. */
static void
advance(struct list_view *view, uint32_t next)
{
    if (view->head == view->tail) {
        view->head = view->tail = 0;
        view->read = view->written = 0;
        view->in_tail = 0;
        view->tail_bytes = 0;
    } else {
        view->head = next;
        view->read = LIST_HEADER;
    }
}

/* The first block, a chunk, was read up to there: true, it is done with, and
 * the list must be committed before the next. */
static bool
read_up_to(struct list *list, struct list_view *view, uint32_t at,
    uint64_t end)
{
    uint32_t head = view->head;

    view->read = at;
    if (at < end)
        return false;
    if (view->head == view->tail) {
        /* It is empty, and stays, to be written from its start. */
        view->read = view->written = LIST_HEADER;
        view->in_tail = 0;
        view->tail_bytes = 0;
        return false;
    }
    view->head = shm_load(&list_block(list->arena, head - 1)->next);
    view->read = LIST_HEADER;
    list_set_aside(list, view, head);
    return true;
}

/* Reads short messages from there on, up to n, into items: how many; *at:
 * where the next one is; *error: why no more, -EMSGSIZE or -EBADMSG. */
static size_t
read_short(const char *start, uint64_t *at, uint64_t end,
    struct sysvmp_item *items, size_t n, int *error)
{
    size_t i;

    *error = 0;
    for (i = 0; i < n && *at < end; i++) {
        struct list_prefix prefix;

        *error = -EBADMSG;
        if (*at < LIST_HEADER || *at + sizeof(prefix) > end)
            break;
        memcpy(&prefix, start + *at, sizeof(prefix));
        if (prefix.length > end - *at - sizeof(prefix) ||
            prefix.length > SYSVMP_INLINE_MAX)
            break;
        *error = -EMSGSIZE;
        if (prefix.length > items[i].size)
            break;
        if (prefix.length > 0)
            memcpy(items[i].data, start + *at + sizeof(prefix),
                prefix.length);
        items[i].len = prefix.length;
        *at += list_record(prefix.length);
        *error = 0;
    }
    return i;
}

/* The first block, if it is a chunk. */
static const struct list_block *
head_chunk(const struct list *list, const struct list_view *view)
{
    const struct list_block *block;

    if (view->head == 0)
        return NULL;
    block = list_block(list->arena, view->head - 1);
    return shm_load(&block->end) != 0 ? block : NULL;
}

static uint64_t
sum_of(const struct sysvmp_item *items, size_t n)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < n; i++)
        bytes += items[i].len;
    return bytes;
}

size_t
list_take_short(struct list *list, struct list_view *view,
    struct sysvmp_item *items, size_t n, bool *block, int *error)
{
    const struct list_block *head = head_chunk(list, view);
    uint64_t at = view->read, end, bytes;
    size_t taken;

    *block = false;
    *error = 0;
    if (head == NULL)
        return 0;
    end = head_end(list, view);
    if (n > list_waiting(view))
        n = list_waiting(view);
    taken = read_short((const char *) head, &at, end, items, n, error);
    bytes = sum_of(items, taken);
    view->count -= (uint32_t) taken;
    view->bytes -= bytes < view->bytes ? bytes : view->bytes;
    if (taken > 0)
        *block = read_up_to(list, view, (uint32_t) at, end);
    return taken;
}

static bool
all_fit(const struct sysvmp_item *items, size_t n, size_t length)
{
    for (size_t i = 0; i < n; i++)
        if (items[i].size < length)
            return false;
    return true;
}

uint32_t
list_detach(struct list *list, struct list_view *view,
    const struct sysvmp_item *items, size_t n, uint32_t *end)
{
    const struct list_block *head = head_chunk(list, view);
    uint32_t messages, block = view->head;
    uint64_t last, bytes;

    if (head == NULL || view->read != LIST_HEADER)
        return 0;
    last = head_end(list, view);
    messages = view->head == view->tail ? view->in_tail
                                        : shm_load(&head->messages);
    bytes = view->head == view->tail ? view->tail_bytes
                                     : shm_load(&head->length);
    if (last < LIST_HEADER + LIST_WORTH || messages == 0 || messages > n ||
        messages > list_waiting(view) ||
        !all_fit(items, messages, shm_load(&head->longest)))
        return 0;
    *end = (uint32_t) last;
    view->count -= messages;
    view->bytes -= bytes < view->bytes ? bytes : view->bytes;
    advance(view, shm_load(&head->next));
    list_take_block(list, view, block);
    return messages;
}

size_t
list_read(const struct arena *arena, uint32_t unit, uint32_t end,
    struct sysvmp_item *items, size_t n)
{
    uint64_t at = LIST_HEADER;
    int error;

    return read_short((const char *) list_block(arena, unit), &at, end, items,
        n, &error);
}

bool
list_take(struct list *list, struct list_view *view,
    const struct list_first *first, bool stays)
{
    uint32_t head = view->head;
    uint32_t next = shm_load(&list_block(list->arena, head - 1)->next);

    view->count--;
    view->bytes -=
        first->length < view->bytes ? first->length : view->bytes;
    if (first->unit != 0) {
        if (!stays)
            list_take_block(list, view, head);
        advance(view, next);
        return true;
    }
    return read_up_to(list, view,
        view->read + (uint32_t) list_record(first->length),
        head_end(list, view));
}
