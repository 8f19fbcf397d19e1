/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process-signal.c: signals to a process: before its start -ESRCH (F8), while
 * it runs, after its end 0; a death by signal is told by a negative code.
 */
#include <config.h>

#include "child.h"

#include <signal.h>

static _Atomic int *word;
static volatile sig_atomic_t got;

static void
handler(int sig)
{
    got = sig;
}

static int
sleep_on(void *arg)
{
    (void)arg;
    for (;;)
        pause();
    return 0;
}

/* Counts the SIGUSR1 that it gets; SIGUSR2 ends it. */
static int
count_signals(void *arg)
{
    struct sigaction act = {.sa_handler = handler};
    sigset_t mask, none;
    int count = 0;

    (void)arg;
    sigemptyset(&none);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    sigaddset(&mask, SIGUSR2);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    sigaction(SIGUSR1, &act, NULL);
    sigaction(SIGUSR2, &act, NULL);
    atomic_store(word, 1);
    while (got != SIGUSR2) {
        sigsuspend(&none);
        count += got == SIGUSR1;
    }
    return count;
}

static int
nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int
ill_and_core(void *arg)
{
    (void)arg;
    raise(SIGILL);
    return 0;
}

static void
before_start(void)
{
    struct sysvmp_process *p = created(nothing, NULL);

    is_int(-ESRCH, sysvmp_process_terminate(p),
        "process-signal: terminate before the start (F8)");
    is_int(-ESRCH, sysvmp_process_kill(p), "... kill");
    is_int(-ESRCH, sysvmp_process_signal(p, SIGUSR1), "... signal");
    must(sysvmp_process_start(p), "process_start");
    is_int(0, end_of(p), "... it can be started after that");
}

static void
deaths(void)
{
    struct sysvmp_process *p = started(sleep_on, NULL);

    is_int(0, sysvmp_process_terminate(p), "terminate");
    is_int(-SIGTERM, end_of(p), "... ends it: exit code -SIGTERM");
    p = started(sleep_on, NULL);
    is_int(0, sysvmp_process_kill(p), "kill");
    is_int(-SIGKILL, end_of(p), "... ends it: exit code -SIGKILL");
    p = started(sleep_on, NULL);
    is_int(0, sysvmp_process_signal(p, SIGHUP), "signal: SIGHUP");
    is_int(-SIGHUP, end_of(p), "... ends it: exit code -SIGHUP");
    is_int(-SIGILL, end_of(started(ill_and_core, NULL)),
        "one that dumps core: exit code -SIGILL");
    p = started(sleep_on, NULL);
    must(sysvmp_process_signal(p, SIGSTOP), "process_signal");
    is_int(1, sysvmp_process_is_alive(p), "one that is stopped is alive");
    is_int(-ETIMEDOUT, sysvmp_process_join(p, 50), "... is not joined");
    is_int(0, sysvmp_process_terminate(p), "... is sent SIGTERM");
    must(sysvmp_process_signal(p, SIGCONT), "process_signal");
    is_int(-SIGTERM, end_of(p), "... and ends when it goes on");
}

static void
after_end(void)
{
    struct sysvmp_process *p = started(nothing, NULL);

    must(sysvmp_process_join(p, SYSVMP_FOREVER), "process_join");
    is_int(0, sysvmp_process_terminate(p), "of an ended one: terminate, 0");
    is_int(0, sysvmp_process_kill(p), "... kill, 0");
    is_int(0, sysvmp_process_signal(p, SIGUSR1), "... signal, 0");
    is_int(0, end_of(p), "... its exit code is what it was");

    p = started(nothing, NULL);
    while (sysvmp_process_is_alive(p))
        pause_us(100);
    is_int(0, sysvmp_process_kill(p), "of one that nobody joined: kill, 0");
    is_int(0, end_of(p), "... its exit code is what it was");
}

static void
handled(void)
{
    struct sysvmp_process *p = started(count_signals, NULL);

    until(word, 1);
    is_int(0, sysvmp_process_signal(p, 0), "signal 0 is a question");
    is_int(0, sysvmp_process_signal(p, SIGUSR1), "a signal that it handles");
    is_int(1, asleep(sysvmp_process_pid(p)), "... does not end it");
    is_int(1, sysvmp_process_is_alive(p), "... it is alive");
    must(sysvmp_process_signal(p, SIGUSR2), "process_signal");
    is_int(1, end_of(p), "... it got it once");
}

int
main(void)
{
    plan(26);
    word = shared(sizeof(*word));
    before_start();
    deaths();
    after_end();
    handled();
    return done();
}
