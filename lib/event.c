/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * event.c: Event: a flag that many wait for.
 *
 * One word says whether it is set and how often it was: who waits leaves when
 * it is set, or was set since its wait began, as somebody may have cleared it
 * at once.  Setting and clearing are one compare-and-swap each, and the
 * wake-up one semop, so both may be done by a signal handler, also in the
 * middle of another call on the same event.
 *
 * Why nobody sleeps for ever: broadcast.c.  Who finds it set already wakes the
 * sleepers all the same: who has set it may be stopped before its own wake-up.
 */
#include "internal.h"

#include <stdlib.h>

#include "arena.h"
#include "broadcast.h"
#include "error.h"
#include "event.h"
#include "make.h"
#include "spin.h"
#include "watch.h"

#define EVENT_MAGIC 0x45564e54u

/* The word: how often it was set, and whether it is. */
#define SET  UINT64_C(1)
#define ONCE UINT64_C(2)

/* Slots: a broadcast needs a counter for its side, beside the references. */
enum { REFERENCE, TURN, SLOTS };

struct sysvmp_event {
    struct handle handle; /* first: the registry's */
    struct event_words *words;
    struct broadcast broadcast;
    struct spin spin;
};

static const struct object_wish wish = {
    .kind = OBJECT_EVENT,
    .slots = SLOTS,
    .reference = REFERENCE,
};

static bool
valid(const struct sysvmp_event *e)
{
    return e != NULL && handle_valid(&e->handle, EVENT_MAGIC);
}

static int
prepare(struct handle *handle)
{
    struct sysvmp_event *e = (struct sysvmp_event *) handle;
    struct holding *h = &handle->holding[0];

    h->side = h->place.counter + TURN;
    e->words = &h->place.object->event;
    e->broadcast = broadcast_at(&h->place, TURN, &e->words->sleepers);
    return 0;
}

int
sysvmp_event_create(struct sysvmp_event **out)
{
    GUARDED;
    struct sysvmp_event *e;
    int error;

    error_begin();
    if (out == NULL)
        return error_return(-EINVAL);
    *out = NULL;
    e = calloc(1, sizeof(*e));
    if (e == NULL)
        return error_return(-ENOMEM);
    error = handle_make(&e->handle, EVENT_MAGIC, &wish, prepare);
    if (error < 0)
        free(e);
    else
        *out = e;
    return error_return(error);
}

/* Would the kernel let us wake those who wait for it now? */
static int
may_wake(const struct sysvmp_event *e)
{
    int error = broadcast_may(&e->broadcast);

    return LIKELY(error == 0)
        ? watch_may(e->handle.arena, &e->words->watched)
        : error;
}

static int
wake(const struct sysvmp_event *e)
{
    int error = broadcast_wake(&e->broadcast);
    int fired = watch_fire(e->handle.arena, &e->words->watched,
        e->handle.holding[0].place.index);

    return UNLIKELY(error < 0) ? error : fired;
}

static bool
anybody_waits(const struct sysvmp_event *e)
{
    return shm_load(e->broadcast.sleepers) != 0 ||
        watch_marked(&e->words->watched);
}

/* Sets it: what the word was, and is. */
static void
raise_flag(const struct sysvmp_event *e, uint64_t *was, uint64_t *is)
{
    *was = shm_load(&e->words->state);
    do {
        *is = (*was + ONCE) | SET;
        if ((*was & SET) != 0 && !anybody_waits(e)) {
            *is = *was;
            return;
        }
    } while (!shm_cas(&e->words->state, was, *is));
}

/*
 * Where the kernel refuses the wake-up although it was asked before, the set
 * is undone, unless another one has set it since: that one has counted up, or
 * nobody waited then.
 */
int
sysvmp_event_set(struct sysvmp_event *e)
{
    uint64_t was, is;
    int error;

    if (!valid(e))
        return error_note(-EINVAL);
    if (arena_me(e->handle.arena) == 0)
        return error_note(arena_gone(e->handle.arena));
    error = may_wake(e);
    if (UNLIKELY(error < 0))
        return error_note(error);
    raise_flag(e, &was, &is);
    error = wake(e);
    if (UNLIKELY(error < 0) && (was & SET) == 0)
        (void) shm_cas(&e->words->state, &is, was);
    return error_note(error);
}

int
sysvmp_event_clear(struct sysvmp_event *e)
{
    if (!valid(e))
        return error_note(-EINVAL);
    if (arena_me(e->handle.arena) == 0)
        return error_note(arena_gone(e->handle.arena));
    if ((shm_load(&e->words->state) & SET) != 0)
        (void) shm_and(&e->words->state, ~SET);
    return 0;
}

int
sysvmp_event_is_set(const struct sysvmp_event *e)
{
    if (!valid(e))
        return error_note(-EINVAL);
    if (arena_me(e->handle.arena) == 0)
        return error_note(arena_gone(e->handle.arena));
    return (shm_load(&e->words->state) & SET) != 0;
}

/* A wait under way. */
struct waiting {
    const struct event_words *words;
    uint64_t begun; /* the word when it began, not set */
};

static bool
was_set(const void *context)
{
    const struct waiting *waiting = context;
    uint64_t state = shm_load(&waiting->words->state);

    return state != waiting->begun;
}

static ssize_t
look(void *context, bool woken)
{
    (void) woken;
    return was_set(context) ? 0 : -EAGAIN;
}

int
sysvmp_event_wait(struct sysvmp_event *e, int timeout_ms)
{
    struct deadline deadline = DEADLINE(timeout_ms);
    struct gate_wait wait = { .look = look, .done = was_set };
    struct waiting waiting;

    if (!valid(e) || timeout_ms < SYSVMP_FOREVER)
        return error_return(-EINVAL);
    if (arena_me(e->handle.arena) == 0)
        return error_return(arena_gone(e->handle.arena));
    waiting.words = e->words;
    waiting.begun = shm_load(&e->words->state);
    if ((waiting.begun & SET) != 0)
        return 0;
    if (timeout_ms == SYSVMP_NOWAIT)
        return error_return(-EAGAIN);
    wait.context = &waiting;
    if (spin_wait(&e->spin, &deadline, was_set, &waiting))
        return 0;
    return error_return(
        (int) broadcast_sleep(&e->broadcast, &wait, &deadline));
}

void
sysvmp_event_destroy(struct sysvmp_event *e)
{
    GUARDED;

    if (!valid(e))
        return;
    handle_unmake(&e->handle);
    free(e);
}

bool
event_watched(const struct sysvmp_event *e, struct watched *watched)
{
    const struct place *place;

    if (!valid(e))
        return false;
    place = &e->handle.holding[0].place;
    if (watched != NULL)
        *watched = (struct watched){ e->handle.arena, &e->words->watched,
            place->index };
    return true;
}
