/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * janitor.c: a program has a janitor that it does not notice, which costs
 * nothing while the program runs and leaves nothing when it has ended; where
 * there is none all else is as usual, the log says so, and the next program
 * removes what was left.
 *
 * We are a subreaper, so the janitors of our programs come home to us, and
 * their ends can be waited for.
 */
#include <config.h>

#include "internal.h"

#include "arena.h"
#include "child.h"
#include "sysv.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/wait.h>

enum { SLEEP_MS = 2000, SWITCHES = 2, ROUNDS = 20 };

/* What a program tells us. */
static struct {
    _Atomic int janitor; /* its pid, or 0 */
    _Atomic int ready;
    _Atomic int go;
    _Atomic int log_lines;
    _Atomic int child;
    char log[256];
} *stage;

static struct sysvmp_lock *lock;
static struct sysvmp_queue *queue;
static struct sysvmp_conn *end[2];
static int chld_signals;

static void
keep_line(int level, const char *line, void *arg)
{
    (void)arg;
    if (level == SYSVMP_LOG_WARNING && stage->log_lines == 0)
        snprintf(stage->log, sizeof(stage->log), "%s", line);
    stage->log_lines++;
}

static void
create_all(void)
{
    sysvmp_set_log(keep_line, NULL);
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_queue_create(&queue, 0, 0), "queue_create");
    must(sysvmp_pipe_create(end, 0), "pipe_create");
    must(sysvmp_queue_put(queue, "x", 1, SYSVMP_NOWAIT), "queue_put");
    must(sysvmp_lock_acquire(lock, SYSVMP_NOWAIT), "lock_acquire");
    stage->janitor = arena_current->head->janitor;
}

static int
works(void)
{
    char c;

    return sysvmp_lock_release(lock) == 0 &&
        sysvmp_lock_acquire(lock, SYSVMP_NOWAIT) == 0 &&
        sysvmp_conn_send(end[0], "x", 1, SYSVMP_NOWAIT) == 0 &&
        sysvmp_conn_recv(end[1], &c, 1, SYSVMP_NOWAIT) == 1;
}

/* A program that has its objects, from there on. */
static int
goes_on(void)
{
    stage->ready = 1;
    until(&stage->go, 1);
    exit(works() ? 0 : 1);
}

static int
until_told(void *arg)
{
    (void)arg;
    create_all();
    return goes_on();
}

/* Starts a program, and waits until it has its objects. */
static pid_t
program(int (*fn)(void *))
{
    pid_t pid;

    memset(stage, 0, sizeof(*stage));
    pid = child(fn, NULL);
    until(&stage->ready, 1);
    return pid;
}

static int
finish(pid_t pid)
{
    stage->go = 1;
    return reap(pid);
}

/* Another program of this user, from its beginning to its end. */
static int
create_and_end(void *arg)
{
    (void)arg;
    create_all();
    exit(works() ? 0 : 1);
}

static void
next_program(const char *text)
{
    pid_t janitor;

    is_int(0, reap(child(create_and_end, NULL)), "%s", text);
    janitor = stage->janitor;
    if (janitor > 0)
        reap(janitor);
}

/*
 * Quiet.
 */

static int
entries(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    int n = 0;

    if (dir == NULL)
        return -1;
    while ((entry = readdir(dir)) != NULL)
        n += entry->d_name[0] != '.';
    closedir(dir);
    return n;
}

static void
on_sigchld(int sig)
{
    (void)sig;
    chld_signals++;
}

/* What of it is to be seen, as bits. */
static int
notice_nothing(void *arg)
{
    struct sigaction act = {.sa_handler = on_sigchld};
    int fds = entries("/proc/self/fd");
    int seen;

    (void)arg;
    sigaction(SIGCHLD, &act, NULL);
    create_all();
    seen = (wait(NULL) != -1 || errno != ECHILD) |
        (waitpid(-1, NULL, WNOHANG | __WALL) != -1 || errno != ECHILD) << 1 |
        (chld_signals != 0) << 2 |
        (entries("/proc/self/fd") != fds) << 3 |
        (entries("/proc/self/task") != 1) << 4 |
        (stage->janitor == 0) << 5 |
        (stage->log_lines != 0) << 6;
    stage->ready = 1;
    until(&stage->go, 1);
    exit(seen);
}

