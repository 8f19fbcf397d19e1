/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * claim.c: claims on messages of a joinable queue.
 *
 * A message that was taken lies in a block of its own, in a chain of such
 * blocks beside the list.  Each says of itself what it is: held by its taker,
 * or given back, then it is one of the first again, or done.  One store
 * changes that, so nobody's death leaves it in doubt; the counts in the state
 * follow with the next commit, and are counted anew by who takes the lock over
 * from the dead.
 *
 * A block comes into the chain with the commit that takes the message from
 * the list, and leaves it before it is freed: the sweep looks for it there
 * (list_has()).  A taker's death rings the bell at the receive gate, and who
 * looks then gives back what the dead had.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "claim.h"
#include "heap.h"
#include "member.h"

enum { CLAIM_HELD = 1, CLAIM_RETURNED, CLAIM_DONE };

/* The block behind one of the chain, or the first for 0; 0: there is none. */
static uint32_t
next_of(const struct list *list, const struct list_view *view, uint32_t block)
{
    uint32_t next = block == 0 ? view->claims
        : shm_load(&list_block(list->arena, block - 1)->next_claim);

    return next != 0 && heap_run(list->arena, next - 1) > 0 ? next : 0;
}

/* So many steps at most, as anybody may have written there. */
static uint32_t
longest(const struct list *list)
{
    return heap_units(list->arena);
}

static void
unchain(struct list *list, struct list_view *view, uint32_t previous,
    uint32_t block)
{
    uint32_t next = shm_load(&list_block(list->arena, block - 1)->next_claim);

    if (previous == 0)
        view->claims = next;
    else
        shm_store(&list_block(list->arena, previous - 1)->next_claim, next);
}

static void
give_back(struct list *list, uint32_t block)
{
    struct list_block *b = list_block(list->arena, block - 1);

    shm_store(&b->redelivered, 1);
    shm_store(&b->claim, CLAIM_RETURNED);
}

void
claim_mend(struct list *list, struct list_view *view)
{
    uint32_t fifo = view->count - view->returned;
    uint32_t previous = 0, block;

    if (!view->died)
        return;
    view->claimed = view->returned = 0;
    for (uint32_t i = 0; i < longest(list) &&
         (block = next_of(list, view, previous)) != 0; i++) {
        uint32_t claim = shm_load(&list_block(list->arena, block - 1)->claim);

        if (claim == CLAIM_DONE) {
            /* As in claim_end(); it is freed by the sweep. */
            list_take_block(list, view, block);
            unchain(list, view, previous, block);
            continue;
        }
        view->claimed += claim == CLAIM_HELD;
        view->returned += claim == CLAIM_RETURNED;
        previous = block;
    }
    view->count = fifo + view->returned;
    list_commit(list, view);
    if (view->freed != 0) {
        shm_store(&heap_unit(list->arena, view->freed - 1)->owner, 0);
        shm_store(&list->arena->head->heap_words.unswept, 1);
        view->freed = 0;
    }
}

static bool
dead(const struct list *list, const struct claim_roll *roll, uint64_t taker)
{
    uint32_t seat = owner_seat(taker);

    return seat >= MEMBERS_MAX ||
        (roll->alive[alive_semaphore(seat)] & alive_bit(seat)) == 0 ||
        shm_load(&member_at(list->arena, seat)->generation) !=
        taker >> OWNER_GENERATION_SHIFT;
}

/* The next block behind that one whose taker is dead; 0: there is none.
 * *steps counts against longest(). */
static uint32_t
next_dead(const struct list *list, const struct list_view *view,
    const struct claim_roll *roll, uint32_t block, uint32_t *steps)
{
    while (*steps < longest(list) &&
        (block = next_of(list, view, block)) != 0) {
        const struct list_block *b = list_block(list->arena, block - 1);

        ++*steps;
        if (shm_load(&b->claim) == CLAIM_HELD &&
            dead(list, roll, shm_load(&b->taker)))
            return block;
    }
    return 0;
}

/* No claim is made while we have the lock, so who is seen dead once all were
 * made was dead then. */
int
claim_dead(const struct list *list, const struct list_view *view,
    struct claim_roll *roll)
{
    uint32_t block = 0, steps = 0;
    int n = 0, error;

    if (view->claimed == 0)
        return 0;
    error = sysv_sem_values(list->lock.semaphores, roll->alive,
        BLOCK_SEMAPHORES);
    if (error < 0)
        return error;
    while ((block = next_dead(list, view, roll, block, &steps)) != 0)
        n++;
    return n;
}

