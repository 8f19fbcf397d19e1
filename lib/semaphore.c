/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * semaphore.c: Semaphore, in one of two bodies.
 *
 * As a rule its value is a word in shared memory, changed by one compare-and-
 * swap that is never over the limit, and who finds it 0 sleeps at a gate: who
 * dies in between has either not begun or done it, and its bell wakes.
 *
 * With SYSVMP_PERMITS the value is a semaphore of the kernel, and each permit
 * an adjustment with SEM_UNDO: what a process has comes back when it ends,
 * however it ends, and wakes the next.  How many this process has is noted in
 * its handle; nobody else can release them.
 */
#include "internal.h"

#include <limits.h>
#include <stdlib.h>

#include "arena.h"
#include "error.h"
#include "gate.h"
#include "make.h"
#include "spin.h"

#define SEMAPHORE_MAGIC 0x53454d41u
#define PERMITS_MAX     SHRT_MAX /* SEMVMX */

/* Slots.  A gate, and with SYSVMP_PERMITS the counter of the second one. */
enum { REFERENCE, PERMITS, SLOTS };

struct sysvmp_semaphore {
    struct handle handle; /* first: the registry's */
    struct semaphore_words *words;
    struct gate gate;
    uint32_t first; /* value */
    uint32_t limit;
    int permits; /* the kernel's semaphore; -1: the word */
    struct spin spin;
};

static bool
valid(const struct sysvmp_semaphore *s)
{
    return s != NULL && handle_valid(&s->handle, SEMAPHORE_MAGIC);
}

/*
 * With SYSVMP_PERMITS.
 */

static int
permits_change(const struct sysvmp_semaphore *s, int n)
{
    struct sembuf change = sem_operation(s->permits, n, SEM_UNDO);

    return sysv_semop(s->gate.semaphores, &change, 1);
}

static int
permits_acquire(struct sysvmp_semaphore *s, int timeout_ms)
{
    struct deadline deadline = DEADLINE(timeout_ms);
    struct sembuf take = sem_operation(s->permits, -1, SEM_UNDO);
    int error = sysv_semwait(s->gate.semaphores, &take, 1, &deadline);

    if (error == 0)
        own_add(&s->handle.permits, 1);
    return error == -EAGAIN ? deadline_code(&deadline) : error;
}

static int
permits_release(struct sysvmp_semaphore *s, unsigned n)
{
    uint32_t ours = own_load(&s->handle.permits);
    int error;

    do
        if (ours < n)
            return -EPERM;
    while (!own_cas(&s->handle.permits, &ours, ours - n));
    error = permits_change(s, (int) n);
    if (error < 0)
        own_add(&s->handle.permits, n);
    return error == -ERANGE ? -EOVERFLOW : error;
}

/* Destroyed, or left: they come back; where the kernel refuses that, they do
 * at our end. */
static void
give_up(struct handle *handle)
{
    struct sysvmp_semaphore *s = (struct sysvmp_semaphore *) handle;
    uint32_t ours = own_load(&handle->permits);

    if (ours > 0)
        (void) permits_release(s, ours);
}

/* Another thread of ours may be at what it has its permit for. */
static bool
resign(struct handle *handle, bool alone, struct deadline *deadline)
{
    (void) deadline;
    if (alone)
        give_up(handle);
    return true;
}

/*
 * Without.
 */

static bool
there(const void *context)
{
    const struct semaphore_words *words = context;

    return shm_load(&words->value) > 0;
}

static uint32_t
more(void *context)
{
    const struct semaphore_words *words = context;

    return shm_load(&words->value);
}

static ssize_t
take(void *context, bool woken)
{
    struct semaphore_words *words = context;
    uint32_t value = shm_load(&words->value);

    (void) woken;
    while (value > 0)
        if (shm_cas(&words->value, &value, value - 1))
            return 0;
    return -EAGAIN;
}

static int
word_wait(struct sysvmp_semaphore *s, int timeout_ms)
{
    struct deadline deadline = DEADLINE(timeout_ms);
    struct gate_wait wait = { .look = take, .more = more,
        .context = s->words };

    if (timeout_ms == SYSVMP_NOWAIT)
        return -EAGAIN;
    if (spin_wait(&s->spin, &deadline, there, s->words) &&
        take(s->words, false) == 0)
        return 0;
    return (int) gate_sleep(&s->gate, &wait, &deadline);
}

/*
 * The kernel has refused to let us wake those who sleep: what we released is
 * taken back, and the caller has it still.  If somebody has taken all of it by
 * now, it was released, and nobody sleeps for it: 0.  If a part is left, that
 * part is taken back and the code says so: left in the word it would be told
 * to nobody.  Permits are all alike, so it may be another's that is taken
 * back; then the one whom he has woken looks in vain, as beside any taker.
 */
static int
word_take_back(struct sysvmp_semaphore *s, uint32_t n, int code)
{
    uint32_t value = shm_load(&s->words->value), back;

    do {
        back = value < n ? value : n;
        if (back == 0)
            return 0;
    } while (!shm_cas(&s->words->value, &value, value - back));
    return code;
}

