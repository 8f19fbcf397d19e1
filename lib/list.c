/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * list.c: messages in shared memory, under a lock.  t/model/list.pml is its
 * model.
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

/* Before each short message. */
struct prefix {
    uint32_t length;
    uint32_t reserved;
};

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

/* Bytes of the block that a view names; 0: there is none. */
static uint64_t
block_size(const struct list *list, uint32_t block)
{
    return block == 0 ? 0
        : (uint64_t) heap_run(list->arena, block - 1) * UNIT_SIZE;
}

uint64_t
list_room(const struct list *list, uint32_t block)
{
    uint64_t size = block_size(list, block);

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
    uint64_t head = block_size(list, view->head);
    uint64_t tail = block_size(list, view->tail);

    if (view->spare != 0 &&
        block_size(list, view->spare) < list_chunk(list->arena))
        return false;
    if (view->returned > view->count)
        return false;
    if (view->head == 0 && view->tail == 0)
        return view->count == view->returned;
    return head > 0 && tail > 0 && view->read <= head &&
        view->written <= tail;
}

int
list_enter(struct list *list, struct deadline *deadline,
    struct list_view *view)
{
    const struct list_state *state;
    int result = word_enter(&list->lock, deadline);

    if (result < 0)
        return result;
    view->tally = shm_load(&list->words->tally);
    view->count = (uint32_t) view->tally;
    state = list_state(list->words, view->tally);
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

void
list_leave(struct list *list)
{
    word_leave(&list->lock);
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

size_t
list_record(size_t length)
{
    return sizeof(struct prefix) + (length + 7) / 8 * 8;
}

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
    const struct prefix prefix = { .length = (uint32_t) length };

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
    shm_store(&unit->owner, arena_me(list->arena));
    view->freed = block;
}

static void
set_aside(struct list *list, struct list_view *view, uint32_t chunk)
{
    if (view->spare == 0 &&
        block_size(list, chunk) == list_chunk(list->arena)) {
        view->spare = chunk;
        return;
    }
    list_take_block(list, view, chunk);
}

/*
 * To append.
 */

/* Messages in the chain: what was given back to a joinable queue is not. */
static uint32_t
waiting(const struct list_view *view)
{
    return view->count - view->returned;
}

/* Puts a block behind the last one. */
static void
chain(struct list *list, struct list_view *view, uint32_t block)
{
    struct list_block *tail;

    if (waiting(view) == 0) {
        if (view->head != 0)
            set_aside(list, view, view->head); /* an empty chunk */
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
    uint64_t size = block_size(list, view->tail);

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
    return end < block_size(list, view->head) ? end
                                              : block_size(list, view->head);
}

static int
first_of_chunk(const struct list *list, const struct list_view *view,
    struct list_first *first)
{
    const char *at =
        (const char *) list_block(list->arena, view->head - 1) + view->read;
    uint64_t end = head_end(list, view);
    struct prefix prefix;

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

    if (waiting(view) == 0)
        return -EAGAIN;
    if (view->head == 0)
        return -EBADMSG;
    block = list_block(list->arena, view->head - 1);
    if (shm_load(&block->end) != 0)
        return first_of_chunk(list, view, first);
    first->data = (const char *) block + LIST_HEADER;
    first->length = shm_load(&block->length);
    first->unit = view->head;
    return first->length <= block_size(list, view->head) - LIST_HEADER
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
    set_aside(list, view, head);
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
        struct prefix prefix;

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
    if (n > waiting(view))
        n = waiting(view);
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
        messages > waiting(view) ||
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

/* Is it one that was taken from a joinable queue? */
static bool
claimed(const struct list *list, const struct list_state *state,
    uint32_t unit)
{
    uint32_t block = shm_load(&state->claims);
    uint32_t n = shm_load(&state->claimed) + shm_load(&state->returned);

    if (n > heap_units(list->arena))
        n = heap_units(list->arena);
    for (uint32_t i = 0; i <= n + 1 && block_size(list, block) > 0; i++) {
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
