/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lock-refused.c: a process that holds a lock, or a condition's, is refused the
 * call that would wake those who sleep: it has dropped its privileges, is in
 * another IPC namespace, or the call fails by injection.  Its release or
 * notification answers 0, and then the sleeper is awake; or a code, and then
 * nothing was done, and the next one by a process that may wakes the sleeper.
 */
#include <config.h>

#include "internal.h"

#include "mutex.h"
#include "stage.h"
#include "tap.h"
#include "testing.h"

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { NOBODY = 65534, BOUND_MS = 5000, SHORT_MS = 30, DROPPED = 70 };

/* What the worker wants to do, while a peer sleeps. */
enum action { RELEASE, RELEASE_RLOCK, NOTIFY, NOTIFY_ALL, WAIT };

/* How it comes to be refused. */
struct refusal {
    const char *name;
    enum { BY_UID, BY_NAMESPACE, BY_FAULT } how;
    int code;     /* of its semops, */
    int from, to; /* these */
};

static const struct refusal refusals[] = {
    {"another user", BY_UID, 0, 0, 0},
    {"another IPC namespace", BY_NAMESPACE, 0, 0, 0},
    {"EACCES", BY_FAULT, EACCES, 1, 99},
    {"EPERM", BY_FAULT, EPERM, 1, 99},
    {"ENOSYS", BY_FAULT, ENOSYS, 1, 99},
    {"ERANGE", BY_FAULT, ERANGE, 1, 99},
    {"EACCES once", BY_FAULT, EACCES, 1, 1},
    {"ERANGE once", BY_FAULT, ERANGE, 1, 1},
    {"EACCES at the second", BY_FAULT, EACCES, 2, 2},
    {"ERANGE at the second", BY_FAULT, ERANGE, 2, 2},
    {"EPERM from the second on", BY_FAULT, EPERM, 2, 99},
};

enum { REFUSALS = sizeof(refusals) / sizeof(refusals[0]) };

static struct sysvmp_lock *lock;
static struct sysvmp_rlock *rlock;
static struct sysvmp_condition *c;

static struct {
    _Atomic int held, go, answered, heal, healed, over;
    _Atomic int awake; /* the peer */
    int answer, given, healed_answer;
} *stage;

static const struct refusal *refusal;
static enum action action;
static int calls;

static int
refuse(enum seam call)
{
    if (call != SEAM_SEMOP)
        return 0;
    calls++;
    return calls >= refusal->from && calls <= refusal->to ? -refusal->code
                                                          : 0;
}

static void
be_refused(void)
{
    int error = 0;

    if (refusal->how == BY_UID)
        error = setresuid(NOBODY, NOBODY, NOBODY);
    else if (refusal->how == BY_NAMESPACE)
        error = unshare(CLONE_NEWIPC);
    else
        testing_fault = refuse;
    if (error < 0)
        _exit(DROPPED);
}

static int
take(int timeout_ms)
{
    return action == RELEASE ? sysvmp_lock_acquire(lock, timeout_ms)
                             : sysvmp_rlock_acquire(rlock, timeout_ms);
}

static int
give(void)
{
    return action == RELEASE ? sysvmp_lock_release(lock)
                             : sysvmp_rlock_release(rlock);
}

static int
act(void)
{
    switch (action) {
    case NOTIFY:
        return sysvmp_condition_notify(c, 1);
    case NOTIFY_ALL:
        return sysvmp_condition_notify_all(c);
    case WAIT:
        return sysvmp_condition_wait(c, SHORT_MS);
    default:
        return give();
    }
}

/* It stays, as its death would wake the peer. */
static int
worker(void *arg)
{
    (void)arg;
    if (take(BOUND_MS) != 0)
        return 1;
    atomic_store(&stage->held, 1);
    until(&stage->go, 1);
    be_refused();
    stage->answer = act();
    if (action == NOTIFY || action == NOTIFY_ALL)
        stage->given = give();
    atomic_store(&stage->answered, 1);
    until(&stage->heal, 1);
    testing_fault = NULL;
    stage->healed_answer = act();
    if (action == NOTIFY || action == NOTIFY_ALL)
        (void)give();
    atomic_store(&stage->healed, 1);
    until(&stage->over, 1);
    return 0;
}

static int
peer(void *arg)
{
    int result = take(SYSVMP_FOREVER);

    (void)arg;
    if (result >= 0 && (action == NOTIFY || action == NOTIFY_ALL))
        result = sysvmp_condition_wait(c, SYSVMP_FOREVER);
    atomic_store(&stage->awake, 1);
    return result < 0 || give() != 0;
}

static int
awake(int ms)
{
    for (int64_t end = now_ns() + ms * INT64_C(1000000); !stage->awake;)
        if (now_ns() > end)
            return 0;
        else
            pause_us(100);
    return 1;
}

/* The worker comes after a peer that waits at the condition, and before one
 * that waits for the lock. */
static void
begin(pid_t pid[2])
{
    int waits = action == NOTIFY || action == NOTIFY_ALL;

    memset(stage, 0, sizeof(*stage));
    if (waits) {
        pid[1] = child(peer, NULL);
        asleep(pid[1]);
    }
    pid[0] = child(worker, NULL);
    until(&stage->held, 1);
    if (!waits)
        pid[1] = child(peer, NULL);
    asleep(pid[1]);
}