/* Nobody is asked before the change whether we may wake, as it can be undone
 * where we may not: that saves a system call for each who sleeps. */
static int
word_give(struct sysvmp_semaphore *s, unsigned n)
{
    uint32_t value = shm_load(&s->words->value);
    int error;

    do
        if (value > s->limit || n > s->limit - value)
            return -EOVERFLOW;
    while (!shm_cas(&s->words->value, &value, value + n));
    error = gate_wake_many(&s->gate, n);
    return UNLIKELY(error < 0) ? word_take_back(s, n, error) : 0;
}

/*
 * The public calls.
 */

/* What a new one has. */
static int
fill(const struct sysvmp_semaphore *s)
{
    struct sembuf give = sem_operation(s->permits, (int) s->first, 0);

    if (s->permits < 0)
        shm_store(&s->words->value, s->first);
    else if (s->first > 0)
        return sysv_semop(s->gate.semaphores, &give, 1);
    return 0;
}

static int
prepare(struct handle *handle)
{
    struct sysvmp_semaphore *s = (struct sysvmp_semaphore *) handle;
    struct holding *h = &handle->holding[0];

    h->bells[0] = h->place.gate;
    s->words = &h->place.object->semaphore;
    s->gate = (struct gate){ &s->words->gate, h->place.semaphores,
        h->place.gate };
    if (s->permits >= 0)
        s->permits = h->place.counter + PERMITS;
    return fill(s);
}

static int
make(struct sysvmp_semaphore *s, bool permits)
{
    const struct object_wish wish = { .kind = OBJECT_SEMAPHORE,
        .slots = permits ? SLOTS : PERMITS,
        .reference = REFERENCE,
        .limit = s->limit };

    s->handle.give_up = permits ? give_up : NULL;
    s->handle.resign = permits ? resign : NULL;
    s->permits = permits ? 0 : -1;
    return handle_make(&s->handle, SEMAPHORE_MAGIC, &wish, prepare);
}

/* The highest value; 0: that makes no sense. */
static uint32_t
highest(unsigned value, unsigned limit, bool permits)
{
    unsigned most = permits ? PERMITS_MAX : INT_MAX;

    if (limit == 0)
        limit = most;
    return value > limit || limit > most ? 0 : limit;
}

int
sysvmp_semaphore_create(struct sysvmp_semaphore **out, unsigned value,
    unsigned limit, unsigned flags)
{
    GUARDED;
    bool permits = (flags & SYSVMP_PERMITS) != 0;
    uint32_t most = highest(value, limit, permits);
    struct sysvmp_semaphore *s;
    int error;

    error_begin();
    if (out == NULL)
        return error_return(-EINVAL);
    *out = NULL;
    if (most == 0 || (flags & ~SYSVMP_PERMITS) != 0)
        return error_return(-EINVAL);
    s = calloc(1, sizeof(*s));
    if (s == NULL)
        return error_return(-ENOMEM);
    s->first = value;
    s->limit = most;
    error = make(s, permits);
    if (error < 0)
        free(s);
    else
        *out = s;
    return error_return(error);
}

int
sysvmp_semaphore_acquire(struct sysvmp_semaphore *s, int timeout_ms)
{
    if (UNLIKELY(!valid(s) || timeout_ms < SYSVMP_FOREVER))
        return error_return(-EINVAL);
    if (UNLIKELY(arena_me(s->handle.arena) == 0))
        return error_return(arena_gone(s->handle.arena));
    if (s->permits >= 0)
        return error_return(permits_acquire(s, timeout_ms));
    if (LIKELY(take(s->words, false) == 0))
        return 0;
    return error_return(word_wait(s, timeout_ms));
}

int
sysvmp_semaphore_release(struct sysvmp_semaphore *s, unsigned n)
{
    if (UNLIKELY(!valid(s) || n == 0))
        return error_return(-EINVAL);
    if (UNLIKELY(arena_me(s->handle.arena) == 0))
        return error_return(arena_gone(s->handle.arena));
    return error_return(
        s->permits >= 0 ? permits_release(s, n) : word_give(s, n));
}

int
sysvmp_semaphore_value(const struct sysvmp_semaphore *s)
{
    uint32_t value;

    if (!valid(s))
        return error_return(-EINVAL);
    if (arena_me(s->handle.arena) == 0)
        return error_return(arena_gone(s->handle.arena));
    if (s->permits >= 0)
        return error_return(sysv_sem_value(s->gate.semaphores, s->permits));
    value = shm_load(&s->words->value);
    /* Over the limit, somebody else has written there. */
    return (int) (value < s->limit ? value : s->limit);
}

void
sysvmp_semaphore_destroy(struct sysvmp_semaphore *s)
{
    GUARDED;

    if (!valid(s))
        return;
    handle_unmake(&s->handle);
    free(s);
}
