// SPDX-License-Identifier: LGPL-2.1-or-later
//
// callbacks.cc: functions of a program in C++ that throw through the library.
// t/callbacks.t compiles and runs it.
//
extern "C" {
#include "tap.h"
}
#include "sysvmp.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <pthread.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LONG_MS = 10000 };

// What all processes see.
static struct shared {
    int astray; // ran what only the first process may run
    int lines;  // of the log, with the gravest level
    char line[256];
} *all;

static pid_t first;
static thread_local bool interrupt_throws, interrupt_exits;
static bool at_fork_throws, log_throws;

static void
must(int code, const char *what)
{
    if (code < 0)
        bail("%s: %s", what, sysvmp_last_error());
}

static void
to_log(int level, const char *line, void *)
{
    if (level != SYSVMP_LOG_ERROR)
        return;
    if (log_throws)
        throw std::runtime_error("the log is full");
    all->lines++;
    strncpy(all->line, line, sizeof(all->line) - 1);
}

static int
interrupt(void *)
{
    if (interrupt_exits)
        pthread_exit(nullptr);
    if (interrupt_throws)
        throw std::runtime_error("the user has had enough");
    return 0;
}

static void
at_fork(void *)
{
    if (at_fork_throws)
        throw std::runtime_error("not in a child");
}

//
// Targets.
//

static int
throws(void *)
{
    throw std::runtime_error("bad input");
}

static int
exits_thread(void *)
{
    pthread_exit(nullptr);
}

static int
catches(void *)
{
    try {
        throws(nullptr);
    } catch (const std::exception &) {
        return 3;
    }
    return 4;
}

static int
exits(void *)
{
    exit(7);
}

static int
code_of_child(sysvmp_target *fn)
{
    struct sysvmp_process *p;
    int code = 0;

    must(sysvmp_process_create(&p, fn, nullptr), "process_create");
    must(sysvmp_process_start(p), "process_start");
    must(sysvmp_process_join(p, LONG_MS), "process_join");
    must(sysvmp_process_exitcode(p, &code), "process_exitcode");
    must(sysvmp_process_destroy(p), "process_destroy");
    return code;
}

static int
code_where_caught(sysvmp_target *fn)
{
    try {
        return code_of_child(fn);
    } catch (const std::exception &) {
        all->astray++;
        _exit(0);
    }
}

static void
targets()
{
    all->lines = 0;
    is_int(-SIGABRT, code_where_caught(throws),
        "a target throws, and its parent would catch that: SIGABRT");
    is_int(0, all->astray, "... and the child has not run its parent's code");
    is_int(1, all->lines, "... and has logged a line");
    ok(strstr(all->line, "did not return") != nullptr, "... that says why");
    is_int(-SIGABRT, code_of_child(throws), "... where nobody would: SIGABRT");
    is_int(2, all->lines, "... and another line");
    is_int(-SIGABRT, code_where_caught(exits_thread),
        "a target calls pthread_exit(): SIGABRT");
    is_int(3, all->lines, "... and another line");
    is_int(3, code_of_child(catches), "what a target catches is its own");
    is_int(7, code_of_child(exits), "a target may call exit()");
    log_throws = true;
    is_int(-SIGABRT, code_where_caught(throws),
        "the log function throws then as well: SIGABRT");
    log_throws = false;
}

static void
after_fork()
{
    int status = 0;
    pid_t pid;

    must(sysvmp_at_fork(at_fork, nullptr), "at_fork");
    at_fork_throws = true;
    is_int(-SIGABRT, code_where_caught(catches),
        "a function of sysvmp_at_fork throws in a started child: SIGABRT");
    try {
        pid = fork();
        if (pid == 0)
            _exit(0);
    } catch (const std::exception &) {
        all->astray++;
        _exit(0);
    }
    at_fork_throws = false;
    waitpid(pid, &status, 0);
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT,
        "... and in the child of a fork of the program's own");
}

//
// Within a call.
//

static int
cancel_state()
{
    int state, ignored;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    pthread_setcancelstate(state, &ignored);
    return state;
}

// Does f() throw, and leave the thread as it was?
template <typename F>
static bool
left(F f)
{
    int before = cancel_state();
    bool caught = false;

    try {
        f();
    } catch (const std::runtime_error &) {
        caught = true;
    }
    if (getpid() != first)
        all->astray++;
    return caught && cancel_state() == before;
}

template <typename F>
static bool
interrupted(F f)
{
    interrupt_throws = true;
    bool yes = left(f);
    interrupt_throws = false;
    return yes;
}

