/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * janitor-kill.c: a program whose every process is killed, at whatever
 * moment, leaves nothing, thanks to its janitor; and when that is killed as
 * well, nothing is left after the next program of the user.
 *
 * First at random moments: a program that creates, forks and starts all the
 * time is killed as a group.  Then at each crash point of what it does, and at
 * each crash point of the janitor: as that we run ourselves (main()).
 *
 * We are a subreaper, so all that our programs start comes home to us, and
 * when there is no child any more all of it has ended.  `t/janitor-kill.t
 * long` makes the long form.
 */
#include <config.h>

#include "internal.h"

#include "arena.h"
#include "child.h"
#include "testing.h"

int janitor_main(int argc, char **argv);
#define main janitor_main
#include "../tools/janitor.c"
#undef main

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* BOUND_MS is wide: on a machine of our own it is a tenth of a second. */
enum { QUICK = 100, QUICK_BOTH = 30, LONG = 1000, LONG_BOTH = 200,
    MOMENT_US = 12000, BOUND_MS = 10000, POINTS_MAX = 900 };

static struct sysvmp_lock *lock;
static struct sysvmp_queue *queue;
static struct sysvmp_conn *end[2];
static char children_path[64];
static int faults;

static void
fault(const char *what, long n)
{
    diag("killed at %ld: %s", n, what);
    faults++;
}

/*
 * Programs.
 */

static void
create_all(void)
{
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_queue_create(&queue, 0, 0), "queue_create");
    must(sysvmp_pipe_create(end, 0), "pipe_create");
    must(sysvmp_queue_put(queue, "x", 1, SYSVMP_NOWAIT), "queue_put");
}

static void
destroy_all(void)
{
    sysvmp_lock_destroy(lock);
    sysvmp_queue_destroy(queue);
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

static int
create_some(void *arg)
{
    struct sysvmp_lock *more;

    (void)arg;
    return sysvmp_lock_create(&more) == 0 &&
        sysvmp_lock_acquire(more, SYSVMP_NOWAIT) == 0 ? 0 : 1;
}

/* Its objects come and go, as do its processes, and so does its arena. */
static int
busy(void *arg)
{
    (void)arg;
    for (;;) {
        create_all();
        for (int i = 0; i < 3; i++) {
            pid_t pid = child(create_some, NULL);

            end_of(started(create_some, NULL));
            reap(pid);
        }
        destroy_all();
        must(sysvmp_leave(), "leave");
    }
    return 0;
}

static int
first_object(void *arg)
{
    (void)arg;
    must(sysvmp_lock_create(&lock), "lock_create");
    return 0;
}

/* The next program of this user. */
static int
create_and_end(void *arg)
{
    (void)arg;
    setenv("SYSVMP_JANITOR", "0", 1);
    create_all();
    exit(0);
}

/*
 * Killing them.
 */

/* Starts it in a process group of its own. */
static pid_t
program(int (*fn)(void *))
{
    pid_t pid = fork();

    if (pid < 0)
        bail("fork: %s", strerror(errno));
    if (pid == 0) {
        setpgid(0, 0);
        _exit(fn(NULL));
    }
    setpgid(pid, pid);
    return pid;
}

/* All that come home to us: whoever is left of a program when its group is
 * killed is the janitor. */
static void
kill_children(void)
{
    FILE *f = fopen(children_path, "re");
    int pid;

    if (f == NULL)
        bail("%s: %s", children_path, strerror(errno));
    while (fscanf(f, "%d", &pid) == 1)
        kill(pid, SIGKILL);
    fclose(f);
}

/* Waits until all have ended; how long that took, or -1: some hang. */
static int64_t
until_alone(void)
{
    int64_t start = now_ns();
    pid_t pid;

    while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0) {
        if (pid > 0)
            continue;
        if (now_ns() - start > BOUND_MS * INT64_C(1000000)) {
            kill_children();
            return -1;
        }
        pause_us(100);
    }
    return now_ns() - start;
}

