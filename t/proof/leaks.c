/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * leaks.c: what is left in the kernel a second after whole programs were
 * killed at once: by killpg; each process by its pid; by killpg, after their
 * janitors, and then another program runs.
 */
#include <config.h>

#include "proof.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

enum { PROGRAMS = 20, MOST = 1000, CHILDREN = 2, LEFT_MS = 1000 };
enum { GROUP, PIDS, HELPER, WAYS };

static const char *const names[WAYS] = {"group", "pids", "helper"};

struct program {
    pid_t pid; /* and its group */
    _Atomic int children[CHILDREN];
};

static struct program *programs;

static int
linger(void *arg)
{
    atomic_store((_Atomic int *)arg, getpid());
    for (;;)
        pause();
    return 0;
}

/* Has one of each object, and two children; is killed. */
static int
run_program(void *arg)
{
    struct program *program = arg;
    struct sysvmp_lock *lock;
    struct sysvmp_queue *queue;
    struct sysvmp_conn *end[2];

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_queue_create(&queue, 0, 0), "queue_create");
    must(sysvmp_pipe_create(end, 0), "pipe_create");
    must(sysvmp_queue_put(queue, "left", 4, SYSVMP_FOREVER), "put");
    for (int i = 0; i < CHILDREN; i++) {
        struct sysvmp_process *p =
            created(linger, (void *)(uintptr_t)&program->children[i]);

        must(sysvmp_process_set_die_with_parent(p, 1), "die_with_parent");
        must(sysvmp_process_start(p), "start");
    }
    must(sysvmp_lock_acquire(lock, SYSVMP_FOREVER), "acquire");
    for (;;)
        pause();
    return 0;
}

static int
another(void *arg)
{
    struct sysvmp_lock *lock;

    (void)arg;
    must(sysvmp_lock_create(&lock), "lock_create");
    sysvmp_lock_destroy(lock);
    return sysvmp_leave() != 0;
}

/* Is it a janitor of this IPC namespace? */
static int
is_janitor(pid_t pid)
{
    char path[64], comm[32] = "", ours[64] = "", its[64] = "";
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
    f = fopen(path, "re");
    if (!f)
        return 0;
    if (!fgets(comm, sizeof(comm), f))
        comm[0] = '\0';
    fclose(f);
    snprintf(path, sizeof(path), "/proc/%d/ns/ipc", (int)pid);
    return strcmp(comm, "sysvmp-janitor\n") == 0 &&
        readlink("/proc/self/ns/ipc", ours, sizeof(ours) - 1) > 0 &&
        readlink(path, its, sizeof(its) - 1) > 0 && strcmp(ours, its) == 0;
}

static int
kill_janitors(void)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    int n = 0;

    while (dir && (entry = readdir(dir))) {
        pid_t pid = atoi(entry->d_name);

        if (pid > 0 && is_janitor(pid))
            n += kill(pid, SIGKILL) == 0;
    }
    if (dir)
        closedir(dir);
    return n;
}

static void
kill_program(int way, struct program *program)
{
    if (way != PIDS) {
        kill(-program->pid, SIGKILL);
    } else {
        for (int i = 0; i < CHILDREN; i++)
            kill(program->children[i], SIGKILL);
        kill(program->pid, SIGKILL);
    }
}

/* Until nothing is left, or the second is over; how long that was. */
static int64_t
wait_for_none(int64_t start)
{
    while (ipc_left() > 0 && now_ns() < start + LEFT_MS * INT64_C(1000000))
        pause_us(500);
    return now_ns() - start;
}

static void
start_programs(int n)
{
    memset(programs, 0, (size_t)n * sizeof(*programs));
    for (int i = 0; i < n; i++) {
        programs[i].pid = child(run_program, &programs[i]);
        for (int c = 0; c < CHILDREN; c++)
            until(&programs[i].children[c], 1);
        asleep(programs[i].pid);
    }
}

static void
one_way(int way, int n)
{
    int had, helpers = 0, left;
    int64_t start, took;

    start_programs(n);
    had = ipc_left();
    if (way == HELPER)
        helpers = kill_janitors();
    start = now_ns();
    for (int i = 0; i < n; i++)
        kill_program(way, &programs[i]);
    for (int i = 0; i < n; i++)
        reap(programs[i].pid);
    took = wait_for_none(start);
    left = ipc_left();
    ok(had >= n, "leaks: %s: there were %d objects", names[way], had);
    diag("figure: %s.tried=%d %s.had=%d %s.left=%d %s.ms=%.1f", names[way], n,
        names[way], had, names[way], left, names[way], (double)took / 1e6);
    if (way == HELPER) {
        is_int(n, helpers, "... each janitor is killed");
        is_int(0, reap(child(another, NULL)), "... another program runs");
        left = ipc_left();
        diag("figure: helper.then=%d", left);
    }
    is_int(0, left, "... nothing is left");
}

int
main(int argc, char **argv)
{
    int n = how_often(argc, argv, PROGRAMS);

    plan(2 * WAYS + 2);
    if (n > MOST)
        bail("too many programs");
    programs = shared((size_t)n * sizeof(*programs));
    for (int way = 0; way < WAYS; way++)
        one_way(way, n);
    return done();
}
