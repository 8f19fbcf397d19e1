/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fork-signal.c: a signal handler never sees a fork that is half done.
 *
 * The handler sets an event, as a worker's does that is to stop.  A signal is
 * raised at each call of the kernel that a fork makes, in the parent and in
 * the child; each time the event must be set, and each process has the signal
 * mask again that it had before.  Then come workers that are told to stop at
 * any instant: 400, or 10,000 in the long form.
 */
#include <config.h>

#include "child.h"
#include "testing.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { FEW = 400, MANY = 10000 };

static struct sysvmp_event *stop;
static struct sysvmp_process *started_process;
static pid_t parent;
static sigset_t wanted_mask;

static struct {
    _Atomic int raised, handled, refused;
    _Atomic int masks; /* that were not as before */
} *told;

static void
set_event(int sig)
{
    (void) sig;
    atomic_fetch_add(&told->handled, 1);
    if (sysvmp_event_set(stop) < 0)
        atomic_fetch_add(&told->refused, 1);
}

static int
same_mask(void)
{
    sigset_t now;

    pthread_sigmask(SIG_SETMASK, NULL, &now);
    for (int sig = 1; sig < NSIG; sig++)
        if (sigismember(&now, sig) != sigismember(&wanted_mask, sig))
            return 0;
    return 1;
}

static void
check_mask(void)
{
    if (!same_mask())
        atomic_fetch_add(&told->masks, 1);
}

static void
check_mask_at_fork(void *arg)
{
    (void) arg;
    check_mask();
}

/*
 * At the n-th call of the kernel, in one of the two.
 */

static int raise_in;   /* so many calls from now; 0: never */
static int in_child;

static int
raise_at(enum seam call)
{
    (void) call;
    if (raise_in > 0 && (getpid() != parent) == in_child && --raise_in == 0) {
        atomic_fetch_add(&told->raised, 1);
        raise(SIGTERM);
    }
    return 0;
}

static void
disarm(void)
{
    testing_fault = NULL;
    raise_in = 0;
}

static int
target(void *arg)
{
    (void) arg;
    disarm();
    check_mask();
    return 0;
}

static void
fork_by_program(void)
{
    pid_t pid = child(target, NULL);

    disarm();
    check_mask();
    (void) reap(pid);
}

static void
fork_by_library(void)
{
    must(sysvmp_process_start(started_process), "process_start");
    disarm();
    check_mask();
    (void) code_of(started_process);
}

/* Was there an n-th call? */
static int
one_round(void (*make)(void), int n)
{
    int before = atomic_load(&told->raised);

    must(sysvmp_event_clear(stop), "event_clear");
    must(sysvmp_process_create(&started_process, target, NULL),
        "process_create");
    raise_in = n;
    testing_fault = raise_at;
    make();
    must(sysvmp_process_destroy(started_process), "process_destroy");
    if (atomic_load(&told->raised) == before)
        return 0;
    if (sysvmp_event_is_set(stop) != 1) {
        diag("at call %d the event was not set", n);
        atomic_fetch_add(&told->refused, 1);
    }
    return 1;
}

static void
at_each_call(const char *name, void (*make)(void), int child_too)
{
    int n = 1;

    in_child = child_too;
    atomic_store(&told->raised, 0);
    atomic_store(&told->handled, 0);
    atomic_store(&told->refused, 0);
    atomic_store(&told->masks, 0);
    while (one_round(make, n))
        n++;
    ok(n > 2 && atomic_load(&told->refused) == 0,
        "fork-signal: %s, a signal in the %s at each of %d calls: the event "
        "is set", name, child_too ? "child" : "parent", n - 1);
    is_int(atomic_load(&told->raised), atomic_load(&told->handled),
        "... and the handler ran each time");
    is_int(0, atomic_load(&told->masks), "... and the masks are as before");
}

/*
 * A fork that fails.
 */

static int
fail_to_fork(void *arg)
{
    const struct rlimit none = { 0, 0 };
    pid_t pid;

    (void) arg;
    if (setrlimit(RLIMIT_NPROC, &none) < 0)
        return 2;
    if (getuid() == 0 && setresuid(65534, 65534, 65534) < 0)
        return 3;
    pid = fork();
    if (pid == 0)
        _exit(4);
    if (pid > 0)
        return 5;
    return same_mask() ? 0 : 6;
}

static int
no_attach(enum seam call)
{
    return call == SEAM_SHMAT ? -ENOMEM : 0;
}

static _Atomic int *ran;

static int
note_run(void *arg)
{
    (void) arg;
    atomic_fetch_add(ran, 1);
    return 0;
}

/* The kernel refuses what the child could not do without. */
static void
refused_start(void)
{
    struct sysvmp_process *p = created(note_run, NULL);

    ran = shared(sizeof(*ran));
    testing_fault = no_attach;
    is_int(-ENOMEM, sysvmp_process_start(p),
        "fork-signal: no memory for the cradle: the start is refused");
    testing_fault = NULL;
    ok(same_mask(), "... the mask is as before");
    ok(waitpid(-1, NULL, WNOHANG) < 0 && atomic_load(ran) == 0,
        "... there is no child, and none has run");
    is_int(0, sysvmp_process_start(p), "... and it can be tried again");
    is_int(0, end_of(p), "... and ends");
}

/*
 * Workers that are told to stop.
 */

static int
work(void *arg)
{
    (void) arg;
    return sysvmp_event_wait(stop, SYSVMP_FOREVER) != 0;
}

static int
one_worker(unsigned *seed)
{
    struct sysvmp_process *p = started(work, NULL);
    int result, code = -1;

    pause_us(chance(seed, 400));
    must(sysvmp_process_terminate(p), "process_terminate");
    result = sysvmp_process_join(p, 5000);
    if (result < 0)
        must(sysvmp_process_kill(p), "process_kill");
    code = end_of(p);
    must(sysvmp_event_clear(stop), "event_clear");
    return result == 0 && code == 0;
}

static void
workers(int n)
{
    unsigned seed = first_seed();
    int lost = 0;

    for (int i = 0; i < n; i++)
        lost += !one_worker(&seed);
    is_int(0, lost, "fork-signal: %d workers are told to stop at any instant, "
        "and each stops", n);
}

int
main(int argc, char **argv)
{
    int long_one = long_form(argc, argv) ||
        getenv("SYSVMP_CRASH_ALL") != NULL;

    plan(4 * 3 + 1 + 5 + 1);
    told = shared(sizeof(*told));
    parent = getpid();
    must(sysvmp_event_create(&stop), "event_create");
    must(sysvmp_at_fork(check_mask_at_fork, NULL), "at_fork");
    signal(SIGTERM, set_event);
    sigemptyset(&wanted_mask);
    sigaddset(&wanted_mask, SIGUSR2);
    pthread_sigmask(SIG_SETMASK, &wanted_mask, NULL);
    for (int child_too = 0; child_too < 2; child_too++) {
        at_each_call("fork", fork_by_program, child_too);
        at_each_call("start", fork_by_library, child_too);
    }
    is_int(0, reap(child(fail_to_fork, NULL)),
        "fork-signal: a fork that fails gives the mask back");
    refused_start();
    workers(long_one ? MANY : FEW);
    sysvmp_event_destroy(stop);
    return done();
}