static void
kill_all(void)
{
    for (int i = 0; i < 10000; i++) {
        pid_t pid;

        kill_children();
        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
            continue;
        if (pid < 0)
            return;
        pause_us(1000);
    }
    bail("they do not die");
}

static void
next_program(long n)
{
    if (reap(child(create_and_end, NULL)) != 0)
        fault("the next program fails", n);
    if (ipc_left() != 0) {
        fault("there is something left after the next program", n);
        ipc_remove();
    }
}

static void
look_for_rest(int64_t took, long n)
{
    if (took < 0)
        fault("the janitor hangs", n);
    if (ipc_left() == 0)
        return;
    fault("there is something left", n);
    ipc_remove();
}

/*
 * At random moments.
 */

static unsigned *
drawn_seed(void)
{
    static unsigned seed;
    const char *wanted = getenv("SYSVMP_SEED");

    seed = wanted != NULL ? (unsigned)strtoul(wanted, NULL, 0)
                          : (unsigned)now_ns();
    diag("SYSVMP_SEED=%u", seed);
    return &seed;
}

static void
at_random(unsigned *seed, int kills)
{
    int64_t longest = 0;

    faults = 0;
    for (int i = 0; i < kills && faults == 0; i++) {
        pid_t pid = program(busy);
        int64_t took;

        pause_us(chance(seed, MOMENT_US));
        kill(-pid, SIGKILL);
        took = until_alone();
        look_for_rest(took, i);
        if (took > longest)
            longest = took;
    }
    is_int(0, faults,
        "janitor-kill: a program is killed %d times, and leaves nothing",
        kills);
    diag("nothing is left %.1f ms later at most", (double)longest / 1e6);
}

/* The janitor a moment later: it may be in the middle of its work. */
static void
both_at_random(unsigned *seed, int kills)
{
    int dirty = 0;

    faults = 0;
    for (int i = 0; i < kills && faults == 0; i++) {
        pid_t pid = program(busy);

        pause_us(chance(seed, MOMENT_US));
        kill(-pid, SIGKILL);
        if (chance(seed, 2) != 0)
            pause_us(chance(seed, 1000));
        kill_all();
        dirty += ipc_left() != 0;
        next_program(i);
    }
    is_int(0, faults, "... with its janitor %d times, and nothing is left "
        "after the next program", kills);
    ok(dirty > 0, "... but there was before, %d times", dirty);
}

/*
 * At each crash point of what a program does, when it has begun.
 */

struct deed {
    const char *name;
    void (*before)(void);
    int (*call)(void *);
    int leaves; /* before() does, until the next program */
};

static const struct deed *deed;
static long point;
static int stop_janitor;

static int
fork_once(void *arg)
{
    (void)arg;
    return reap(child(create_some, NULL));
}

static int
start_once(void *arg)
{
    (void)arg;
    return end_of(started(create_some, NULL));
}

static int
end_program(void *arg)
{
    (void)arg;
    exit(0);
}

static int
leave(void *arg)
{
    (void)arg;
    return sysvmp_leave();
}

/* Another arena of this user is dead, and swept by the first call. */
static void
leave_a_dead_one(void)
{
    char *janitor = strdup(getenv("SYSVMP_JANITOR"));
    pid_t pid;

    setenv("SYSVMP_JANITOR", "0", 1);
    pid = fork();
    if (pid == 0) {
        create_all();
        kill(getpid(), SIGKILL);
    }
    reap(pid);
    setenv("SYSVMP_JANITOR", janitor, 1);
    free(janitor);
}

static const struct deed deeds[] = {
    {"creation of the first object", NULL, first_object, 0},
    {"creation, with the sweep of a dead program", leave_a_dead_one,
        first_object, 1},
    {"fork", create_all, fork_once, 0},
    {"process_start", create_all, start_once, 0},
    {"leave", create_all, leave, 0},
    {"exit", create_all, end_program, 0},
};

enum { DEEDS = sizeof(deeds) / sizeof(deeds[0]) };

static int
do_it(void *arg)
{
    int result;

    (void)arg;
    if (deed->before != NULL)
        deed->before();
    if (stop_janitor && arena_current != NULL)
        kill(arena_current->head->janitor, SIGSTOP);
    testing_crash_at(point);
    result = deed->call(NULL);
    testing_crash_at(0);
    return result;
}