static int
maps_name(pid_t pid, const char *name)
{
    char path[64], line[512];
    int n = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    f = fopen(path, "re");
    if (f == NULL)
        return -1;
    while (fgets(line, sizeof(line), f) != NULL)
        n += strstr(line, name) != NULL;
    fclose(f);
    return n;
}

static void
quiet(void)
{
    pid_t pid = program(notice_nothing);
    pid_t janitor = stage->janitor;
    char path[64];

    if (janitor == 0)
        bail("no janitor: %s", stage->log);
    ok(asleep(janitor), "janitor: a program has one, which sleeps");
    is_int(janitor, getsid(janitor), "... in a session of its own");
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)janitor);
    is_int(0, entries(path), "... without any descriptor");
    is_int(0, maps_name(janitor, "SYSV"), "... with nothing attached");
    is_int(0, maps_name(janitor, "janitor.t"),
        "... and nothing of its program");
    is_int(0, finish(pid), "its program sees no child, no SIGCHLD, no "
        "descriptor, no thread, no line in the log");
    is_int(0, ipc_left(), "... it ends, and at once nothing is left");
    is_int(0, reap(janitor), "... then its janitor does, too");
}

static void
costs_nothing(void)
{
    pid_t pid = program(until_told);
    pid_t janitor = stage->janitor;
    int64_t ticks, switches;

    if (!asleep(janitor))
        bail("the janitor does not sleep");
    ticks = cpu_ticks(janitor);
    switches = voluntary_switches(janitor);
    pause_ms(SLEEP_MS);
    is_int(0, cpu_ticks(janitor) - ticks,
        "%d ms of its sleep take no CPU tick", SLEEP_MS);
    switches = voluntary_switches(janitor) - switches;
    ok(switches >= 0 && switches <= SWITCHES, "... and %d switches",
        (int)switches);
    is_int(0, finish(pid), "... and its program works");
    reap(janitor);
}

/* As at a shutdown: it ends after its program, not with it. */
static void
signals(void)
{
    static const int all[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1};
    pid_t pid = program(until_told);
    pid_t janitor = stage->janitor;

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        kill(janitor, all[i]);
    ok(asleep(janitor), "signals to everybody do not end it");
    is_int(-SIGTERM, (kill(pid, SIGTERM), reap(pid)), "... but its program");
    is_int(0, reap(janitor), "... and then it has an end");
    is_int(0, ipc_left(), "... and nothing is left");
}

/*
 * Nothing is left.
 */

static void
leaves_nothing_at_once(void)
{
    int clean = 0;

    for (int i = 0; i < ROUNDS; i++) {
        reap(child(create_and_end, NULL));
        clean += ipc_left() == 0;
        reap(stage->janitor);
        clean += ipc_left() == 0;
    }
    is_int(2 * ROUNDS, clean,
        "%d programs end, and nothing is left, before their janitors "
        "end and after", ROUNDS);
}

static int
use_when_told(void *arg)
{
    (void)arg;
    stage->ready = 1;
    until(&stage->go, 1);
    return sysvmp_queue_put(queue, "x", 1, SYSVMP_NOWAIT) == 0 ? 0 : 1;
}

static int
with_a_child(void *arg)
{
    (void)arg;
    create_all();
    stage->child = child(use_when_told, NULL);
    for (;;)
        pause();
    return 0;
}

static void
orphaned_child(void)
{
    pid_t pid = program(with_a_child);
    pid_t janitor = stage->janitor;

    is_int(-SIGKILL, slay(pid), "a program is killed, but not its child");
    ok(asleep(janitor), "... its janitor sleeps on");
    stage->go = 1;
    is_int(0, reap(stage->child), "... the child still has the objects");
    is_int(0, reap(janitor), "... and after it the janitor cleans up");
    is_int(0, ipc_left(), "... and nothing is left");
}

