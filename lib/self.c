/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * self.c: what this process, and this thread, is.
 */
#include "internal.h"

#include <stdio.h>
#include <sys/stat.h>

#include "deadline.h"
#include "self.h"

#define PATIENCE_MS 1000
#define NAP_NS      100000

struct self self;

uint64_t
self_process(void)
{
    static _Atomic uint64_t last; /* a child goes on from its parent's */
    uint64_t nobody = 0;

    if (own_load(&self.process) == 0)
        (void) own_cas(&self.process, &nobody, own_add(&last, 1) + 1);
    return own_load(&self.process);
}

uint64_t
self_thread(void)
{
    static _Atomic uint64_t last;
    static _Thread_local uint64_t mine CALL_TLS;

    if (mine == 0)
        mine = own_add(&last, 1) + 1;
    return mine;
}

/* The first thread stays there as a zombie when it has ended before others. */
static bool
first_has_ended(void)
{
    FILE *stat = fopen("/proc/self/stat", "re");
    char state = 'R';
    bool known = stat != NULL &&
        fscanf(stat, "%*d (%*[^)]) %c", &state) == 1;

    if (stat != NULL)
        fclose(stat);
    return known && state == 'Z';
}

/* The number of links to that directory is the number of its entries, and
 * two. */
bool
self_alone(void)
{
    struct stat status;

    if (only_thread())
        return true;
    if (stat("/proc/self/task", &status) != 0)
        return false;
    return status.st_nlink == 3 ||
        (status.st_nlink == 4 && first_has_ended());
}

static bool
again(struct own_mutex *own)
{
    return own_load(&own->thread) == self_thread();
}

static void
have(struct own_mutex *own)
{
    own_store(&own->thread, self_thread());
    own->depth++;
}

void
own_mutex_lock(struct own_mutex *own)
{
    if (!again(own))
        pthread_mutex_lock(&own->mutex);
    have(own);
}

bool
own_mutex_lock_at_end(struct own_mutex *own)
{
    struct deadline patience = DEADLINE(PATIENCE_MS);

    while (!again(own) && pthread_mutex_trylock(&own->mutex) != 0) {
        if (self_alone())
            break; /* so it is this thread's */
        if (deadline_left(&patience) == 0)
            return false;
        deadline_nap(&patience, NAP_NS);
    }
    have(own);
    return true;
}

void
own_mutex_unlock(struct own_mutex *own)
{
    if (--own->depth > 0)
        return;
    own_store(&own->thread, 0);
    pthread_mutex_unlock(&own->mutex);
}
