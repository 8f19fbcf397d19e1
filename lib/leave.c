/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * leave.c: the orderly way out.  It does what the kernel would do at our
 * death, in the same order: first we are dead, then the bells ring.  The last
 * member out removes everything.
 */
#include "internal.h"

#include "block.h"
#include "cradle.h"
#include "error.h"
#include "handle.h"
#include "leave.h"
#include "member.h"
#include "sysv.h"

/* Nobody else is alive, and nobody is on the way?  As in cradle_nobody(). */
static bool
alone(const struct arena *arena)
{
    uint32_t before = shm_load(&arena->head->registrations);

    return member_others(arena) == 0 &&
        sysv_shm_attached(arena->head->cradle_id) == 0 &&
        shm_load(&arena->head->registrations) == before;
}

static void
give_up(struct arena *arena)
{
    handle_give_up_all(arena);
    for (uint32_t i = arena->head->blocks.count; i-- > 0;)
        block_leave(arena, i);
    handle_abandon_all(arena);
    shm_store(&arena->head->garbage, 1);
}

static void
leave_locked(struct arena *arena)
{
    if (alone(arena)) {
        arena_remove(arena); /* and with it the lock */
    } else {
        give_up(arena);
        arena_unlock(arena);
    }
    own_store(&arena->self->me, 0);
}

int
leave(bool detach)
{
    struct arena *arena;
    int error = 0;

    registry_lock();
    arena = arena_current;
    if (arena != NULL && !arena->left && arena_me(arena) != 0) {
        error = arena_lock(arena);
        if (error == 0)
            leave_locked(arena);
        own_store(&arena->self->me, 0);
        arena->left = true;
        if (detach)
            sysv_shm_detach(arena->head);
    }
    registry_unlock();
    return error;
}

int
sysvmp_leave(void)
{
    GUARDED;

    error_begin();
    return error_return(leave(true));
}
