/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fork.c: the pthread_atfork handlers.
 *
 * Before: the registry is locked, so that it is whole in the child and only
 * one cradle attachment exists at a time; the cradle is attached.  After, in
 * the parent: both are undone.  In the child: it becomes a member, registers
 * what it holds, says so, and leaves the cradle, in this order (cradle.c has
 * the reasons).  A child killed anywhere in between is detached by the kernel.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "callback.h"
#include "cradle.h"
#include "error.h"
#include "fork.h"
#include "hooks.h"
#include "member.h"

struct at_fork {
    struct at_fork *next;
    void (*fn)(void *);
    void *arg;
};

_Thread_local const struct fork_plan *fork_plan FORK_TLS;
void (*fork_hook)(void);
static struct at_fork *at_fork_first, **at_fork_last = &at_fork_first;

static bool
in_arena(const struct arena *arena)
{
    return arena != NULL && !arena->left;
}

static void
prepare(void)
{
    struct guard guard = guard_enter();

    if (fork_hook != NULL)
        fork_hook();
    registry_lock();
    if (in_arena(arena_current))
        arena_current->forked = (int64_t) time(NULL);
    if (in_arena(arena_current) && cradle_attach(arena_current) < 0)
        hooks_log(SYSVMP_LOG_WARNING,
            "fork: no memory to attach the cradle; a peer may see a false "
            "end of file if this process closes before the child has run");
    guard_leave(&guard);
}

static void
in_parent(void)
{
    struct guard guard = guard_enter();

    if (in_arena(arena_current))
        cradle_detach(arena_current);
    registry_unlock();
    guard_leave(&guard);
}

static bool
planned(const struct fork_plan *plan, const struct handle *handle)
{
    for (size_t i = 0; i < plan->n; i++)
        if (plan->given[i] == handle)
            return true;
    return false;
}

/* A child to which ends were given holds these, and no others. */
static void
keep_given(const struct fork_plan *plan)
{
    for (struct handle *h = registry; h != NULL; h = h->next) {
        h->given = 0;
        if (!h->end || planned(plan, h))
            continue;
        own_store(&h->closed, true); /* and so it inherits nothing */
    }
}

static void
become_member(struct arena *arena)
{
    int error = member_enter(arena, arena->forked);

    if (error == 0)
        error = handle_inherit_all(arena);
    if (error < 0) {
        /* Nobody shall count on us to be the last one out. */
        if (own_load(&self.me) != 0)
            shm_store(&member_at(arena, self.seat)->state, MEMBER_LEAVING);
        own_store(&self.me, 0);
        arena->not_entered = error;
        handle_close_all(arena);
        hooks_log(SYSVMP_LOG_ERROR, "fork: the child can't join: %s",
            sysvmp_strerror(error));
    }
    shm_add(&arena->head->registrations, 1);
    cradle_detach(arena);
}

static void
in_child(void)
{
    struct guard guard = guard_enter();
    const struct fork_plan *plan = fork_plan;

    /* The kernel has done it, where it can (MADV_WIPEONFORK). */
    memset(&self, 0, sizeof(self));
    if (plan != NULL && plan->n > 0)
        keep_given(plan);
    if (in_arena(arena_current))
        become_member(arena_current);
    guard_leave(&guard);
    for (struct at_fork *at = at_fork_first; at != NULL; at = at->next)
        callback_must_return("a function of sysvmp_at_fork()", at->fn,
            at->arg);
}

__attribute__((__constructor__)) static void
install(void)
{
    pthread_atfork(prepare, in_parent, in_child);
}

void
fork_handlers(void)
{
}

int
sysvmp_at_fork(void (*fn)(void *), void *arg)
{
    GUARDED;
    struct at_fork *at;

    if (fn == NULL)
        return error_return(-EINVAL);
    at = malloc(sizeof(*at));
    if (at == NULL)
        return error_return(-ENOMEM);
    *at = (struct at_fork){ .fn = fn, .arg = arg };
    registry_lock();
    *at_fork_last = at;
    at_fork_last = &at->next;
    registry_unlock();
    return 0;
}
