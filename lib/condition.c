/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * condition.c: Condition: a table of who waits, and a place to sleep.
 * t/model/condition.pml is its model.
 *
 * A wait has an entry of the table, whose word is a ticket and WAITING.  A
 * notification is a compare-and-swap of that to NOTIFIED, with the number of
 * tickets that were out when it was given: it is for those alone.  It is used
 * up when the wait has the lock again and gives its entry back.  A wait that
 * gives up takes its WAITING back, likewise; so one of the two is first.
 *
 * What the dead leave: an entry that is WAITING is passed over, and freed.  A
 * notification is handed on to the longest waiting of those that it may be
 * for: first the other is told, then the entry freed, so that a death in
 * between makes it two, never none.
 *
 * Why nobody sleeps for ever while a notification is due to him: all who sleep
 * are woken after each notification, by who gave it or his bell, and by the
 * bell of each who dies.  Who is woken looks at his own entry first, then at
 * all that are NOTIFIED, and hands on those of the dead.  One who seemed alive
 * to the notifier, or to who looked, rings after that.  One who was dead
 * before it was marked is found by those who are woken after the mark.  Who
 * does not sleep yet looks before he does.
 *
 * A holder of the lock may have died between a change and its notification,
 * where all others wait: its bell wakes them, and one of those takes the lock
 * over and is told.
 */
#include "internal.h"

#include <stdlib.h>

#include "arena.h"
#include "broadcast.h"
#include "error.h"
#include "lock.h"
#include "make.h"
#include "memory.h"
#include "spin.h"
#include "waiters.h"

#define CONDITION_MAGIC 0x434f4e44u

enum { REFERENCE, TURN, SLOTS };

#define STATE_BITS 2
enum { WAITING = 1, NOTIFIED = 2, STATE_MASK = 3 };

struct sysvmp_condition {
    struct handle handle; /* first: the registry's */
    struct waiters waiters;
    struct broadcast broadcast;
    struct spin spin;
    _Atomic uint64_t *tickets;
    const struct mutex *mutex;
    struct sysvmp_lock *lock;   /* one of the two */
    struct sysvmp_rlock *rlock;
    bool own_lock;
};

/* One wait. */
struct wait {
    struct sysvmp_condition *c;
    struct waiter *entry;
    uint64_t word; /* while it waits */
    unsigned depth;
};

static const struct object_wish wish = {
    .kind = OBJECT_CONDITION,
    .slots = SLOTS,
    .reference = REFERENCE,
};

static bool
valid(const struct sysvmp_condition *c)
{
    return c != NULL && handle_valid(&c->handle, CONDITION_MAGIC);
}

static uint64_t
ticket_of(uint64_t word)
{
    return word >> STATE_BITS;
}

static bool
is(uint64_t word, unsigned state)
{
    return (word & STATE_MASK) == state;
}

/*
 * Its lock.
 */

static bool
mine(const struct sysvmp_condition *c)
{
    return c->lock != NULL ? mutex_mine(c->mutex) : rlock_mine(c->rlock);
}

static int
let_go(struct wait *wait)
{
    struct sysvmp_condition *c = wait->c;

    return c->lock != NULL ? lock_let_go(c->lock)
                           : rlock_let_go(c->rlock, &wait->depth);
}

static int
take(const struct wait *wait, struct deadline deadline)
{
    struct sysvmp_condition *c = wait->c;

    return c->lock != NULL ? lock_take(c->lock, deadline)
                           : rlock_take(c->rlock, deadline, wait->depth);
}

/* However long that takes.  -EIDRM or -EACCES: it is not had. */
static int
take_again(const struct wait *wait)
{
    int result = take(wait, DEADLINE_DEAF);

    return result >= 0 || result == -EACCES ? result : -EIDRM;
}

/* There is nothing to wait at any more: the lock is not had then, so that the
 * code says whether it is. */
static int
refuse(struct wait *wait, int code)
{
    if (code == -EIDRM || code == -EACCES)
        (void) let_go(wait);
    return code;
}

/*
 * Has a holder died with it?  1, 0, or a code; -EINPROGRESS: it is dying, and
 * the bit that tells is up yet, in another set than ours, where its bell has
 * rung.  (Or it has never had this condition.)
 */
static int
holder_died(const struct sysvmp_condition *c)
{
    const struct word *word = &c->mutex->word;
    uint64_t owner = mutex_owner(c->mutex);
    int dead;

    if (owner == 0 || owner == own_peek(&self.me))
        return 0;
    dead = member_dead(word->arena, word->semaphores, owner);
    if (dead != 0 || word->semaphores == c->waiters.semaphores)
        return dead;
    dead = member_dead(word->arena, c->waiters.semaphores, owner);
    return dead == 1 ? -EINPROGRESS : dead;
}