/* A child that passes the points as well has its number, too. */
static int
killed(int ended)
{
    return ended == -SIGKILL || ended == (-SIGKILL & 0xff);
}

/* How it ended. */
static int
play(void)
{
    pid_t pid = program(do_it);
    siginfo_t info;

    /* Its number is ours until it is reaped. */
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    kill(-pid, SIGKILL);
    return reap(pid);
}

static void
at_each_point(const struct deed *which, int both)
{
    int ended = -SIGKILL;

    deed = which;
    faults = 0;
    stop_janitor = both;
    for (point = 1; killed(ended) && faults == 0; point++) {
        if (point > POINTS_MAX)
            bail("%s does not end", deed->name);
        ended = play();
        if (both) {
            kill_all();
            next_program(point);
        } else {
            look_for_rest(until_alone(), point);
        }
    }
    is_int(0, ended, "killed at each of %ld points of: %s%s", point - 2,
        deed->name, both ? ", with its janitor" : "");
    is_int(0, faults, both ? "... nothing is left after the next program"
                           : "... nothing is left");
}

/*
 * At each crash point of the janitor.
 */

static int
create_and_die(void *arg)
{
    (void)arg;
    create_all();
    kill(getpid(), SIGKILL);
    return 0;
}

static int
create_and_exit(void *arg)
{
    create_all();
    return end_program(arg);
}

static int
janitor_by_us(int argc, char **argv)
{
    const char *path = (const char *)getauxval(AT_EXECFN);

    testing_crash_at((long)strspn(path, "/"));
    return janitor_main(argc, argv);
}

/* Runs it with a janitor that is killed at its n-th point, which it knows by
 * the slashes its path begins with; was it? */
static int
with_mortal_janitor(int (*fn)(void *), long n)
{
    char path[POINTS_MAX + 32];
    pid_t pid, ended;
    int status;

    memset(path, '/', (size_t)n);
    strcpy(path + n, "proc/self/exe");
    setenv("SYSVMP_JANITOR", path, 1);
    pid = program(fn);
    do
        ended = waitpid(-1, &status, 0);
    while (ended == pid);
    if (ended < 0)
        bail("no janitor");
    return WIFSIGNALED(status);
}

static void
at_each_point_of_janitor(int (*fn)(void *), const char *what)
{
    char *path = strdup(getenv("SYSVMP_JANITOR"));
    long n = 0;

    faults = 0;
    while (faults == 0 && n < POINTS_MAX && with_mortal_janitor(fn, ++n)) {
        until_alone();
        next_program(n);
    }
    look_for_rest(until_alone(), n);
    setenv("SYSVMP_JANITOR", path, 1);
    free(path);
    ok(n > 1 && n < POINTS_MAX, "%s, and its janitor is killed at each of %ld "
        "points", what, n - 1);
    is_int(0, faults, "... nothing is left after the next program");
}

int
main(int argc, char **argv)
{
    int in_full = long_form(argc, argv);
    unsigned *seed;

    if (argc == 5)
        return janitor_by_us(argc, argv);
    plan(3 + 2 * (2 * DEEDS - 1) + 4);
    if (getenv("SYSVMP_JANITOR") == NULL)
        bail("SYSVMP_JANITOR is not set: see AM_TESTS_ENVIRONMENT");
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    snprintf(children_path, sizeof(children_path),
        "/proc/self/task/%d/children", (int)getpid());
    seed = drawn_seed();
    at_random(seed, in_full ? LONG : QUICK);
    both_at_random(seed, in_full ? LONG_BOTH : QUICK_BOTH);
    for (int i = 0; i < DEEDS; i++) {
        if (!deeds[i].leaves)
            at_each_point(&deeds[i], 0);
        at_each_point(&deeds[i], 1);
    }
    at_each_point_of_janitor(create_and_die, "a program is killed");
    at_each_point_of_janitor(create_and_exit, "a program ends");
    return done();
}