/* A member by what it held over an exec, which has nothing attached. */
static int
become_sleep(void *arg)
{
    (void)arg;
    create_all();
    stage->ready = 1;
    execlp("sleep", "sleep", "1000", (char *)NULL);
    return 127;
}

static int
has_nothing_attached(void *arg)
{
    return maps_name(*(pid_t *)arg, "SYSV") == 0;
}

static void
exec(void)
{
    pid_t pid = program(become_sleep);
    pid_t janitor = stage->janitor;

    until_true(has_nothing_attached, &pid, "exec");
    ok(ipc_left() > 0, "a program becomes another, which holds all it had");
    ok(asleep(janitor), "... and its janitor sleeps on");
    is_int(-SIGKILL, slay(pid), "... that one is killed");
    is_int(0, reap(janitor), "... and its janitor cleans up");
    is_int(0, ipc_left(), "... and nothing is left");
}

/* What it may have in its address space: what it has, and nothing like a
 * segment. */
static void
limit_memory(pid_t pid, struct rlimit *before)
{
    struct rlimit little;
    char path[64];
    unsigned long pages;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    f = fopen(path, "re");
    if (f == NULL || fscanf(f, "%lu", &pages) != 1)
        bail("%s can't be read", path);
    fclose(f);
    little.rlim_cur = (pages + 4) * (unsigned long)sysconf(_SC_PAGESIZE);
    if (prlimit(pid, RLIMIT_AS, NULL, before) < 0)
        bail("prlimit");
    little.rlim_max = before->rlim_max;
    if (prlimit(pid, RLIMIT_AS, &little, NULL) < 0)
        bail("prlimit");
}

struct looks {
    pid_t pid;
    int64_t switches; /* when it has napped so often, or has ended */
};

static int
has_looked(void *arg)
{
    const struct looks *looks = arg;
    siginfo_t info = {.si_pid = 0};

    waitid(P_PID, (id_t)looks->pid, &info, WEXITED | WNOHANG | WNOWAIT);
    return info.si_pid != 0 ||
        voluntary_switches(looks->pid) >= looks->switches;
}

static void
short_of_memory(void)
{
    pid_t pid = program(until_told);
    pid_t janitor = stage->janitor;
    struct looks looks = {janitor, 0};
    struct rlimit before;

    if (!asleep(janitor))
        bail("the janitor does not sleep");
    limit_memory(janitor, &before);
    looks.switches = voluntary_switches(janitor) + 4;
    slay(pid);
    until_true(has_looked, &looks, "a look");
    ok(ipc_left() > 0, "a janitor can't attach what a killed program has left");
    prlimit(janitor, RLIMIT_AS, &before, NULL);
    is_int(0, reap(janitor), "... it looks again, and cleans up");
    is_int(0, ipc_left(), "... and nothing is left");
}

/*
 * There is none.
 */

static int
no_descriptors(void *arg)
{
    struct rlimit few, before;

    (void)arg;
    getrlimit(RLIMIT_NOFILE, &before);
    few = before;
    few.rlim_cur = 3;
    setrlimit(RLIMIT_NOFILE, &few);
    create_all();
    setrlimit(RLIMIT_NOFILE, &before); /* a sanitizer wants some at the end */
    return goes_on();
}

static int
as_subreaper(void *arg)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    return until_told(arg);
}

static int
without_its_path(void *arg)
{
    setenv("SYSVMP_JANITOR", "/nonexistent/janitor", 1);
    return until_told(arg);
}

static int
another_program(void *arg)
{
    setenv("SYSVMP_JANITOR", "/bin/true", 1);
    return until_told(arg);
}

static int
turned_off(void *arg)
{
    setenv("SYSVMP_JANITOR", "0", 1);
    return until_told(arg);
}