/*
 * To notify.
 */

/* The longest waiting with such a ticket; *word: what it was then. */
static struct waiter *
longest(const struct sysvmp_condition *c, uint64_t tickets, uint64_t *word)
{
    struct waiter *waiter, *first = NULL;
    struct waiters_walk walk;

    waiters_walk(&c->waiters, &walk);
    while ((waiter = waiters_next(&walk)) != NULL) {
        uint64_t seen = shm_load(&waiter->word);

        if (is(seen, WAITING) && ticket_of(seen) <= tickets &&
            (first == NULL || seen < *word)) {
            first = waiter;
            *word = seen;
        }
    }
    return first;
}

/* One who died while it was WAITING.  The word was read before the owner: so
 * if that is still the same, it is the same wait. */
static void
drop(struct waiter *waiter, uint64_t word, uint64_t owner)
{
    if (shm_cas(&waiter->word, &word, 0))
        (void) shm_cas(&waiter->owner, &owner, 0);
}

/* Marks one that is alive, or drops it: 1 if it was marked, 0, or a code. */
static int
mark(const struct sysvmp_condition *c, struct roll *roll,
    struct waiter *waiter, uint64_t word, uint64_t tickets)
{
    uint64_t owner = shm_load(&waiter->owner);
    int dead = waiters_dead(&c->waiters, roll, owner);

    if (dead == 1)
        drop(waiter, word, owner);
    if (dead != 0)
        return dead < 0 ? dead : 0;
    return shm_cas(&waiter->word, &word, tickets << STATE_BITS | NOTIFIED);
}

/* Marks the longest waiting: 0 if there is none. */
static int
mark_one(const struct sysvmp_condition *c, struct roll *roll,
    uint64_t tickets)
{
    struct waiter *waiter;
    uint64_t word = 0;
    int marked = 0;

    while (marked == 0 && (waiter = longest(c, tickets, &word)) != NULL)
        marked = mark(c, roll, waiter, word, tickets);
    return marked;
}

static int
mark_n(const struct sysvmp_condition *c, unsigned n)
{
    uint64_t tickets = shm_load(c->tickets);
    struct roll roll = { .called = false };
    int marked = 1;

    for (unsigned i = 0; i < n && marked == 1; i++)
        marked = mark_one(c, &roll, tickets);
    return marked < 0 ? marked : 0;
}

static int
mark_all(const struct sysvmp_condition *c)
{
    uint64_t tickets = shm_load(c->tickets);
    struct roll roll = { .called = false };
    struct waiters_walk walk;
    struct waiter *waiter;
    int marked = 0;

    waiters_walk(&c->waiters, &walk);
    while (marked >= 0 && (waiter = waiters_next(&walk)) != NULL) {
        uint64_t word = shm_load(&waiter->word);

        if (is(word, WAITING) && ticket_of(word) <= tickets)
            marked = mark(c, &roll, waiter, word, tickets);
    }
    return marked < 0 ? marked : 0;
}

/*
 * What the dead have left.
 */

/* Our entry's notification goes to another, if there is one. */
static int
hand_on(const struct sysvmp_condition *c, struct waiter *entry)
{
    struct roll roll = { .called = false };
    int marked = mark_one(c, &roll, ticket_of(shm_load(&entry->word)));

    if (marked < 0)
        return marked;
    waiter_free(entry);
    if (marked == 1)
        broadcast_wake(&c->broadcast);
    return 0;
}

static int
bury(struct waiters *waiters, struct waiter *waiter, uint64_t owner)
{
    struct sysvmp_condition *c = (void *)
        ((char *) waiters - offsetof(struct sysvmp_condition, waiters));
    uint64_t word;

    if (!waiter_inherit(waiters, waiter, owner))
        return 0;
    /* A notifier may still find it: then it is ours to hand on. */
    word = shm_load(&waiter->word);
    if (is(word, WAITING) && shm_cas(&waiter->word, &word, 0))
        word = 0;
    if (is(word, NOTIFIED))
        return hand_on(c, waiter);
    shm_store(&waiter->owner, 0);
    return 0;
}

