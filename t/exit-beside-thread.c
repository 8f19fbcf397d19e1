/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * exit-beside-thread.c: one thread of a process ends it, while another is
 * inside a call, at each of its crash points in turn.  What that one writes
 * down as its own must be of a process whose death the others see: nobody
 * passes a barrier short of a party, nobody waits for who is gone, and no
 * message is lost that was acknowledged.
 *
 * The thread that is inside waits at its point until the other has left the
 * arena, as it does in exit(), then it goes on; and then the process ends.
 * Where it has the lock of a list the exit waits a second for it: of these
 * points few are in the short form.  Where it has that of the arena the exit
 * waits until it goes on, so these are left out.
 */
#include <config.h>

#include "internal.h"

#include "arena.h"
#include "barrier.h"
#include "block.h"
#include "child.h"
#include "condition.h"
#include "leave.h"
#include "self.h"
#include "sysv.h"
#include "testing.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/syscall.h>

struct scene {
    const char *name;
    void (*create)(void);
    void (*before)(void); /* the victim, at first; or NULL */
    void (*call)(void);   /* its thread */
    void (*look)(void);   /* the tester, when the victim is dead */
    void (*destroy)(void);
};

static struct sysvmp_barrier *barrier;
static struct sysvmp_lock *lock;
static struct sysvmp_condition *condition;
static struct sysvmp_queue *queue;

static struct {
    _Atomic int reached;      /* the point, by the thread: STOPPED, PASSED */
    _Atomic int acknowledged; /* its call has returned, with 0 */
    _Atomic int nobodys;      /* entries without an owner */
} *told;

enum { NOT_REACHED, STOPPED, PASSED };
enum { FEW = 60 }; /* of so many points one */

static int wrong;
static int long_one;
static const struct scene *scene;
static long point; /* at which the thread is to stop */

/*
 * The victim.
 */

static sem_t go_on;
static _Atomic pid_t caller;

static void
at_point(void)
{
    bool few = !long_one && point % FEW != 0;
    bool pass = (own_load(&self.inside) > 0 && few) ||
        sysv_sem_value(arena_current->home, BLOCK_LOCK) == 0;

    atomic_store(&told->reached, pass ? PASSED : STOPPED);
    if (pass)
        return;
    while (sem_wait(&go_on) < 0)
        continue;
}

static void *
run_call(void *arg)
{
    (void) arg;
    atomic_store(&caller, (pid_t) syscall(SYS_gettid));
    testing_at_point = at_point;
    testing_crash_at(point);
    scene->call();
    testing_crash_at(0);
    return NULL;
}

/* A word without an owner is of a wait that nobody sees die. */
static int
nobodys(const struct waiters_words *words)
{
    int n = 0;

    for (int i = 0; i < WAITERS_FIRST; i++)
        n += shm_load(&words->first[i].owner) == 0 &&
            shm_load(&words->first[i].word) != 0;
    return n;
}

static int
victim(void *arg)
{
    pthread_t thread;

    (void) arg;
    if (scene->before != NULL)
        scene->before();
    sem_init(&go_on, 0, 0);
    if (pthread_create(&thread, NULL, run_call, NULL) != 0)
        return 1;
    while (atomic_load(&caller) == 0)
        sched_yield();
    asleep(caller); /* at its point, or in its call; or it has ended */
    testing_crash_at(0);
    leave_at_end();
    sem_post(&go_on);
    asleep(caller);
    atomic_store(&told->nobodys,
        nobodys(barrier->waiters.words) + nobodys(condition->waiters.words));
    return 0;
}

/*
 * Barriers: there are two parties, one of which is alive.
 */

static void
no_object(void)
{
}

static void
wait_at_barrier(void)
{
    (void) !sysvmp_barrier_wait(barrier, SYSVMP_FOREVER);
}

static void
nobody_passes(void)
{
    int result = sysvmp_barrier_wait(barrier, SYSVMP_NOWAIT);

    if (result >= 0) {
        diag("barrier_wait answered %d", result);
        wrong++;
    }
    must(sysvmp_barrier_reset(barrier), "barrier_reset");
}

/*
 * Locks and conditions.
 */

static void
acquire(void)
{
    (void) !sysvmp_lock_acquire(lock, SYSVMP_FOREVER);
}

static void
release(void)
{
    if (sysvmp_lock_release(lock) == 0)
        atomic_store(&told->acknowledged, 1);
}

/* What was acknowledged as released is not an end with the lock. */
static void
lock_is_had(void)
{
    int result = sysvmp_lock_acquire(lock, 5000);

    if (result != 0 && result != SYSVMP_OWNER_DEAD) {
        diag("lock_acquire answered %d", result);
        wrong++;
    }
    if (result == SYSVMP_OWNER_DEAD && atomic_load(&told->acknowledged))
        wrong++;
    if (result >= 0)
        must(sysvmp_lock_release(lock), "lock_release");
}

static void
wait_for_condition(void)
{
    (void) !sysvmp_condition_wait(condition, SYSVMP_FOREVER);
}

