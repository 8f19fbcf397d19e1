/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * owner-seteuid.c: a process that changes its effective user between create
 * and destroy, or before its end, leaves nothing in the kernel, and touches
 * nothing of others.  What the kernel refuses to remove is not forgotten: it
 * goes when somebody comes who may.
 *
 * Programs run as children of this test, which is root and stays it; beside
 * them are objects of other programs, of both users.
 */
#include <config.h>

#include "child.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

enum { USER = 65534, FOREIGN = 6 };

/* What a program makes: one of each noun, two of those that have kinds. */
static struct {
    struct sysvmp_lock *lock;
    struct sysvmp_rlock *rlock;
    struct sysvmp_queue *queue, *joinable;
    struct sysvmp_conn *end[2];
    struct sysvmp_semaphore *semaphore, *permits;
    struct sysvmp_condition *condition;
    struct sysvmp_event *event;
    struct sysvmp_barrier *barrier;
} all;

static struct {
    _Atomic int ready, go;
} *stage;

static void
become(uid_t user)
{
    if (seteuid(user) < 0)
        bail("seteuid %u: %s", (unsigned)user, strerror(errno));
}

static void
create_all(void)
{
    must(sysvmp_lock_create(&all.lock), "lock");
    must(sysvmp_rlock_create(&all.rlock), "rlock");
    must(sysvmp_queue_create(&all.queue, 0, 0), "queue");
    must(sysvmp_queue_create(&all.joinable, 5, SYSVMP_JOINABLE), "joinable");
    must(sysvmp_pipe_create(all.end, 0), "pipe");
    must(sysvmp_semaphore_create(&all.semaphore, 1, 1, 0), "semaphore");
    must(sysvmp_semaphore_create(&all.permits, 1, 1,
            SYSVMP_PERMITS), "permits");
    must(sysvmp_condition_create(&all.condition, NULL), "condition");
    must(sysvmp_event_create(&all.event), "event");
    must(sysvmp_barrier_create(&all.barrier, 2, NULL, NULL), "barrier");
    must(sysvmp_queue_put(all.queue, "x", 1, SYSVMP_NOWAIT), "put");
}

static void
destroy_all(void)
{
    sysvmp_barrier_destroy(all.barrier);
    sysvmp_event_destroy(all.event);
    sysvmp_condition_destroy(all.condition);
    sysvmp_semaphore_destroy(all.permits);
    sysvmp_semaphore_destroy(all.semaphore);
    sysvmp_conn_destroy(all.end[0]);
    sysvmp_conn_destroy(all.end[1]);
    sysvmp_queue_destroy(all.joinable);
    sysvmp_queue_destroy(all.queue);
    sysvmp_rlock_destroy(all.rlock);
    sysvmp_lock_destroy(all.lock);
}

/*
 * What is not ours: a queue, a set and a segment of each user.
 */

static int foreign[FOREIGN];

static void
make_foreign(uid_t user, int *id)
{
    become(user);
    id[0] = msgget(0x1000 + (key_t)user, IPC_CREAT | IPC_EXCL | 0600);
    id[1] = semget(0x1000 + (key_t)user, 1, IPC_CREAT | IPC_EXCL | 0600);
    id[2] = shmget(0x1000 + (key_t)user, 1, IPC_CREAT | IPC_EXCL | 0600);
    become(0);
    for (int i = 0; i < 3; i++)
        if (id[i] < 0)
            bail("a foreign object: %s", strerror(errno));
}

static int
remove_foreign(void)
{
    int removed = 0;

    for (int i = 0; i < FOREIGN; i += 3) {
        removed += msgctl(foreign[i], IPC_RMID, NULL) == 0;
        removed += semctl(foreign[i + 1], 0, IPC_RMID) == 0;
        removed += shmctl(foreign[i + 2], IPC_RMID, NULL) == 0;
    }
    return removed;
}

static int
only_foreign(void *arg)
{
    (void)arg;
    return ipc_left() == FOREIGN;
}

/*
 * Ways to end, as another user than the one who has made it all.
 */

static uid_t maker, ender;

static int
destroys(void *arg)
{
    (void)arg;
    become(maker);
    create_all();
    become(0);
    become(ender);
    destroy_all();
    exit(0);
}

static int
exits(void *arg)
{
    (void)arg;
    become(maker);
    create_all();
    become(0);
    become(ender);
    exit(0);
}

static int
leaves(void *arg)
{
    int error;

    (void)arg;
    become(maker);
    create_all();
    become(0);
    become(ender);
    error = sysvmp_leave();
    destroy_all();
    return error == (ender == 0 ? 0 : -EACCES) ? 0 : 1;
}

static int
is_killed(void *arg)
{
    (void)arg;
    become(maker);
    create_all();
    become(0);
    become(ender);
    kill(getpid(), SIGKILL);
    return 1;
}

/* A child holds all of it as well, and is the last. */
static int
child_is_last(void *arg)
{
    (void)arg;
    become(maker);
    create_all();
    if (forked() > 0) {
        until(&stage->ready, 1);
        exit(0);
    }
    stage->ready = 1;
    become(0);
    become(ender);
    destroy_all();
    exit(0);
}