/* Hands on what was for the dead. */
static int
inherit(struct sysvmp_condition *c)
{
    struct roll roll = { .called = false };
    struct waiters_walk walk;
    struct waiter *waiter;
    int result = 0;

    waiters_walk(&c->waiters, &walk);
    while (result >= 0 && (waiter = waiters_next(&walk)) != NULL) {
        uint64_t owner;

        if (!is(shm_load(&waiter->word), NOTIFIED))
            continue;
        owner = shm_load(&waiter->owner);
        result = waiters_dead(&c->waiters, &roll, owner);
        if (result == 1)
            result = bury(&c->waiters, waiter, owner);
    }
    return result < 0 ? result : 0;
}

/*
 * To wait.
 */

static bool
notified(const void *context)
{
    const struct wait *wait = context;

    return shm_load(&wait->entry->word) != wait->word;
}

/* The lock of a dead holder is taken by one of those who wait. */
static ssize_t
look_at_lock(struct wait *wait)
{
    int died = holder_died(wait->c);

    if (died == 0)
        return -EAGAIN;
    if (died < 0)
        return died;
    died = take(wait, DEADLINE(SYSVMP_NOWAIT));
    if (died == SYSVMP_OWNER_DEAD)
        return SYSVMP_OWNER_DEAD;
    if (died == 0)
        (void) let_go(wait); /* somebody else was told */
    return -EINPROGRESS;
}

/* 0: it was notified; SYSVMP_OWNER_DEAD: and it has the lock. */
static ssize_t
look(void *context, bool woken)
{
    struct wait *wait = context;
    int error;

    (void) woken;
    if (notified(wait))
        return 0;
    error = inherit(wait->c);
    if (error < 0)
        return error;
    return notified(wait) ? 0 : look_at_lock(wait);
}

static int
sleep_for_it(struct wait *wait, struct deadline *deadline)
{
    struct gate_wait asleep = { .look = look, .context = wait };

    if (deadline->timeout_ms != SYSVMP_NOWAIT &&
        spin_wait(&wait->c->spin, deadline, notified, wait))
        return 0;
    return (int) broadcast_sleep(&wait->c->broadcast, &asleep, deadline);
}

/* Waits no longer: false, if it was notified before. */
static bool
retract(const struct wait *wait)
{
    uint64_t word = wait->word;

    if (!shm_cas(&wait->entry->word, &word, 0))
        return false;
    shm_store(&wait->entry->owner, 0);
    return true;
}

/* It is on the list, and has the lock no more. */
static int
wait_there(struct wait *wait, struct deadline *deadline)
{
    int seen = sleep_for_it(wait, deadline);
    bool told = seen == 0 || !retract(wait);
    int result = seen == SYSVMP_OWNER_DEAD ? seen : take_again(wait);

    if (told && result < 0)
        (void) hand_on(wait->c, wait->entry);
    else if (told)
        waiter_free(wait->entry);
    if (told || result != 0)
        return result;
    return refuse(wait, seen);
}

static int
wait_until(struct sysvmp_condition *c, struct deadline *deadline)
{
    struct wait wait = { .c = c };
    int error;

    if (arena_me(c->handle.arena) == 0)
        return arena_gone(c->handle.arena);
    if (!mine(c))
        return -EPERM;
    error = waiters_claim(&c->waiters, deadline, &wait.entry);
    if (error < 0)
        return refuse(&wait, error);
    wait.word = (shm_add(c->tickets, 1) + 1) << STATE_BITS | WAITING;
    shm_store(&wait.entry->word, wait.word);
    error = let_go(&wait);
    if (error == 0)
        return wait_there(&wait, deadline);
    if (!retract(&wait))
        (void) hand_on(c, wait.entry);
    return error == -EOVERFLOW ? -EPERM : error;
}

static int
wait_for(struct sysvmp_condition *c, int (*pred)(void *), void *arg,
    struct deadline *deadline)
{
    int result = 0;

    (void) deadline_left(deadline); /* it begins now */
    while (pred(arg) == 0) {
        if (result < 0)
            return result;
        if (deadline_left(deadline) == 0)
            return deadline_code(deadline);
        result = wait_until(c, deadline);
        /* When the time is up it is asked once more. */
        if (result != 0 && result != -ETIMEDOUT)
            return result;
    }
    return 0;
}

/*
 * The public calls.
 */

static int
prepare(struct handle *handle)
{
    struct sysvmp_condition *c = (struct sysvmp_condition *) handle;
    struct holding *h = &handle->holding[0];
    struct condition_words *words = &h->place.object->condition;

    h->side = h->place.counter + TURN;
    waiters_open(&c->waiters, handle->arena, &h->place);
    c->waiters.bury = bury;
    c->tickets = &words->tickets;
    c->broadcast = broadcast_at(&h->place, TURN, &words->sleepers);
    return 0;
}

