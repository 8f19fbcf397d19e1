/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * death.c: how long it takes until who sleeps in recv, or in send on a full
 * pipe, is told that the other end's only holder was killed; and who is told
 * when each has only done what the documentation's example does: a parent of
 * its child's death, and a child of its parent's, while a sibling lives on.
 *
 * A third process kills, once the peer is asleep, and notes the time: from
 * there to the answer is what is measured, waits for a CPU included.
 */
#include <config.h>

#include "proof.h"

#include <signal.h>

enum { ROUNDS = 1000, PROGRAMS = 20 };
enum { RECV, SEND };

static struct words {
    _Atomic int ready; /* the victim runs */
    _Atomic int round; /* the peer is about to sleep */
    _Atomic int victim;
    _Atomic int64_t killed_at;
    _Atomic int waits, works, told; /* two children's pids; the first's */
} *words;

static int64_t *took;
static int programs;
static struct sysvmp_conn *end[2];

static int
linger(void *arg)
{
    (void)arg;
    atomic_store(&words->ready, 1);
    for (;;)
        pause();
    return 0;
}

/* Forked before there is any object, so it holds none. */
static int
killer(void *arg)
{
    for (int i = 1; i <= *(int *)arg; i++) {
        until(&words->round, i);
        if (!asleep(getppid()))
            return 1;
        atomic_store(&words->killed_at, now_ns());
        kill(atomic_load(&words->victim), SIGKILL);
    }
    return 0;
}

static int64_t
call_until_told(int call)
{
    static const char much[1000];
    char c;
    int64_t result;

    if (call == RECV)
        return sysvmp_conn_recv(end[0], &c, 1, CALL_MS);
    while ((result = sysvmp_conn_send(end[1], much, sizeof(much),
                SYSVMP_NOWAIT)) == 0)
        continue;
    return result != -EAGAIN
        ? result
        : sysvmp_conn_send(end[1], much, sizeof(much), CALL_MS);
}

/* Starts one that holds the other end, and nobody else does. */
static struct sysvmp_process *
start_victim(int call)
{
    struct sysvmp_process *p;

    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
    atomic_store(&words->ready, 0);
    p = created(linger, NULL);
    must(sysvmp_process_give(p, end[call == RECV ? 1 : 0]), "give");
    must(sysvmp_process_start(p), "start");
    until(&words->ready, 1);
    return p;
}

static int64_t
one_death(int call, int round)
{
    struct sysvmp_process *p = start_victim(call);
    int64_t result, ns;
    int woken;

    atomic_store(&words->victim, (int)sysvmp_process_pid(p));
    atomic_store(&words->round, round);
    result = call_until_told(call);
    ns = now_ns() - atomic_load(&words->killed_at);
    woken = in_time(atomic_load(&words->killed_at));
    is_int(-SIGKILL, end_of(p), "death: round %d: it was killed", round);
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
    return result == -EPIPE && woken ? ns : -1;
}

static void
latency(const char *name, int call, int rounds)
{
    int told = 0;
    pid_t pid;

    atomic_store(&words->round, 0);
    pid = child(killer, &rounds);
    for (int i = 1; i <= rounds; i++) {
        int64_t ns = one_death(call, i);

        if (ns >= 0)
            took[told++] = ns;
    }
    is_int(0, reap(pid), "%s: the killer", name);
    is_int(rounds, told, "%s: told each time", name);
    diag("figure: %s.tried=%d %s.told=%d", name, rounds, name, told);
    figure_times(name, took, told);
}

/* The example of a pipe: a child that sends, a parent that receives. */
static void
examples(void)
{
    int told = 0;

    for (int i = 0; i < programs; i++) {
        struct sysvmp_process *p = start_victim(RECV);

        int64_t start = now_ns();

        must(sysvmp_process_kill(p), "kill");
        told += call_until_told(RECV) == -EPIPE && in_time(start);
        end_of(p);
        sysvmp_conn_destroy(end[0]);
        sysvmp_conn_destroy(end[1]);
    }
    is_int(programs, told, "example: told each time");
    diag("figure: example.tried=%d example.told=%d", programs, told);
}

static int
receive(void *arg)
{
    char c;

    atomic_store(&words->waits, getpid());
    if (sysvmp_conn_recv(arg, &c, 1, SYSVMP_FOREVER) == -EPIPE)
        atomic_store(&words->told, 1);
    return 0;
}

static int
work_on(void *arg)
{
    (void)arg;
    atomic_store(&words->works, getpid());
    for (;;)
        pause();
    return 0;
}

/* Two children, a pipe to each; never returns. */
static int
program(void *arg)
{
    static sysvmp_target *const targets[] = {receive, work_on};
    struct sysvmp_conn *pipe[2];

    (void)arg;
    for (int i = 0; i < 2; i++) {
        struct sysvmp_process *p;

        must(sysvmp_pipe_create(pipe, 0), "pipe_create");
        p = created(targets[i], pipe[1]);
        must(sysvmp_process_give(p, pipe[1]), "give");
        must(sysvmp_process_start(p), "start");
    }
    for (;;)
        pause();
    return 0;
}

static int
orphan_is_told(void)
{
    int64_t start = now_ns();

    while (!words->told && in_time(start))
        pause_us(100);
    return words->told;
}

static void
orphans(void)
{
    int told = 0;

    for (int i = 0; i < programs; i++) {
        pid_t pid;

        memset(words, 0, sizeof(*words));
        pid = child(program, NULL);
        until(&words->waits, 1);
        until(&words->works, 1);
        asleep(words->waits);
        slay(pid);
        told += orphan_is_told();
        kill(words->works, SIGKILL);
    }
    is_int(programs, told, "orphans: told each time");
    diag("figure: orphans.tried=%d orphans.told=%d", programs, told);
}

int
main(int argc, char **argv)
{
    int rounds = how_often(argc, argv, ROUNDS);

    programs = how_often(argc - 1, argv + 1, PROGRAMS);
    plan(2 * (rounds + 2) + 2);
    words = shared(sizeof(*words));
    took = shared((size_t)rounds * sizeof(*took));
    latency("eof", RECV, rounds);
    latency("epipe", SEND, rounds);
    examples();
    must(sysvmp_leave(), "leave");
    orphans();
    return done();
}
