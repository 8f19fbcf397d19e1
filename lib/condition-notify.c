/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * condition-notify.c: Condition: a table of who waits, and a place to sleep.
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

#include "condition.h"

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

int
condition_mark(const struct sysvmp_condition *c, unsigned n)
{
    uint64_t tickets = shm_load(c->tickets);
    struct roll roll = { .called = false };
    int marked = 1;

    for (unsigned i = 0; i < n && marked == 1; i++)
        marked = mark_one(c, &roll, tickets);
    return marked < 0 ? marked : 0;
}

int
condition_mark_all(const struct sysvmp_condition *c)
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
int
condition_hand_on(const struct sysvmp_condition *c, struct waiter *entry)
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

int
condition_bury(struct waiters *waiters, struct waiter *waiter, uint64_t owner)
{
    struct sysvmp_condition *c = (void *)
        ((char *) waiters - offsetof(struct sysvmp_condition, waiters));
    uint64_t word;

    if (!waiter_inherit(waiter, owner))
        return 0;
    /* A notifier may still find it: then it is ours to hand on. */
    word = shm_load(&waiter->word);
    if (is(word, WAITING) && shm_cas(&waiter->word, &word, 0))
        word = 0;
    if (is(word, NOTIFIED))
        return condition_hand_on(c, waiter);
    shm_store(&waiter->owner, 0);
    return 0;
}

/* Hands on what was for the dead. */
int
condition_inherit(struct sysvmp_condition *c)
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
            result = condition_bury(&c->waiters, waiter, owner);
    }
    return result < 0 ? result : 0;
}

