/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hooks.c: what the program has called: at_fork's functions in each child, in
 * their order; the log, with what was no failure of a call; the interrupt
 * function of a join, but not of an exit.
 */
#include <config.h>

#include "child.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static struct sysvmp_lock *lock;

static struct {
    char order[64];
    _Atomic int used;
    char line[256];
    int level, lines;
    _Atomic int ready, go, signals, asked, ended;
} *told;

/*
 * at_fork
 */

static void
add(void *arg)
{
    strcat(told->order, arg);
}

/* A child holds what it inherits by then. */
static void
use(void *arg)
{
    (void)arg;
    if (sysvmp_lock_acquire(lock, SYSVMP_FOREVER) == 0 &&
        sysvmp_lock_release(lock) == 0)
        atomic_fetch_add(&told->used, 1);
}

static int
nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int
have_child(void *arg)
{
    return end_of(started(nothing, arg));
}

static int
add_and_have_child(void *arg)
{
    static char c[] = "c";

    must(sysvmp_at_fork(add, c), "at_fork");
    return have_child(arg);
}

static char *
order(void)
{
    static char seen[sizeof(told->order)];

    strcpy(seen, told->order);
    told->order[0] = '\0';
    return seen;
}

static void
at_fork(void)
{
    static char a[] = "a", b[] = "b";
    struct sysvmp_process *p;

    must(sysvmp_lock_create(&lock), "lock_create");
    is_int(0, sysvmp_at_fork(add, a), "hooks: at_fork");
    is_int(0, sysvmp_at_fork(use, NULL), "... another");
    is_int(0, sysvmp_at_fork(add, b), "... another");
    is_int(0, sysvmp_at_fork(add, a), "... and the first again");
    is_str("", order(), "... none runs here");
    reap(child(nothing, NULL));
    is_str("aba", order(), "a fork of our own: they run, in their order");
    is_int(1, atomic_load(&told->used), "... and can use what it inherits");
    end_of(started(nothing, NULL));
    is_str("aba", order(), "a start");
    p = created(NULL, NULL);
    if (sysvmp_process_fork(p) == 0)
        sysvmp_process_exit(0);
    end_of(p);
    is_str("aba", order(), "a process_fork");
    end_of(started(have_child, NULL));
    is_str("abaaba", order(), "a child and its child: in each");
    end_of(started(add_and_have_child, NULL));
    is_str("abaabac", order(), "one more in a child: in its child");
    end_of(started(nothing, NULL));
    is_str("aba", order(), "... not in another of ours");
    sysvmp_lock_destroy(lock);
    lock = NULL; /* the functions stay */
}

/*
 * The log: that there is no janitor is something to tell, and no failure.
 */

static void
keep_line(int level, const char *line, void *arg)
{
    told->lines++;
    told->level = level;
    strncpy(arg, line, sizeof(told->line) - 1);
}

static void
no_janitor(void)
{
    must(sysvmp_leave(), "leave");
    setenv("SYSVMP_JANITOR", "/nowhere/sysvmp-janitor", 1);
    told->lines = 0;
    told->line[0] = '\0';
}

static int
make_first_object(void *arg)
{
    struct sysvmp_lock *first;
    int error;

    (void)arg;
    errno = ERANGE;
    error = sysvmp_lock_create(&first);
    if (error == 0)
        sysvmp_lock_destroy(first);
    /* Nobody else would remove it. */
    return error == 0 && errno == ERANGE && sysvmp_leave() == 0 ? 0 : 1;
}

static int
log_and_make(void *arg)
{
    no_janitor();
    sysvmp_set_log(keep_line, told->line);
    return make_first_object(arg);
}

/* A child that has it from its parent. */
static int
log_and_fork(void *arg)
{
    no_janitor();
    sysvmp_set_log(keep_line, told->line);
    return reap(child(make_first_object, arg));
}

static int
log_no_more(void *arg)
{
    no_janitor();
    sysvmp_set_log(keep_line, told->line);
    sysvmp_set_log(NULL, NULL);
    return make_first_object(arg);
}

static void
is_told(const char *who)
{
    is_int(1, told->lines, "log: %s tells one line", who);
    is_int(SYSVMP_LOG_WARNING, told->level, "... a warning");
    ok(strstr(told->line, "janitor") != NULL, "... of what is missing");
    ok(strchr(told->line, '\n') == NULL, "... without a newline");
}

