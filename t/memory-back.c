/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * memory-back.c: while a process gives memory back to the system, which is
 * nobody's meanwhile, another one that finds no room waits for it.  The one is
 * killed there: the other has it at once; the other is: nothing is lost.
 */
#include <config.h>

#include "internal.h"

#include "child.h"
#include "payload.h"
#include "testing.h"

#include <errno.h>
#include <signal.h>

#define SEGMENT "67108864"

enum { MOST = 64, STALL_MS = 30, KILLS = 40 };

static struct {
    _Atomic int given, go;
} *stage;

static struct sysvmp_msg *messages[MOST];

/* Until there is no room: so many. */
static int
create(void)
{
    int n = 0;

    while (n < MOST && sysvmp_msg_create(&messages[n], MIB) == 0)
        n++;
    return n;
}

static void
destroy(int n)
{
    for (int i = 0; i < n; i++)
        sysvmp_msg_destroy(messages[i]);
}

static int
stall(enum seam call)
{
    if (call != SEAM_MADVISE || stage->given)
        return 0;
    stage->given = 1;
    pause_ms(STALL_MS);
    until(&stage->go, 1);
    return 0;
}

static int
give_back(void *arg)
{
    int n = create();

    testing_fault = stall;
    destroy(n);
    return n == *(const int *)arg ? 0 : 1;
}

static int
create_one(void *arg)
{
    testing_crash_at(*(const long *)arg);
    return sysvmp_msg_create(&messages[0], MIB);
}

/* Another has all of the memory, and is giving some back. */
static pid_t
giver(int n, int go)
{
    pid_t pid;

    stage->given = 0;
    stage->go = go;
    pid = child(give_back, &n);
    until(&stage->given, 1);
    return pid;
}

int
main(void)
{
    struct sysvmp_lock *lock;
    int n, killed = 0;
    pid_t pid;

    plan(8);
    stage = shared(sizeof(*stage));
    if (!ipc_set_limit("shmmax", SEGMENT)) {
        skip(8, "kernel.shmmax can't be set");
        return done();
    }
    must(sysvmp_lock_create(&lock), "lock_create");
    n = create();
    destroy(n);
    ok(n > 16 && n < MOST, "memory-back: there is room for %d MiB", n);

    pid = giver(n, 1);
    is_int(0, sysvmp_msg_create(&messages[0], MIB),
        "... while another gives some back, one waits for it");
    sysvmp_msg_destroy(messages[0]);
    is_int(0, reap(pid), "... who goes on");

    pid = giver(n, 0);
    is_int(-ENOMEM, sysvmp_msg_create(&messages[0], MIB),
        "... not for ever, if it stands still");
    for (long at = 1; at <= KILLS; at++)
        killed += reap(child(create_one, &at)) == -SIGKILL;
    is_int(KILLS, killed, "... who waits is killed at each of %d points",
        KILLS);
    is_int(-ENOMEM, sysvmp_msg_create(&messages[0], MIB),
        "... the next one waits, too");
    slay(pid);
    is_int(n, create(), "... and has all at once when it is killed");
    destroy(n);
    is_int(n, create(), "... again");
    destroy(n);
    sysvmp_lock_destroy(lock);
    return done();
}
