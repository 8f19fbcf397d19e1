/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * leave.c: the way into the arena, and the orderly way out, which does what
 * the kernel would do at our death, in the same order: first we are dead, then
 * the bells ring.  The last member out removes everything.
 */
#include "internal.h"

#include "block.h"
#include "cradle.h"
#include "error.h"
#include "fork.h"
#include "handle.h"
#include "heap.h"
#include "leave.h"
#include "member.h"
#include "process.h"
#include "sysv.h"
#include "watch.h"

#define PATIENCE_MS 1000
#define NAP_NS      100000

/* Nobody else is alive, and nobody is on the way?  As in cradle_nobody(). */
static bool
alone(const struct arena *arena)
{
    uint32_t before = shm_load(&arena->head->registrations);

    return member_others(arena) == 0 &&
        sysv_shm_attached(shm_load(&arena->head->cradle_id)) == 0 &&
        shm_load(&arena->head->registrations) == before;
}

static void
give_up(struct arena *arena)
{
    for (uint32_t i = arena->head->blocks.count; i-- > 0;)
        block_leave(arena, i);
    handle_abandon_all(arena);
    watch_leave(arena);
    shm_store(&arena->head->garbage, 1);
}

/*
 * The rest is done by the kernel in a moment.  Only that we are no member any
 * more must be known before the next one asks whether it is the last.
 */
static void
just_go(struct arena *arena)
{
    shm_store(&member_at(arena, self.seat)->state, MEMBER_LEAVING);
    shm_store(&arena->head->garbage, 1);
    arena_unlock(arena);
}

/*
 * A signal handler may have called exit() in the middle of a call, which never
 * goes on then.  Others may need the locks that it has before this process is
 * dead: its children, for whom it waits, and it does itself.
 */
static void
give_up_locks(struct arena *arena)
{
    arena_give_up_lock(arena);
    heap_give_up_lock(arena);
}

/*
 * This process is about to wait for its children, which may wait for what its
 * death would give up.  So the kernel does at once all that it would do then:
 * to the others we are dead from here on.  It does so whatever this thread was
 * doing when exit() came, and also where we are another user by now, who may
 * wake nobody.  Only where a filter refuses it (as in many containers) each
 * handle resigns for itself.
 */
static bool
die_to_others(struct arena *arena)
{
    if (!sysv_sem_undo_all())
        return false;
    own_store(&self.me, 0);
    own_store(&self.keeps_arena, 0);
    self.seat = MEMBERS_MAX; /* it may be somebody else's by now */
    self.undone = true;
    handle_close_all(arena);
    return true;
}

/* Other threads of ours may be in the middle of a list: they are let out, as
 * who finds us dead would work on it as well. */
static void
others_out(void)
{
    struct deadline patience = DEADLINE(PATIENCE_MS);

    own_store(&self.leaving, true);
    while (own_load(&self.inside) > 0 && deadline_left(&patience) > 0)
        deadline_nap(&patience, NAP_NS);
}

/* The arena is locked.  1: all is removed, and with it the lock; 0: others are
 * there; -EACCES: the kernel refuses to remove all of it, which is for its
 * janitor then, or the next program of the user who made it. */
static int
remove_if_last(struct arena *arena)
{
    if (!alone(arena))
        return 0;
    return arena_remove(arena) ? 1 : -EACCES;
}

/* It is nothing to us any more: the next object is a new beginning. */
static void
look_away(struct arena *arena)
{
    handle_close_all(arena);
    arena->left = true;
    sysv_shm_detach(arena->head);
}

/* Whoever has it may be stopped: then the kernel does it all. */
static int
arena_lock_at_end(struct arena *arena)
{
    struct deadline patience = DEADLINE(PATIENCE_MS);

    patience.deaf = true;
    return arena_lock_within(arena, &patience);
}

/* Those who were there when we died to the others have gone, maybe. */
static int
leave_last(struct arena *arena)
{
    int error = arena_lock_at_end(arena);

    if (error == 0 && remove_if_last(arena) == 0)
        arena_unlock(arena);
    return error;
}

static int
leave(bool at_end)
{
    struct arena *arena = arena_current;
    int error, last = 0;

    if (arena == NULL || arena->left)
        return 0;
    if (self.undone)
        return leave_last(arena);
    if (arena_me(arena) == 0) { /* a child that never came in */
        if (!at_end)
            look_away(arena);
        return 0;
    }
    handle_pay_owed();
    if (!at_end)
        handle_give_up_all(arena); /* while we may still take a list's lock */
    if (at_end && self_alone())
        give_up_locks(arena);
    else
        others_out();
    error = at_end ? arena_lock_at_end(arena) : arena_lock(arena);
    if (error == 0)
        last = remove_if_last(arena);
    if (error == 0 && last != 1 && at_end) {
        just_go(arena);
    } else if (error == 0 && last != 1) {
        give_up(arena);
        arena_unlock(arena);
    }
    own_store(&self.me, 0);
    own_store(&self.leaving, false);
    if (!at_end) /* else nothing comes after that needs to know */
        look_away(arena);
    return error < 0 ? error : last < 0 ? last : 0;
}

/*
 * A program that is linked statically has only those files of ours that
 * something refers to.  Every noun refers to this one, and so the program has
 * the handlers of fork and of exit, whatever else it uses.
 */
int
enter(struct arena **arena)
{
    int error = fork_handlers();

    if (error < 0)
        return error;
    handle_pay_owed();
    return arena_ensure(arena);
}

bool
leave_resign(struct deadline *deadline)
{
    struct arena *arena = arena_current;
    bool alone = self_alone(), all = true;

    if (self.undone || (alone && arena != NULL && arena_me(arena) != 0 &&
        die_to_others(arena)))
        return true;
    if (!registry_lock_at_end())
        return false;
    arena = arena_current;
    if (arena != NULL && arena_me(arena) != 0) {
        if (alone)
            give_up_locks(arena);
        all = handle_resign_all(arena, alone, deadline);
    }
    registry_unlock();
    return all;
}

/* Whoever has the registry may wait for this thread: then the kernel does it
 * all. */
void
leave_at_end(void)
{
    if (!registry_lock_at_end())
        return;
    (void) leave(true);
    registry_unlock();
}

/* exit() of a process: of the main program, or of a child that was forked by
 * the program itself.  After the program's own destructors, also where it is
 * linked statically. */
__attribute__((__destructor__(101))) static void
at_exit(void)
{
    children_finish();
    leave_at_end();
}

int
sysvmp_leave(void)
{
    GUARDED;
    int error;

    error_begin();
    registry_lock();
    error = leave(false);
    registry_unlock();
    return error_return(error);
}