static void
log_lines(void)
{
    is_int(0, reap(child(log_and_make, NULL)),
        "log: no janitor: all else is well, errno is kept");
    is_told("it");
    is_int(0, reap(child(log_and_fork, NULL)), "log: the same in a child");
    is_told("a child");
    is_int(0, reap(child(log_no_more, NULL)), "log: NULL");
    is_int(0, told->lines, "... is silence");
}

/*
 * The interrupt function.
 */

static int
wait_to_go(void *arg)
{
    (void)arg;
    until(&told->go, 1);
    atomic_store(&told->ended, 1);
    return 3;
}

static void
count_signal(int sig)
{
    (void)sig;
    atomic_fetch_add(&told->signals, 1);
}

/* Says yes after the second signal. */
static int
twice(void *arg)
{
    (void)arg;
    atomic_fetch_add(&told->asked, 1);
    return atomic_load(&told->signals) >= 2;
}

static int
interrupted_join(void *arg)
{
    struct sigaction act = {.sa_handler = count_signal};
    struct sysvmp_process *p = started(wait_to_go, arg);

    sigaction(SIGUSR1, &act, NULL);
    sysvmp_set_interrupt(twice, NULL);
    if (sysvmp_process_join(p, SYSVMP_NOWAIT) != -EAGAIN)
        return 1;
    if (atomic_load(&told->asked) != 0)
        return 2;
    atomic_store(&told->ready, 1);
    if (sysvmp_process_join(p, SYSVMP_FOREVER) != -EINTR)
        return 4;
    sysvmp_set_interrupt(NULL, NULL);
    atomic_store(&told->go, 1);
    return end_of(p);
}

static int
asked_again(void *arg)
{
    return atomic_load(&told->asked) > *(const int *)arg;
}

static void
join(void)
{
    struct sysvmp_process *p;
    pid_t pid;
    int asked;

    memset(told, 0, sizeof(*told));
    p = started(interrupted_join, NULL);
    pid = sysvmp_process_pid(p);
    until(&told->ready, 1);
    ok(asleep(pid), "interrupt: a join sleeps");
    asked = atomic_load(&told->asked);
    is_int(1, asked, "... it was asked before");
    must(sysvmp_process_signal(p, SIGUSR1), "process_signal");
    until_true(asked_again, &asked, "the interrupt function");
    ok(asleep(pid), "... after a signal: asked, no: it sleeps on");
    must(sysvmp_process_signal(p, SIGUSR1), "process_signal");
    is_int(3, end_of(p), "... after another: asked, yes: -EINTR; who was "
        "not joined is joined later");
}

static int
always(void *arg)
{
    (void)arg;
    atomic_fetch_add(&told->asked, 1);
    return 1;
}

static int
join_parent(void *arg)
{
    (void)arg;
    sysvmp_set_interrupt(always, NULL);
    return sysvmp_process_join(sysvmp_parent_process(), SYSVMP_FOREVER) ==
        -EINTR ? 0 : 1;
}

/* It would be asked, if an exit asked. */
static int
end_with_child(void *arg)
{
    struct sysvmp_process *p = started(wait_to_go, arg);

    (void)p;
    sysvmp_set_interrupt(always, NULL);
    atomic_store(&told->ready, 1);
    return 5;
}

static void
not_at_exit(void)
{
    struct sysvmp_process *p;

    is_int(0, end_of(started(join_parent, NULL)),
        "interrupt: a join of the parent is asked, too");
    memset(told, 0, sizeof(*told));
    p = started(end_with_child, NULL);
    until(&told->ready, 1);
    is_int(1, asleep(sysvmp_process_pid(p)),
        "interrupt: a process ends that has a child: it waits");
    is_int(0, atomic_load(&told->asked), "... and nobody is asked");
    atomic_store(&told->go, 1);
    is_int(5, end_of(p), "... it ends");
    is_int(1, atomic_load(&told->ended), "... after its child");
}

int
main(void)
{
    plan(12 + 12 + 4 + 5);
    told = shared(sizeof(*told));
    at_fork();
    log_lines();
    join();
    not_at_exit();
    return done();
}