static int
wait_and_be_told(void *arg)
{
    (void) arg;
    return sysvmp_lock_acquire(lock, SYSVMP_FOREVER) < 0 ||
        sysvmp_condition_wait(condition, 5000) < 0;
}

/* Whatever it has left there: the one who waits is notified. */
static void
notification_comes(void)
{
    pid_t pid;

    lock_is_had();
    pid = child(wait_and_be_told, NULL);
    if (!asleep(pid))
        wrong++;
    if (sysvmp_lock_acquire(lock, 5000) < 0)
        wrong++;
    wrong += sysvmp_condition_notify(condition, 1) < 0;
    must(sysvmp_lock_release(lock), "lock_release");
    if (reap(pid) != 0) {
        diag("the notification got lost");
        wrong++;
    }
    lock_is_had();
}

/*
 * Queues, which are joinable.
 */

static void
make_queue(void)
{
    must(sysvmp_queue_create(&queue, 0, SYSVMP_JOINABLE), "queue_create");
}

static void
drop_queue(void)
{
    sysvmp_queue_destroy(queue);
}

static void
put(void)
{
    if (sysvmp_queue_put(queue, "x", 1, SYSVMP_FOREVER) == 0)
        atomic_store(&told->acknowledged, 1);
}

static void
put_before(void)
{
    must(sysvmp_queue_put(queue, "x", 1, SYSVMP_FOREVER), "queue_put");
}

static void
get(void)
{
    char text[4];

    (void) !sysvmp_queue_get(queue, text, sizeof(text), SYSVMP_FOREVER);
}

static void
get_and_finish(void)
{
    char text[4];

    if (sysvmp_queue_get(queue, text, sizeof(text), SYSVMP_FOREVER) == 1 &&
        sysvmp_queue_task_done(queue) == 0)
        atomic_store(&told->acknowledged, 1);
}

static int
message_is_there(void)
{
    char text[4];
    ssize_t len = sysvmp_queue_get(queue, text, sizeof(text), SYSVMP_NOWAIT);

    if (len == 1)
        must(sysvmp_queue_task_done(queue), "task_done");
    return len == 1;
}

static void
nothing_is_unfinished(void)
{
    if (sysvmp_queue_join(queue, 5000) < 0) {
        diag("a message is nobody's");
        wrong++;
    }
}

static void
put_is_there(void)
{
    if (!message_is_there() && atomic_load(&told->acknowledged)) {
        diag("a message was lost");
        wrong++;
    }
    nothing_is_unfinished();
}

/* It had not done it. */
static void
taken_is_back(void)
{
    if (!message_is_there()) {
        diag("a message did not come back");
        wrong++;
    }
    nothing_is_unfinished();
}

static void
done_or_back(void)
{
    if (message_is_there() && atomic_load(&told->acknowledged)) {
        diag("a message that was done came back");
        wrong++;
    }
    nothing_is_unfinished();
}

static const struct scene scenes[] = {
    { "barrier_wait", no_object, NULL, wait_at_barrier, nobody_passes,
        no_object },
    { "lock_acquire", no_object, NULL, acquire, lock_is_had, no_object },
    { "lock_release", no_object, acquire, release, lock_is_had, no_object },
    { "condition_wait", no_object, acquire, wait_for_condition,
        notification_comes, no_object },
    { "queue_put", make_queue, NULL, put, put_is_there, drop_queue },
    { "queue_get", make_queue, put_before, get, taken_is_back, drop_queue },
    { "task_done", make_queue, put_before, get_and_finish, done_or_back,
        drop_queue },
};

enum { SCENES = sizeof(scenes) / sizeof(scenes[0]) };

/* One round: was the point reached? */
static int
play(void)
{
    int before = wrong, code;

    atomic_store(&told->reached, 0);
    atomic_store(&told->acknowledged, 0);
    atomic_store(&told->nobodys, 0);
    scene->create();
    code = reap(child(victim, NULL));
    wrong += code != 0 || atomic_load(&told->nobodys) != 0;
    scene->look();
    scene->destroy();
    if (wrong > before)
        diag("%s, at point %ld: ended with %d, %d entries are nobody's",
            scene->name, point, code, atomic_load(&told->nobodys));
    return atomic_load(&told->reached);
}

static void
play_all(void)
{
    int stopped = 0, reached;

    wrong = 0;
    for (point = 1; (reached = play()) != NOT_REACHED; point++)
        stopped += reached == STOPPED;
    ok(point > 1 && wrong == 0, "exit-beside-thread: %s, at %d of %ld points",
        scene->name, stopped, point - 1);
}

int
main(int argc, char **argv)
{
    long_one = long_form(argc, argv) ||
        getenv("SYSVMP_CRASH_ALL") != NULL;
    plan(SCENES);
    told = shared(sizeof(*told));
    must(sysvmp_barrier_create(&barrier, 2, NULL, NULL), "barrier_create");
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_condition_create(&condition, lock), "condition_create");
    for (int i = 0; i < SCENES; i++) {
        scene = &scenes[i];
        play_all();
    }
    sysvmp_condition_destroy(condition);
    sysvmp_lock_destroy(lock);
    sysvmp_barrier_destroy(barrier);
    return done();
}