void
claim_reap(struct list *list, struct list_view *view,
    const struct claim_roll *roll)
{
    uint32_t block = 0, steps = 0, n = 0;

    while ((block = next_dead(list, view, roll, block, &steps)) != 0) {
        give_back(list, block);
        n++;
    }
    view->claimed -= n;
    view->returned += n;
    view->count += n;
    list_commit(list, view);
}

/* The oldest of those given back; 0: there is none. */
static uint32_t
first_returned(const struct list *list, const struct list_view *view)
{
    uint32_t first = 0, block = 0;
    uint64_t turn = 0;

    if (view->returned == 0)
        return 0;
    for (uint32_t i = 0; i < longest(list) &&
         (block = next_of(list, view, block)) != 0; i++) {
        const struct list_block *b = list_block(list->arena, block - 1);

        if (shm_load(&b->claim) != CLAIM_RETURNED ||
            (first != 0 && shm_load(&b->turn) > turn))
            continue;
        first = block;
        turn = shm_load(&b->turn);
    }
    return first;
}

int
claim_first(const struct list *list, const struct list_view *view,
    struct list_first *first)
{
    uint32_t returned = first_returned(list, view);

    if (returned == 0)
        return list_first(list, view, first);
    first->unit = returned;
    first->length =
        shm_load(&list_block(list->arena, returned - 1)->length);
    first->data = (const char *) list_block(list->arena, returned - 1) +
        LIST_HEADER;
    return first->length <= list_room(list, returned) ? 0 : -EBADMSG;
}

static int
take_returned(struct list *list, struct list_view *view, uint32_t block,
    size_t room, uint32_t *unit, size_t *length)
{
    struct list_block *b = list_block(list->arena, block - 1);
    uint64_t bytes = shm_load(&b->length);

    if (bytes > list_room(list, block))
        return -EBADMSG;
    if (bytes > room)
        return -EMSGSIZE;
    *length = (size_t) bytes;
    shm_store(&b->taker, self_id());
    shm_store(&b->claim, CLAIM_HELD);
    view->claimed++;
    view->returned--;
    view->count--;
    list_commit(list, view);
    *unit = block - 1;
    return 0;
}

static void
copy_into(struct list *list, uint32_t unit, const struct list_first *first)
{
    list_single(list->arena, unit, first->length);
    if (first->length > 0)
        memcpy((char *) heap_address(list->arena, unit) + LIST_HEADER,
            first->data, (size_t) first->length);
    shm_store(&heap_unit(list->arena, unit)->tag, list->listed);
}

int
claim_take(struct list *list, struct list_view *view, size_t room,
    uint32_t *unit, size_t *length)
{
    uint32_t returned = first_returned(list, view);
    struct list_first first;
    struct list_block *b;
    int error;

    if (returned != 0)
        return take_returned(list, view, returned, room, unit, length);
    error = list_first(list, view, &first);
    if (error < 0)
        return error;
    if (first.length > room)
        return -EMSGSIZE;
    if (first.unit != 0)
        *unit = first.unit - 1;
    else if (*unit == CLAIM_NONE)
        return -ENOBUFS;
    else
        copy_into(list, *unit, &first);
    b = list_block(list->arena, *unit);
    shm_store(&b->taker, self_id());
    shm_store(&b->turn, view->taken++);
    shm_store(&b->redelivered, 0);
    shm_store(&b->claim, CLAIM_HELD);
    shm_store(&b->next_claim, view->claims);
    (void) list_take(list, view, &first, true);
    view->claims = *unit + 1;
    view->claimed++;
    view->linked = *unit + 1;
    list_commit(list, view);
    *length = (size_t) first.length;
    return 0;
}

int
claim_end(struct list *list, struct list_view *view, uint32_t unit, bool done)
{
    uint32_t previous = 0, block;
    struct list_block *b = list_block(list->arena, unit);

    for (uint32_t i = 0; i < longest(list) &&
         (block = next_of(list, view, previous)) != 0; i++) {
        if (block == unit + 1)
            break;
        previous = block;
    }
    if (block != unit + 1 || shm_load(&b->claim) != CLAIM_HELD ||
        shm_load(&b->taker) != self_id())
        return -EOVERFLOW;
    if (done) {
        shm_store(&b->claim, CLAIM_DONE);
        list_take_block(list, view, block);
        unchain(list, view, previous, block);
    } else {
        give_back(list, block);
        view->returned++;
        view->count++;
    }
    view->claimed--;
    list_commit(list, view);
    return 0;
}

uint64_t
claim_turn(const struct list *list, uint32_t unit)
{
    return shm_load(&list_block(list->arena, unit)->turn);
}