static void
none(int (*fn)(void *), const char *why)
{
    pid_t pid = program(fn);

    is_int(0, stage->janitor, "no janitor: %s", why);
    ok(strstr(stage->log, "no janitor") != NULL, "... the log says: %s",
        stage->log);
    is_int(1, stage->log_lines, "... in one line");
    is_int(0, finish(pid), "... all works");
    is_int(0, ipc_left(), "... and nothing is left");
}

/*
 * The next program.
 */

static void
next_sweeps(void)
{
    pid_t pid = program(turned_off);

    slay(pid);
    ok(ipc_left() > 0, "one without a janitor is killed: there is something "
        "left");
    next_program("... the next program of this user begins and ends");
    is_int(0, ipc_left(), "... and nothing is left");
}

static void
janitor_killed(void)
{
    pid_t pid = program(until_told);

    is_int(-SIGKILL, slay(stage->janitor), "a janitor is killed");
    is_int(-SIGKILL, slay(pid), "... and its program");
    ok(ipc_left() > 0, "... there is something left");
    next_program("... the next program of this user begins and ends");
    is_int(0, ipc_left(), "... and nothing is left");
}

/* With a janitor that is stopped nothing goes before it is continued. */
static void
janitor_stopped(void)
{
    pid_t pid = program(until_told);
    pid_t janitor = stage->janitor;

    kill(janitor, SIGSTOP);
    waitpid(janitor, NULL, WUNTRACED);
    is_int(-SIGKILL, slay(pid), "one whose janitor is stopped is killed");
    next_program("... the next program begins and ends");
    is_int(0, ipc_left(), "... and nothing is left");
    kill(janitor, SIGCONT);
    is_int(0, reap(janitor), "... for that janitor, when it goes on");
}

/* Neither the sweep nor the janitors take what is in use, or not ours. */
static void
others_stay(void)
{
    pid_t pid = program(turned_off);
    int foreign = msgget(IPC_PRIVATE, 0600);
    int before = ipc_left();

    slay(program(turned_off));
    next_program("while a program runs others are killed, begin, and end");
    is_int(before, ipc_left(), "... what it has stays, and what is not ours");
    is_int(0, finish(pid), "... it works");
    is_int(1, ipc_left(), "... and all of it goes, but what is not ours");
    msgctl(foreign, IPC_RMID, NULL);
}

/* An id that is somebody else's by now. */
static void
checked_removal(void)
{
    key_t key = 0x5379734d;
    int segment = sysv_shm_create(key, 1);
    struct sysv_identity queue_id = {.id = sysv_msg_create(key), .key = key,
        .segment = segment};
    struct sysv_identity other = queue_id;

    other.key++;
    ok(sysv_msg_remove(&other), "what has that id under another key");
    is_int(2, ipc_left(), "... stays: what was meant is gone");
    other = queue_id;
    other.segment = -1;
    ok(!sysv_msg_remove(&other), "where the maker is not known it is told");
    is_int(2, ipc_left(), "... and it stays");
    ok(sysv_msg_remove(&queue_id), "else it goes");
    ok(sysv_msg_remove(&queue_id), "... which can be asked for twice");
    shmctl(segment, IPC_RMID, NULL);
    is_int(0, ipc_left(), "... and nothing is left");
}

int
main(void)
{
    plan(8 + 3 + 4 + 1 + 5 + 5 + 3 + 5 * 5 + 3 + 5 + 4 + 4 + 7);
    if (getenv("SYSVMP_JANITOR") == NULL)
        bail("SYSVMP_JANITOR is not set: see AM_TESTS_ENVIRONMENT");
    stage = shared(sizeof(*stage));
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    quiet();
    costs_nothing();
    signals();
    leaves_nothing_at_once();
    orphaned_child();
    exec();
    short_of_memory();
    none(turned_off, "the environment says so");
    none(without_its_path, "there is no such program");
    none(another_program, "it ends without a word");
    none(no_descriptors, "no descriptor is to be had");
    none(as_subreaper, "it would come home to the program");
    next_sweeps();
    janitor_killed();
    janitor_stopped();
    others_stay();
    checked_removal();
    return done();
}
