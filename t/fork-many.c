/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fork-many.c: a hundred processes at once put to one queue: each item comes
 * once, whole, and in the order of its sender.
 */
#include <config.h>

#include "child.h"

enum { PROCESSES = 100, ITEMS = 50 };

struct item {
    int sender, number;
    unsigned char fill[56];
};

static struct sysvmp_queue *queue;
static struct sysvmp_lock *lock;
static _Atomic int *go;
static int *total;

static int
put_all(void *arg)
{
    struct item item = {.sender = (int)(intptr_t)arg};

    memset(item.fill, item.sender, sizeof(item.fill));
    until(go, 1);
    for (item.number = 0; item.number < ITEMS; item.number++)
        if (sysvmp_queue_put(queue, &item, sizeof(item), SYSVMP_FOREVER) != 0)
            return 1;
    if (sysvmp_lock_acquire(lock, SYSVMP_FOREVER) != 0)
        return 2;
    ++*total;
    return sysvmp_lock_release(lock) == 0 ? 0 : 3;
}

static int
whole(const struct item *item)
{
    for (size_t i = 0; i < sizeof(item->fill); i++)
        if (item->fill[i] != (unsigned char)item->sender)
            return 0;
    return item->sender >= 0 && item->sender < PROCESSES;
}

/* How many of the items came as they should. */
static int
get_all(int *next)
{
    struct item item;
    int good = 0;

    for (int i = 0; i < PROCESSES * ITEMS; i++)
        good += sysvmp_queue_get(queue, &item, sizeof(item),
            SYSVMP_FOREVER) == sizeof(item) && whole(&item) &&
            item.number == next[item.sender]++;
    return good;
}

int
main(void)
{
    struct sysvmp_process *p[PROCESSES];
    int next[PROCESSES] = {0}, well = 0;
    char c;

    plan(5);
    go = shared(sizeof(*go));
    total = shared(sizeof(*total));
    must(sysvmp_queue_create(&queue, 0, 0), "queue_create");
    must(sysvmp_lock_create(&lock), "lock_create");
    for (int i = 0; i < PROCESSES; i++)
        p[i] = started(put_all, (void *)(intptr_t)i);
    is_int(PROCESSES, sysvmp_active_children(NULL, 0),
        "fork-many: %d processes", PROCESSES);
    atomic_store(go, 1);
    is_int(PROCESSES * ITEMS, get_all(next), "... each item came, in order");
    for (int i = 0; i < PROCESSES; i++)
        well += end_of(p[i]) == 0;
    is_int(PROCESSES, well, "... each ended well");
    is_int(PROCESSES, *total, "... each had the lock for itself");
    is_int(-EAGAIN, sysvmp_queue_get(queue, &c, 1, SYSVMP_NOWAIT),
        "... the queue is empty");
    sysvmp_queue_destroy(queue);
    sysvmp_lock_destroy(lock);
    return done();
}