// Another process that calls f().
template <typename F>
static pid_t
other(F f)
{
    pid_t pid = fork();

    if (pid < 0)
        bail("fork: %s", strerror(errno));
    if (pid == 0)
        _exit(f());
    return pid;
}

static int
end_of(pid_t pid)
{
    int status = 0;

    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static pid_t
asleep_in(pid_t pid)
{
    if (!asleep(pid))
        bail("the other process does not sleep");
    return pid;
}

static void
barriers()
{
    struct sysvmp_barrier *b;

    must(sysvmp_barrier_create(&b, 2, throws, nullptr), "barrier_create");
    pid_t pid = asleep_in(other([b] {
        return sysvmp_barrier_wait(b, LONG_MS) == -ECANCELED ? 0 : 1;
    }));
    ok(left([b] { must(sysvmp_barrier_wait(b, LONG_MS), "barrier_wait"); }),
        "a barrier's action throws: it arrives, the thread is as before");
    is_int(0, end_of(pid), "... and who waits gets -ECANCELED");
    is_int(1, sysvmp_barrier_broken(b), "... and the barrier is broken");
    sysvmp_barrier_destroy(b);

    must(sysvmp_barrier_create(&b, 3, nullptr, nullptr), "barrier_create");
    pid = asleep_in(other([b] {
        return sysvmp_barrier_wait(b, LONG_MS) == -ECANCELED ? 0 : 1;
    }));
    ok(interrupted([b] { must(sysvmp_barrier_wait(b, LONG_MS), "wait"); }),
        "the interrupt function throws in a barrier's wait");
    is_int(0, end_of(pid), "... and who waits gets -ECANCELED");
    is_int(1, sysvmp_barrier_broken(b), "... and the barrier is broken");
    sysvmp_barrier_destroy(b);
}

// An action that waits itself, and catches what comes out of that.
static int
waits_in_vain(void *event)
{
    auto e = static_cast<struct sysvmp_event *>(event);

    return interrupted([e] { must(sysvmp_event_wait(e, LONG_MS), ""); }) ? 0
                                                                         : 1;
}

static void
nested()
{
    struct sysvmp_barrier *b;
    struct sysvmp_event *e;

    must(sysvmp_event_create(&e), "event_create");
    must(sysvmp_barrier_create(&b, 1, waits_in_vain, e), "barrier_create");
    is_int(0, sysvmp_barrier_wait(b, LONG_MS),
        "an action catches what is thrown through a call of its own");
    is_int(PTHREAD_CANCEL_ENABLE, cancel_state(),
        "... and its barrier's wait returns as always");
    sysvmp_barrier_destroy(b);
    sysvmp_event_destroy(e);
}

static int
true_now(void *)
{
    return 1;
}

static void
conditions()
{
    struct sysvmp_condition *c;

    must(sysvmp_condition_create(&c, nullptr), "condition_create");
    must(sysvmp_condition_acquire(c, LONG_MS), "condition_acquire");
    ok(left([c] {
        must(sysvmp_condition_wait_for(c, throws, nullptr, LONG_MS), "wait");
    }), "a predicate throws: it arrives, the thread is as before");
    is_int(0, sysvmp_condition_wait_for(c, true_now, nullptr, LONG_MS),
        "... and the lock is held");
    ok(interrupted([c] { must(sysvmp_condition_wait(c, LONG_MS), "wait"); }),
        "the interrupt function throws in a condition's wait");
    is_int(0, sysvmp_condition_notify(c, 0), "... and the lock is held");
    is_int(0, sysvmp_condition_release(c), "... and can be released");
    pid_t pid = asleep_in(other([c] {
        return sysvmp_condition_acquire(c, LONG_MS) < 0 ||
            sysvmp_condition_wait(c, LONG_MS) != 0;
    }));
    must(sysvmp_condition_acquire(c, LONG_MS), "condition_acquire");
    must(sysvmp_condition_notify(c, 1), "condition_notify");
    must(sysvmp_condition_release(c), "condition_release");
    is_int(0, end_of(pid), "... and the next notification is for another");
    sysvmp_condition_destroy(c);
}

static void *
idle(void *)
{
    return nullptr;
}

// A thread makes the library count who is in a handle.
static void
have_had_a_thread()
{
    pthread_t thread;

    pthread_create(&thread, nullptr, idle, nullptr);
    pthread_join(thread, nullptr);
}

static void
queues()
{
    struct sysvmp_queue *q;
    struct sysvmp_conn *end[2];
    char c;

    must(sysvmp_queue_create(&q, 1, 0), "queue_create");
    must(sysvmp_pipe_create(end, 0), "pipe_create");
    ok(interrupted([&] { must((int)sysvmp_queue_get(q, &c, 1, LONG_MS), ""); }),
        "the interrupt function throws in a get");
    must(sysvmp_queue_put(q, "x", 1, LONG_MS), "queue_put");
    ok(interrupted([q] { must(sysvmp_queue_put(q, "y", 1, LONG_MS), ""); }),
        "... in a put");
    is_int(0, end_of(other([&] {
        return sysvmp_queue_get(q, &c, 1, LONG_MS) != 1 || c != 'x' ||
            sysvmp_queue_put(q, "z", 1, LONG_MS) != 0;
    })), "... and the queue is there for others");
    is_int(1, sysvmp_queue_get(q, &c, 1, LONG_MS), "... and for us");
    must(sysvmp_queue_put(q, "x", 1, LONG_MS), "queue_put");
    ok(interrupted([&] {
        must((int)sysvmp_conn_recv(end[0], &c, 1, LONG_MS), "conn_recv");
    }), "... in a recv");
    is_int(0, sysvmp_conn_close(end[0]), "a close does not wait for that one");
    is_int(0, sysvmp_queue_close(q), "... nor for the put");
    sysvmp_queue_destroy(q);
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

static void
others()
{
    struct sysvmp_semaphore *s;
    struct sysvmp_lock *lock;
    struct sysvmp_event *e;
    struct sysvmp_waitable any = {};

    must(sysvmp_semaphore_create(&s, 0, 0, 0), "semaphore_create");
    ok(interrupted([s] { must(sysvmp_semaphore_acquire(s, LONG_MS), ""); }),
        "... in a semaphore's acquire");
    must(sysvmp_semaphore_release(s, 1), "semaphore_release");
    is_int(0, sysvmp_semaphore_acquire(s, LONG_MS), "... which is as it was");
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_lock_acquire(lock, LONG_MS), "lock_acquire");
    ok(interrupted([lock] { must(sysvmp_lock_acquire(lock, LONG_MS), ""); }),
        "... in a lock's acquire");
    must(sysvmp_lock_release(lock), "lock_release");
    is_int(0, end_of(other([lock] {
        return sysvmp_lock_acquire(lock, LONG_MS) +
            sysvmp_lock_release(lock);
    })), "... which another process can have then");
    must(sysvmp_event_create(&e), "event_create");
    ok(interrupted([e] { must(sysvmp_event_wait(e, LONG_MS), ""); }),
        "... in an event's wait");
    any.kind = SYSVMP_WAIT_EVENT;
    any.of.event = e;
    ok(interrupted([&] { must(sysvmp_wait(&any, 1, LONG_MS), ""); }),
        "... in a wait for any of several");
    must(sysvmp_event_set(e), "event_set");
    is_int(1, sysvmp_wait(&any, 1, LONG_MS), "... which works then");
    log_throws = true;
    ok(left([] { sysvmp_shared_free(&first); }),
        "the log function throws: it arrives, the thread is as before");
    log_throws = false;
    sysvmp_semaphore_destroy(s);
    sysvmp_lock_destroy(lock);
    sysvmp_event_destroy(e);
}

static void *
exit_in_recv(void *arg)
{
    char c;

    interrupt_exits = true;
    must((int)sysvmp_conn_recv(static_cast<struct sysvmp_conn *>(arg), &c, 1,
        LONG_MS), "conn_recv");
    return nullptr;
}

static void
threads()
{
    struct sysvmp_conn *end[2];
    pthread_t thread;

    must(sysvmp_pipe_create(end, 0), "pipe_create");
    pthread_create(&thread, nullptr, exit_in_recv, end[0]);
    pthread_join(thread, nullptr);
    is_int(0, sysvmp_conn_close(end[0]),
        "a close does not wait for a thread that has left by pthread_exit()");
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

int
main()
{
    plan(44);
    first = getpid();
    all = static_cast<struct shared *>(mmap(nullptr, sizeof(*all),
        PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    sysvmp_set_log(to_log, nullptr);
    sysvmp_set_interrupt(interrupt, nullptr);
    targets();
    barriers();
    nested();
    conditions();
    have_had_a_thread();
    queues();
    others();
    threads();
    after_fork();
    is_int(0, all->astray, "no child has run its parent's code");
    return done();
}