static int
create(struct sysvmp_condition **out, struct sysvmp_lock *lock,
    struct sysvmp_rlock *rlock)
{
    struct sysvmp_condition *c = calloc(1, sizeof(*c));
    int error;

    if (c == NULL)
        return -ENOMEM;
    c->lock = lock;
    c->rlock = rlock;
    c->mutex = lock != NULL ? lock_mutex(lock) : rlock_mutex(rlock);
    error = handle_make(&c->handle, CONDITION_MAGIC, &wish, prepare);
    if (error < 0)
        free(c);
    else
        *out = c;
    return error;
}

static int
create_with_own(struct sysvmp_condition **out)
{
    struct sysvmp_rlock *rlock;
    int error = sysvmp_rlock_create(&rlock);

    if (error < 0)
        return error;
    error = create(out, NULL, rlock);
    if (error < 0)
        sysvmp_rlock_destroy(rlock);
    else
        (*out)->own_lock = true;
    return error;
}

int
sysvmp_condition_create(struct sysvmp_condition **out,
    struct sysvmp_lock *lock_or_null)
{
    GUARDED;
    int error;

    error_begin();
    if (out == NULL)
        return error_return(-EINVAL);
    *out = NULL;
    if (lock_or_null == NULL)
        return error_return(create_with_own(out));
    error = lock_usable(lock_or_null);
    if (error == 0)
        error = create(out, lock_or_null, NULL);
    return error_return(error);
}

int
sysvmp_condition_create_rlock(struct sysvmp_condition **out,
    struct sysvmp_rlock *lock)
{
    GUARDED;
    int error;

    error_begin();
    if (out == NULL)
        return error_return(-EINVAL);
    *out = NULL;
    error = rlock_usable(lock);
    if (error == 0)
        error = create(out, NULL, lock);
    return error_return(error);
}

int
sysvmp_condition_acquire(struct sysvmp_condition *c, int timeout_ms)
{
    if (UNLIKELY(!valid(c)))
        return error_return(-EINVAL);
    return c->lock != NULL ? sysvmp_lock_acquire(c->lock, timeout_ms)
                           : sysvmp_rlock_acquire(c->rlock, timeout_ms);
}

int
sysvmp_condition_release(struct sysvmp_condition *c)
{
    if (UNLIKELY(!valid(c)))
        return error_return(-EINVAL);
    return c->lock != NULL ? sysvmp_lock_release(c->lock)
                           : sysvmp_rlock_release(c->rlock);
}

int
sysvmp_condition_wait(struct sysvmp_condition *c, int timeout_ms)
{
    GUARDED;
    struct deadline deadline = DEADLINE(timeout_ms);

    if (!valid(c) || timeout_ms < SYSVMP_FOREVER)
        return error_return(-EINVAL);
    return error_return(wait_until(c, &deadline));
}

int
sysvmp_condition_wait_for(struct sysvmp_condition *c, int (*pred)(void *),
    void *arg, int timeout_ms)
{
    GUARDED;
    struct deadline deadline = DEADLINE(timeout_ms);

    if (!valid(c) || pred == NULL || timeout_ms < SYSVMP_FOREVER)
        return error_return(-EINVAL);
    if (arena_me(c->handle.arena) == 0)
        return error_return(arena_gone(c->handle.arena));
    if (!mine(c))
        return error_return(-EPERM);
    return error_return(wait_for(c, pred, arg, &deadline));
}

static int
notify(struct sysvmp_condition *c, unsigned n, bool all)
{
    int error;

    if (arena_me(c->handle.arena) == 0)
        return arena_gone(c->handle.arena);
    if (!mine(c))
        return -EPERM;
    error = all ? mark_all(c) : mark_n(c, n);
    broadcast_wake(&c->broadcast);
    return error;
}

int
sysvmp_condition_notify(struct sysvmp_condition *c, unsigned n)
{
    if (UNLIKELY(!valid(c)))
        return error_return(-EINVAL);
    return error_return(notify(c, n, false));
}

int
sysvmp_condition_notify_all(struct sysvmp_condition *c)
{
    if (UNLIKELY(!valid(c)))
        return error_return(-EINVAL);
    return error_return(notify(c, 0, true));
}

void
sysvmp_condition_destroy(struct sysvmp_condition *c)
{
    GUARDED;
    struct arena *arena;

    if (!valid(c))
        return;
    arena = c->handle.arena;
    handle_unmake(&c->handle);
    memory_settle(arena);
    if (c->own_lock)
        sysvmp_rlock_destroy(c->rlock);
    free(c);
}
