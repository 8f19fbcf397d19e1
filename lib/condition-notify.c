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
 * Who may not wake others may not notify: that is asked before the first mark
 * is given.  Where the wake-up is refused all the same the marks are taken
 * back, so nobody is left marked and asleep by a call that answers 0; a call
 * that was stopped before its wake-up leaves that to the next one, which wakes
 * all that sleep, also if it finds nobody to mark.
 *
 * What the dead leave: an entry that is WAITING is passed over, and freed.  A
 * notification is handed on to the longest waiting of those that it may be
 * for: first the other is told and woken, then the entry freed, so that a death
 * in between makes it two, never none.
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

/* A notification under way: the mark, and whom it was given to. */
struct marks {
    uint64_t word;    /* the mark */
    uint64_t tickets; /* it is for those who have come by then */
    struct marked {
        struct waiter *waiter;
        uint64_t word; /* while it was waiting */
    } *made;
    size_t n, room;
    struct roll roll;
};

static void
marks_begin(struct marks *marks, uint64_t tickets, struct marked *made,
    size_t room)
{
    marks->word = tickets << STATE_BITS | NOTIFIED;
    marks->tickets = tickets;
    marks->made = made;
    marks->n = 0;
    marks->room = room;
    marks->roll.called = false;
}

/* Marks one that is alive, or drops it: 1 if it was marked, 0, or a code. */
static int
mark(const struct sysvmp_condition *c, struct marks *marks,
    struct waiter *waiter, uint64_t word)
{
    uint64_t owner = shm_load(&waiter->owner);
    int dead = waiters_dead(&c->waiters, &marks->roll, owner);

    marks->made[marks->n] = (struct marked){ waiter, word };
    if (dead == 1)
        drop(waiter, word, owner);
    if (dead != 0)
        return dead < 0 ? dead : 0;
    if (!shm_cas(&waiter->word, &word, marks->word))
        return 0;
    marks->n++;
    return 1;
}

/* Marks the longest waiting: 0 if there is none. */
static int
mark_one(const struct sysvmp_condition *c, struct marks *marks)
{
    struct waiter *waiter;
    uint64_t word = 0;
    int marked = 0;

    while (marked == 0 && marks->n < marks->room &&
        (waiter = longest(c, marks->tickets, &word)) != NULL)
        marked = mark(c, marks, waiter, word);
    return marked;
}

static int
mark_some(const struct sysvmp_condition *c, struct marks *marks, unsigned n)
{
    int marked = 1;

    for (unsigned i = 0; i < n && marked == 1; i++)
        marked = mark_one(c, marks);
    return marked < 0 ? marked : 0;
}

static int
mark_all(const struct sysvmp_condition *c, struct marks *marks)
{
    struct waiters_walk walk;
    struct waiter *waiter;
    int marked = 0;

    waiters_walk(&c->waiters, &walk);
    while (marked >= 0 && marks->n < marks->room &&
        (waiter = waiters_next(&walk)) != NULL) {
        uint64_t word = shm_load(&waiter->word);

        if (is(word, WAITING) && ticket_of(word) <= marks->tickets)
            marked = mark(c, marks, waiter, word);
    }
    return marked < 0 ? marked : 0;
}

/* They wait as before, but for those who have used it up.  A mark on an entry
 * that has been used again since is another one, as its ticket is. */
static void
take_marks_back(const struct marks *marks)
{
    for (size_t i = 0; i < marks->n; i++) {
        uint64_t word = marks->word;

        (void) shm_cas(&marks->made[i].waiter->word, &word,
            marks->made[i].word);
    }
}

/* Marks, then wakes; where the wake-up is refused nobody stays marked. */
static int
mark_and_wake(const struct sysvmp_condition *c, struct marks *marks,
    unsigned n, bool all)
{
    int error = all ? mark_all(c, marks) : mark_some(c, marks, n);

    if (error == 0)
        error = broadcast_wake(&c->broadcast);
    if (error < 0)
        take_marks_back(marks);
    return error;
}

/* More could be marked than have room in `few`. */
static int
notify_many(const struct sysvmp_condition *c, unsigned n, bool all,
    size_t room)
{
    GUARDED;
    struct marked *made = malloc(room * sizeof(*made));
    struct marks marks;
    int error;

    if (made == NULL)
        return -ENOMEM;
    marks_begin(&marks, shm_load(c->tickets), made, room);
    error = mark_and_wake(c, &marks, n, all);
    free(made);
    return error;
}

int
condition_notify(const struct sysvmp_condition *c, unsigned n, bool all)
{
    struct marked few[WAITERS_FIRST];
    size_t room = shm_load(&c->waiters.words->high);
    int error = broadcast_may(&c->broadcast);
    struct marks marks;

    if (error < 0)
        return error;
    if (!all && n < room)
        room = n;
    if (room > WAITERS_FIRST)
        return notify_many(c, n, all, room);
    marks_begin(&marks, shm_load(c->tickets), few, room);
    return mark_and_wake(c, &marks, n, all);
}

/*
 * What the dead have left.
 */

/* Our entry's notification goes to another, if there is one.  A refusal leaves
 * it in the entry, for whoever looks next. */
int
condition_hand_on(const struct sysvmp_condition *c, struct waiter *entry)
{
    struct marked another;
    struct marks marks;
    int error;

    marks_begin(&marks, ticket_of(shm_load(&entry->word)), &another, 1);
    error = mark_and_wake(c, &marks, 1, false);
    if (error == 0)
        waiter_free(entry);
    else
        shm_store(&entry->owner, WAITER_ORPHAN);
    return error;
}

int
condition_bury(struct waiters *waiters, struct waiter *waiter, uint64_t owner)
{
    struct sysvmp_condition *c = (void *)
        ((char *) waiters - offsetof(struct sysvmp_condition, waiters));
    uint64_t word;
    int error = broadcast_may(&c->broadcast);

    /* Who may not wake others leaves it to those who may. */
    if (error < 0)
        return error;
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

