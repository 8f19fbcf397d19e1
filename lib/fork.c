/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fork.c: the pthread_atfork handlers.
 *
 * Before: all signals are blocked; the registry is locked, so that it is whole
 * in the child and only one cradle attachment exists at a time; the cradle is
 * attached.  After, in the parent: all that is undone.  In the child: it
 * becomes a member, registers what it holds, says so, and leaves the cradle,
 * in this order (cradle.c has the reasons); then its signals are as they were.
 * A child killed anywhere in between is detached by the kernel.
 *
 * No function of the program runs in here but those of sysvmp_at_fork(): what
 * there is to log is kept for later (hooks.c).
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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

_Thread_local struct fork_plan *fork_plan FORK_TLS;
void (*fork_hook)(void);
/* Of the thread that makes a fork of the program's own: what signals were
 * blocked before.  Under the registry's mutex. */
static sigset_t own_mask;
static struct at_fork *at_fork_first, **at_fork_last = &at_fork_first;

static bool
in_arena(const struct arena *arena)
{
    return arena != NULL && !arena->left;
}

void
fork_block_signals(sigset_t *before)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, before);
}

/* Attaches the cradle.  A fork of the program's own can't be refused; one of a
 * process that never was a member hands on nothing, so it needs none. */
static void
attach_cradle(struct arena *arena)
{
    int error;

    arena->forked = (int64_t) time(NULL);
    arena->cradle = NULL;
    if (self_id() == 0)
        return;
    error = cradle_attach(arena);
    if (error < 0 && fork_plan != NULL)
        fork_plan->error = error;
    else if (error < 0)
        hooks_keep(SYSVMP_LOG_WARNING,
            "fork: can't attach the cradle (%s); a peer may see a false end "
            "of file if this process closes before the child has run",
            sysvmp_strerror(error));
}

/*
 * Signals are blocked before the registry is locked, and in the child until it
 * is a member: a signal handler of the program may fork, or set an event.
 */
static void
prepare(void)
{
    struct guard guard = guard_enter();
    sigset_t before;

    if (fork_plan == NULL)
        fork_block_signals(&before);
    registry_lock();
    if (fork_plan == NULL)
        own_mask = before;
    if (fork_hook != NULL)
        fork_hook();
    if (in_arena(arena_current))
        attach_cradle(arena_current);
    guard_end(&guard);
}

/* The C library runs this one also if there was no fork in the end. */
static void
in_parent(void)
{
    struct guard guard = guard_enter();
    sigset_t before = own_mask;

    if (in_arena(arena_current))
        cradle_detach(arena_current);
    registry_unlock();
    if (fork_plan == NULL)
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    guard_end(&guard);
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

/*
 * A child that can't join holds nothing, as if it had never come: its seat is
 * free again, and what it had registered is given up.  It hands on nothing,
 * either: its own child may find a seat, but what these handles name may be
 * gone by then, and something else be in its place.
 */
static void
stay_outside(struct arena *arena, int error)
{
    own_store(&self.me, 0);
    own_store(&self.id, 0);
    arena->not_entered = error;
    handle_disown_all(arena);
    hooks_keep(SYSVMP_LOG_ERROR, "fork: the child can't join: %s",
        sysvmp_strerror(error));
}

static void
become_member(struct arena *arena, const struct reservation *reserved)
{
    int error = member_enter(arena, arena->forked, reserved);

    if (error == 0)
        error = handle_inherit_all(arena);
    if (error < 0)
        stay_outside(arena, error);
    else if (arena->not_entered != 0)
        arena->not_entered = 0; /* its parent had no seat */
    shm_add(&arena->head->registrations, 1);
    cradle_detach(arena);
}

/* The start of this process was refused: its parent waits for its end. */
static void
end_if_refused(const struct fork_plan *plan)
{
    if (plan != NULL && plan->error < 0)
        _exit(EXIT_FAILURE);
}

static void
in_child(void)
{
    struct guard guard = guard_enter();
    const struct fork_plan *plan = fork_plan;
    sigset_t before = plan != NULL ? plan->mask : own_mask;

    end_if_refused(plan);
    fork_plan = NULL;
    /* The kernel has done it, where it can (MADV_WIPEONFORK). */
    memset(&self, 0, sizeof(self));
    if (plan != NULL && plan->n > 0)
        keep_given(plan);
    if (in_arena(arena_current))
        become_member(arena_current, plan != NULL ? plan->reserved : NULL);
    if (plan != NULL)
        plan->born(plan->process);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    guard_end(&guard);
    for (struct at_fork *at = at_fork_first; at != NULL; at = at->next)
        callback_must_return("a function of sysvmp_at_fork()", at->fn,
            at->arg);
}

int
fork_handlers(void)
{
    static bool installed;

    if (!installed && pthread_atfork(prepare, in_parent, in_child) != 0)
        return -ENOMEM;
    installed = true;
    return 0;
}

/* Before the program's own constructors, as far as the linker lets us; if it
 * fails the first object says so. */
__attribute__((__constructor__(101))) static void
install(void)
{
    registry_lock();
    (void) fork_handlers();
    registry_unlock();
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