/* Nothing was done: by whom, and what for, is the peer woken now? */
static const char *
wake_by_healthy(pid_t pid[2])
{
    if (refusal->how == BY_FAULT && action != NOTIFY &&
        action != NOTIFY_ALL) {
        atomic_store(&stage->heal, 1);
        until(&stage->healed, 1);
        return stage->healed_answer == (action == WAIT ? -ETIMEDOUT : 0)
            ? "by the worker, when it may" : NULL;
    }
#ifdef SYSVMP_PLAIN_LOCK
    /* Each release of a plain lock is a system call: what is refused to the
     * worker is held until its end. */
    if (stage->given < 0) {
        slay(pid[0]);
        pid[0] = 0;
    }
#endif
    if (action == NOTIFY || action == NOTIFY_ALL)
        return take(BOUND_MS) >= 0 && act() == 0 && give() == 0
            ? "by another who notifies" : NULL;
#ifndef SYSVMP_PLAIN_LOCK
    if (action == RELEASE)
        return give() == 0 ? "by another who releases" : NULL;
#endif
    slay(pid[0]);
    pid[0] = 0;
    return "by the worker's end";
}

/* In a namespace of its own the worker is as dead to all others, and it is not
 * said which code it gets. */
static int
code_fits(void)
{
    int code = stage->answer;

    if (action == WAIT && code == -ETIMEDOUT)
        return 1;
    if (refusal->how == BY_NAMESPACE)
        return code <= 0;
    if (refusal->how == BY_UID || refusal->code == EACCES ||
        refusal->code == EPERM)
        return code == 0 || code == -EACCES;
    return code == 0 || code == -ENOSYS;
}

static void
end(pid_t pid[2])
{
    atomic_store(&stage->over, 1);
    if (pid[0] != 0)
        slay(pid[0]);
    if (!awake(BOUND_MS))
        slay(pid[1]);
    else
        reap(pid[1]);
    if (take(BOUND_MS) < 0 || give() != 0)
        diag("  the lock is not as new");
}

static int
round_of(const char *name)
{
    pid_t pid[2];
    const char *how = "at once";
    int good;

    begin(pid);
    atomic_store(&stage->go, 1);
    until(&stage->answered, 1);
    /* A wait whose time is up has the lock again. */
    if (stage->answer < 0 && !awake(2 * SHORT_MS))
        how = wake_by_healthy(pid);
    good = ok(how && awake(BOUND_MS) && code_fits(),
        "%s, refused by %s: %d, and the peer is woken %s", name,
        refusal->name, stage->answer, how ? how : "by nobody");
    end(pid);
    return good;
}

static void
rounds(const char *name, enum action which)
{
    action = which;
    for (refusal = refusals; refusal < refusals + REFUSALS; refusal++)
        if (refusal->how != BY_FAULT && geteuid() != 0)
            skip(1, "only root can drop its privileges");
        else
            round_of(name);
}

/*
 * A sleep that is refused.
 */

static int
refuse_sleep(enum seam call)
{
    return call == SEAM_SEMWAIT ? -EACCES : 0;
}

static int
acquire_in_vain(void *arg)
{
    (void)arg;
    testing_fault = refuse_sleep;
    return -sysvmp_lock_acquire(lock, BOUND_MS);
}

static void
refused_sleep(void)
{
    must(sysvmp_lock_acquire(lock, SYSVMP_NOWAIT), "acquire");
    is_int(EACCES, reap(child(acquire_in_vain, NULL)),
        "an acquire that may not sleep answers so");
    is_int(0, sysvmp_lock_release(lock), "... the lock is released");
    is_int(0, sysvmp_lock_acquire(lock, SYSVMP_NOWAIT),
        "... and had at once, as it is reserved for nobody");
    is_int(0, sysvmp_lock_release(lock), "... and released");
}

/*
 * Who can't judge the owner does not release the lock for it.
 */

#ifndef SYSVMP_PLAIN_LOCK
static int
refuse_look(enum seam call)
{
    return call == SEAM_SEMCTL ? -EACCES : 0;
}

static int
release_blindly(void *arg)
{
    (void)arg;
    testing_fault = refuse_look;
    return -sysvmp_lock_release(lock);
}

static int
take_and_die(void *arg)
{
    (void)arg;
    return sysvmp_lock_acquire(lock, SYSVMP_NOWAIT);
}

static void
blind_release(void)
{
    is_int(0, reap(child(take_and_die, NULL)), "a holder ends");
    is_int(EACCES, reap(child(release_blindly, NULL)),
        "... who can't see that may not release the lock for it");
    is_int(SYSVMP_OWNER_DEAD, sysvmp_lock_acquire(lock, SYSVMP_NOWAIT),
        "... so the next one is told");
    must(sysvmp_lock_release(lock), "release");
}
#else
static void
blind_release(void)
{
    skip(3, "a plain lock is its holder's alone");
}
#endif

int
main(void)
{
    plan(5 * REFUSALS + 4 + 3);
    stage = shared(sizeof(*stage));
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_rlock_create(&rlock), "rlock_create");
    must(sysvmp_condition_create_rlock(&c, rlock), "condition_create");
    rounds("release", RELEASE);
    rounds("release of an rlock", RELEASE_RLOCK);
    rounds("notify", NOTIFY);
    rounds("notify_all", NOTIFY_ALL);
    rounds("condition_wait", WAIT);
    refused_sleep();
    blind_release();
    sysvmp_condition_destroy(c);
    sysvmp_rlock_destroy(rlock);
    sysvmp_lock_destroy(lock);
    return done();
}