static const struct {
    int (*fn)(void *);
    const char *name;
    int status;
} ways[] = {
    {destroys, "destroys it all and exits", 0},
    {exits, "exits", 0},
    {leaves, "calls leave", 0},
    {is_killed, "is killed", -SIGKILL},
    {child_is_last, "exits, and its child later", 0},
};

enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

static const char *
name_of(uid_t user)
{
    return user == 0 ? "root" : "a user";
}

static void
ends_as_another(uid_t from, uid_t to)
{
    maker = from;
    ender = to;
    for (int i = 0; i < WAYS; i++) {
        stage->ready = 0;
        is_int(ways[i].status, reap(child(ways[i].fn, NULL)),
            "made by %s; as %s, the program %s", name_of(from), name_of(to),
            ways[i].name);
        until_true(only_foreign, NULL, "nothing of it to be left");
        ok(1, "... nothing of it is left");
    }
}

/*
 * While the program runs.
 */

/* In the loop of the daemon: created as one user, destroyed as the other. */
static int
again_and_again(void *arg)
{
    struct sysvmp_lock *kept;
    struct sysvmp_queue *queue;
    int before, after;

    (void)arg;
    become(maker);
    must(sysvmp_lock_create(&kept), "lock");
    before = ipc_left();
    for (int i = 0; i < 20; i++) {
        must(sysvmp_queue_create(&queue, 0, 0), "queue");
        become(0);
        become(ender);
        sysvmp_queue_destroy(queue);
        become(0);
        become(maker);
    }
    must(sysvmp_event_create(&all.event), "event"); /* and its sweep */
    after = ipc_left();
    if (after != before)
        diag("%d objects before, %d after", before, after);
    return after == before ? 0 : 1;
}

static void
while_it_runs(uid_t from, uid_t to)
{
    maker = from;
    ender = to;
    is_int(0, reap(child(again_and_again, NULL)), "made by %s, destroyed by "
        "%s 20 times: nothing gathers", name_of(from), name_of(to));
    until_true(only_foreign, NULL, "nothing of it to be left");
}

/* Who may use it makes nothing there that the others could not use. */
static int
root_creates_in_a_users(void *arg)
{
    struct sysvmp_queue *queue;
    int before, error;

    (void)arg;
    become(USER);
    create_all();
    before = ipc_left();
    become(0);
    error = sysvmp_queue_create(&queue, 0, 0);
    if (strstr(sysvmp_last_error(), "another user") == NULL)
        diag("%s", sysvmp_last_error());
    return error == -EACCES && queue == NULL && ipc_left() == before &&
        strstr(sysvmp_last_error(), "another user") != NULL &&
        sysvmp_queue_put(all.queue, "y", 1, SYSVMP_NOWAIT) == 0 &&
        sysvmp_leave() == 0 && sysvmp_queue_create(&queue, 0, 0) == 0 ? 0 : 1;
}

/*
 * Without a janitor.
 */

static int
next_program(void *arg)
{
    become(maker);
    create_all();
    (void)arg;
    exit(0);
}

/* Root may remove what is a user's; a user may not remove what is root's, so
 * it stays until there is another program of root's: it was not forgotten. */
static void
without_janitor(void)
{
    maker = USER;
    ender = 0;
    is_int(0, reap(child(destroys, NULL)), "without a janitor, as root:");
    is_int(FOREIGN, ipc_left(), "... nothing of the user's is left");
    maker = 0;
    ender = USER;
    is_int(0, reap(child(destroys, NULL)), "without a janitor, as a user:");
    ok(ipc_left() > FOREIGN, "... what the kernel refuses to remove stays");
    maker = USER;
    is_int(0, reap(child(next_program, NULL)), "... the user's next program");
    ok(ipc_left() > FOREIGN, "... leaves it alone");
    maker = 0;
    is_int(0, reap(child(next_program, NULL)), "... and root's next program");
    is_int(FOREIGN, ipc_left(), "... removes it");
}

int
main(void)
{
    enum { TESTS = 4 * WAYS + 2 + 2 + 8 + 1 };

    plan(TESTS);
    if (geteuid() != 0 || !ipc_is_private() || seteuid(USER) < 0) {
        skip(TESTS, "only root in an IPC namespace of its own can try it");
        return done();
    }
    become(0);
    stage = shared(sizeof(*stage));
    make_foreign(0, foreign);
    make_foreign(USER, foreign + 3);
    ends_as_another(0, USER);
    ends_as_another(USER, 0);
    while_it_runs(USER, 0);
    while_it_runs(0, USER);
    is_int(0, reap(child(root_creates_in_a_users, NULL)),
        "root makes nothing among a user's objects");
    until_true(only_foreign, NULL, "nothing of it to be left");
    ok(1, "... nothing is left");
    setenv("SYSVMP_JANITOR", "0", 1);
    without_janitor();
    is_int(FOREIGN, remove_foreign(), "nothing of others was touched");
    return done();
}