/* Is it in the chain, given back, and the same message as before? */
static bool
is_returned(const struct list *list, const struct list_view *view,
    uint32_t unit, uint64_t turn)
{
    uint32_t block = 0;

    for (uint32_t i = 0; i < longest(list) &&
         (block = next_of(list, view, block)) != 0; i++) {
        const struct list_block *b = list_block(list->arena, block - 1);

        if (block == unit + 1)
            return shm_load(&b->claim) == CLAIM_RETURNED &&
                shm_load(&b->turn) == turn;
    }
    return false;
}

/*
 * A block whose claim was done is ours still, as its heap_give() comes last:
 * it goes back to the chain like a new claim.  One that was given back is in
 * the chain, and is ours again unless another process has taken it.
 */
bool
claim_resume(struct list *list, struct list_view *view, uint32_t unit,
    bool done, uint64_t turn)
{
    struct list_block *b = list_block(list->arena, unit);

    if (!done && !is_returned(list, view, unit, turn))
        return false;
    shm_store(&b->taker, self_id());
    shm_store(&b->claim, CLAIM_HELD);
    if (done) {
        shm_store(&b->next_claim, view->claims);
        view->claims = unit + 1;
        view->linked = unit + 1;
    } else {
        view->returned--;
        view->count--;
    }
    view->claimed++;
    list_commit(list, view);
    return true;
}

uint32_t
claim_count(const struct list_words *words)
{
    return shm_load(&list_state(words, shm_load(&words->tally))->claimed);
}

uint64_t
claim_unfinished(const struct list_words *words)
{
    uint64_t tally, sum;

    do {
        tally = shm_load(&words->tally);
        sum = (uint32_t) tally +
            (uint64_t) shm_load(&list_state(words, tally)->claimed);
    } while (shm_load(&words->tally) != tally);
    return sum;
}

/*
 * Notes of this process.
 */

static void
forget_all(struct claims *claims)
{
    while (claims->first != NULL) {
        struct claim_note *note = claims->first;

        claims->first = note->next;
        free(note);
    }
    while (claims->lasts != NULL) {
        struct claim_last *last = claims->lasts;

        claims->lasts = last->next;
        free(last);
    }
    claims->end = &claims->first;
    own_store(&claims->n, 0);
}

void
claims_check(struct claims *claims)
{
    uint64_t me = self_id();

    if (claims->owner == me && claims->end != NULL)
        return;
    forget_all(claims);
    claims->owner = me;
}

static struct claim_last *
last_of(struct claims *claims, uint64_t thread)
{
    struct claim_last *last = claims->lasts;

    while (last != NULL && last->thread != thread)
        last = last->next;
    return last;
}

void
claims_add(struct claims *claims, struct claim_note *note,
    struct claim_last *last, bool redelivered)
{
    struct claim_last *known = last_of(claims, note->thread);

    note->next = NULL;
    *claims->end = note;
    claims->end = &note->next;
    own_add(&claims->n, 1);
    if (known == NULL) {
        last->thread = note->thread;
        last->next = claims->lasts;
        known = claims->lasts = last;
    } else {
        free(last);
    }
    known->redelivered = redelivered;
}

struct claim_note *
claims_take(struct claims *claims, uint32_t unit)
{
    uint64_t thread = self_thread();

    for (struct claim_note **at = &claims->first; *at != NULL;
         at = &(*at)->next) {
        struct claim_note *note = *at;

        if (unit == CLAIM_NONE ? note->apart || note->thread != thread
                               : !note->apart || note->unit != unit)
            continue;
        *at = note->next;
        if (claims->end == &note->next)
            claims->end = at;
        own_sub(&claims->n, 1);
        return note;
    }
    return NULL;
}

struct claim_note *
claims_take_first(struct claims *claims)
{
    struct claim_note *note = claims->first;

    if (note == NULL)
        return NULL;
    claims->first = note->next;
    if (note->next == NULL)
        claims->end = &claims->first;
    own_sub(&claims->n, 1);
    return note;
}

void
claims_put_back(struct claims *claims, struct claim_note *note)
{
    note->next = claims->first;
    claims->first = note;
    if (note->next == NULL)
        claims->end = &note->next;
    own_add(&claims->n, 1);
}

bool
claims_redelivered(struct claims *claims)
{
    const struct claim_last *last;

    claims_check(claims);
    last = last_of(claims, self_thread());
    return last != NULL && last->redelivered;
}

void
claims_drop(struct claims *claims)
{
    if (--claims->users > 0)
        return;
    forget_all(claims);
    free(claims);
}
