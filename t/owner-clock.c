/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * owner-clock.c: what a program has in the kernel is its own, whatever clock
 * it is shown (faketime) and whoever it is told to be (fakeroot): it leaves
 * nothing, whether it ends or all its processes are killed, and it touches
 * nothing of others.
 *
 * The programs are this file, run by those commands.
 */
#include <config.h>

#include "child.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/msg.h>
#include <sys/shm.h>

enum { FOREIGN = 2, EACH = 6, PATH = 128 };

static char ready_path[PATH];
static const char *world;

/*
 * A program.
 */

static int
nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int
sleeps(void *arg)
{
    (void)arg;
    for (;;)
        pause();
    return 0;
}

static void
create_all(void)
{
    struct sysvmp_lock *lock;
    struct sysvmp_queue *queue;
    struct sysvmp_conn *end[2];

    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_queue_create(&queue, 0, 0), "queue_create");
    must(sysvmp_queue_put(queue, "x", 1, SYSVMP_NOWAIT), "queue_put");
    must(sysvmp_pipe_create(end, 0), "pipe_create");
    must(sysvmp_lock_acquire(lock, SYSVMP_NOWAIT), "lock_acquire");
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

static int
ends(void)
{
    create_all();
    return end_of(started(nothing, NULL));
}

/* With one child, in a process group of their own, whose number it writes. */
static int
waits(const char *path)
{
    char part[PATH + 8];
    FILE *f;

    setpgid(0, 0);
    create_all();
    started(sleeps, NULL);
    snprintf(part, sizeof(part), "%s.part", path);
    f = fopen(part, "w");
    if (!f || fprintf(f, "%d\n", (int)getpid()) < 0 || fclose(f) != 0 ||
        rename(part, path) < 0)
        return 1;
    return sleeps(NULL);
}

/*
 * The test.
 */

/* Runs this file in that world; its status. */
static int
run(const char *how)
{
    char command[512], self[256];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    self[n > 0 ? n : 0] = '\0';
    snprintf(command, sizeof(command), "exec %s '%s' %s %s </dev/null", world,
        self, how, ready_path);
    return system(command);
}

static int
runs(void *arg)
{
    return run(arg) == 0 ? 0 : 1;
}

static int
is_ready(void *arg)
{
    (void)arg;
    return access(ready_path, F_OK) == 0;
}

static int
only_foreign(void *arg)
{
    (void)arg;
    return ipc_left() == FOREIGN;
}

static void
nothing_is_left(void)
{
    until_true(only_foreign, NULL, "nothing to be left");
    ok(1, "... nothing is left");
}

/* All its processes, but not those of the command that runs it. */
static void
kill_it(void)
{
    char how[] = "2>/dev/null waits";
    pid_t pid = child(runs, how);
    int group = 0;
    FILE *f;

    until_true(is_ready, NULL, "the program to have all");
    f = fopen(ready_path, "re");
    if (!f || fscanf(f, "%d", &group) != 1 || group <= 1)
        bail("no process group");
    fclose(f);
    unlink(ready_path);
    kill(-group, SIGKILL);
    reap(pid);
}

static int
foreign_objects(int *queue, int *segment)
{
    *queue = msgget(0x1234, IPC_CREAT | IPC_EXCL | 0600);
    *segment = shmget(0x1234, 1, IPC_CREAT | IPC_EXCL | 0600);
    return *queue >= 0 && *segment >= 0;
}

static void
in_world(const char *wrapper, const char *name)
{
    char *janitor = strdup(getenv("SYSVMP_JANITOR"));

    world = wrapper;
    if (run("probe >/dev/null 2>&1") != 0) {
        skip(EACH, "%s: not installed, or it can't run this", name);
        free(janitor);
        return;
    }
    is_int(0, run("ends"), "%s: a program ends", name);
    nothing_is_left();
    kill_it();
    ok(1, "%s: a program is killed", name);
    nothing_is_left();
    setenv("SYSVMP_JANITOR", "0", 1);
    kill_it();
    is_int(0, run("ends"), "%s: one is killed without a janitor, and the next "
        "program begins", name);
    nothing_is_left();
    setenv("SYSVMP_JANITOR", janitor, 1);
    free(janitor);
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *wrapper, *name;
    } worlds[] = {
        {"faketime -f +100s", "100 seconds ahead"},
        {"faketime -f +1d", "a day ahead"},
        {"faketime -f -1d", "a day behind"},
        {"faketime '2030-01-01 00:00:00'", "in 2030"},
        {"fakeroot", "as a root that is none"},
    };
    enum { WORLDS = sizeof(worlds) / sizeof(worlds[0]) };
    const char *tmp = getenv("TMPDIR");
    int queue, segment;

    if (argc > 1)
        return strcmp(argv[1], "ends") == 0 ? ends()
            : strcmp(argv[1], "waits") == 0 && argc > 2 ? waits(argv[2]) : 0;
    plan(EACH * WORLDS + 2);
    if (!getenv("SYSVMP_JANITOR"))
        bail("SYSVMP_JANITOR is not set: see AM_TESTS_ENVIRONMENT");
    if (!ipc_is_private()) {
        skip(EACH * WORLDS + 2, "what is left could not be told from others'");
        return done();
    }
    snprintf(ready_path, sizeof(ready_path), "%s/sysvmp-owner-%d",
        tmp ? tmp : "/tmp", (int)getpid());
    if (!foreign_objects(&queue, &segment))
        bail("the foreign objects: %s", strerror(errno));
    for (int i = 0; i < WORLDS; i++)
        in_world(worlds[i].wrapper, worlds[i].name);
    is_int(0, msgctl(queue, IPC_RMID, NULL), "what was of others is there");
    is_int(0, shmctl(segment, IPC_RMID, NULL), "... still");
    return done();
}
