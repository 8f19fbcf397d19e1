/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crash-process.c: a parent killed at each point of starting a process, a
 * child killed at each point of its registration, and a parent killed between
 * the two; also with a thread of the parent inside a call, and with the next
 * one that starts a process killed as well.  No false end of file, no missing
 * one, and what the child sent arrives.
 */
#include <config.h>

#include "crash.h"
#include "sysvmp.h"
#include "testing.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NUMBER = 42, SAW_END = 200, SAW_OTHER = 250 };

/* What happens in the next fork of this process. */
static enum {
    NOTHING,
    SPARE_CHILD, /* the parent counts crash points, the child does not */
    KILL_CHILD,  /* the child does */
    KILL_PARENT  /* before the child has registered, which waits for `go` */
} in_fork;

static struct words {
    _Atomic int go;
    _Atomic int sent; /* the child's send was acknowledged */
    _Atomic int orphan; /* its pid, while it waits for `go` */
} *words;

static struct sysvmp_conn *reads, *writes;
static struct sysvmp_queue *queue;
static struct sysvmp_process *process;
static pid_t waiter;

static void
in_parent(void)
{
    if (in_fork == KILL_PARENT)
        kill(getpid(), SIGKILL);
    in_fork = NOTHING;
}

static void
in_child(void)
{
    if (in_fork != NOTHING)
        testing_crash_at(in_fork == KILL_CHILD ? crash_round() : 0);
    if (in_fork == KILL_PARENT) {
        atomic_store(&words->orphan, getpid());
        until(&words->go, 1);
    }
    in_fork = NOTHING;
}

/* Before the library's own handlers are there, so that ours in the parent and
 * in the child come first. */
__attribute__((__constructor__(101))) static void
install(void)
{
    pthread_atfork(NULL, in_parent, in_child);
}

static int
receive(int timeout_ms)
{
    int number = 0;
    ssize_t len =
        sysvmp_conn_recv(reads, &number, sizeof(number), timeout_ms);

    return len < 0 ? (int)len : len == sizeof(number) ? number : -EBADMSG;
}

static int
send_number(void *arg)
{
    int number = NUMBER;

    (void)arg;
    if (sysvmp_conn_send(writes, &number, sizeof(number), SYSVMP_FOREVER) == 0)
        atomic_store(&words->sent, 1);
    return 0;
}

static void
create(void)
{
    struct sysvmp_conn *end[2];

    atomic_store(&words->go, 0);
    atomic_store(&words->sent, 0);
    atomic_store(&words->orphan, 0);
    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
    reads = end[0];
    writes = end[1];
}

static void
destroy(void)
{
    sysvmp_conn_destroy(reads);
    sysvmp_conn_destroy(writes);
}

/* What others left to us has ended, too. */
static void
reap_orphans(void)
{
    int64_t end = now_ns() + CRASH_BOUND_MS * INT64_C(1000000);
    pid_t pid;

    while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0) {
        if (pid > 0)
            continue;
        if (now_ns() > end) {
            wrong("a child without a parent hangs");
            return;
        }
        pause_us(50);
    }
}

/* A process that is started afterwards. */
static void
start_another(void)
{
    struct sysvmp_process *p;
    int code = -1;

    must(sysvmp_process_create(&p, send_number, NULL), "process_create");
    want(0, sysvmp_process_start(p), "another start");
    want(NUMBER, receive(CRASH_BOUND_MS), "what that one sent");
    want(0, sysvmp_process_join(p, CRASH_BOUND_MS), "its join");
    must(sysvmp_process_exitcode(p, &code), "exitcode");
    want(0, code, "its exit code");
    must(sysvmp_process_destroy(p), "process_destroy");
}

/*
 * The parent is killed.
 */

static void
create_process(void)
{
    want(0, sysvmp_conn_close(reads), "close");
    must(sysvmp_process_create(&process, send_number, NULL), "create");
}

static void
create_and_give(void)
{
    create_process();
    want(0, sysvmp_process_give(process, writes), "give");
}

static void
close_writing(void)
{
    want(0, sysvmp_conn_close(writes), "close");
}

static int
start(void)
{
    in_fork = SPARE_CHILD;
    return sysvmp_process_start(process);
}

static void
look(const struct crash_end *end)
{
    int number = receive(CRASH_BOUND_MS);

    if (end->acknowledged) {
        want(0, end->answer, "the victim's start");
        want(NUMBER, number, "what the child sent");
    }
    if (number == NUMBER)
        number = receive(CRASH_BOUND_MS);
    else if (atomic_load(&words->sent))
        wrong("what the child sent has not come, but %d", number);
    want(-EPIPE, number, "end of file");
    reap_orphans();
    if (atomic_load(&words->sent) && receive(SYSVMP_NOWAIT) != -EPIPE)
        wrong("something came after the end of file");
    destroy();
    create();
    start_another();
    destroy();
}

static void
parent_cases(void)
{
    static const struct crash_case starts = {"start", create, create_process,
        close_writing, start, NULL, look, ENDS};
    static const struct crash_case gives = {"start, an end was given",
        create, create_and_give, close_writing, start, NULL, look, ENDS};

    crash_run(&starts);
    crash_run(&gives);
}

/*
 * The parent is killed while another thread of it is inside a call.
 */

static void
create_with_queue(void)
{
    create();
    must(sysvmp_queue_create(&queue, 1, 0), "queue_create");
}

static void
sleep_in_get(void)
{
    char byte;

    (void)!sysvmp_queue_get(queue, &byte, 1, SYSVMP_FOREVER);
}

static void
put_and_get(void)
{
    char byte;

    (void)!sysvmp_queue_put(queue, "x", 1, SYSVMP_NOWAIT);
    (void)!sysvmp_queue_get(queue, &byte, 1, SYSVMP_NOWAIT);
}

static void
look_at_queue(const struct crash_end *end)
{
    char byte;
    ssize_t len = sysvmp_queue_get(queue, &byte, 1, SYSVMP_NOWAIT);

    if (len != 1)
        want(-EAGAIN, len, "get");
    want(0, sysvmp_queue_put(queue, "x", 1, CRASH_BOUND_MS), "put");
    want(1, sysvmp_queue_full(queue), "full");
    sysvmp_queue_destroy(queue);
    look(end);
}

static void
thread_cases(void)
{
    static const struct crash_case starts = {"start", create_with_queue,
        create_process, close_writing, start, NULL, look_at_queue, ENDS};
    static const struct crash_case gives = {"start, an end was given",
        create_with_queue, create_and_give, close_writing, start, NULL,
        look_at_queue, ENDS};

    crash_run_beside_sleep(&starts, sleep_in_get);
    crash_run_beside_sleep(&gives, sleep_in_get);
    crash_run_beside_loop(&starts, put_and_get);
    crash_run_beside_loop(&gives, put_and_get);
}

/*
 * The parent is killed, and then the next one that starts a process.
 */

static int
do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int
start_and_join(void)
{
    struct sysvmp_process *p;
    int code = -1;

    if (sysvmp_process_create(&p, do_nothing, NULL) < 0 ||
        sysvmp_process_start(p) < 0 ||
        sysvmp_process_join(p, SYSVMP_FOREVER) < 0 ||
        sysvmp_process_exitcode(p, &code) < 0 || sysvmp_process_destroy(p) < 0)
        return SAW_OTHER;
    return code == 0 || code == -SIGKILL ? 0 : code;
}

static void
look_after_heir(const struct crash_end *end)
{
    int code = heir_end();

    if (code != -SIGKILL)
        want(0, code, "the heir's start and join");
    look(end);
}

static void
heir_cases(void)
{
    static const struct crash_case starts = {"start", create, create_process,
        close_writing, start, NULL, look_after_heir, ENDS};
    static const struct crash_case gives = {"start, an end was given",
        create, create_and_give, close_writing, start, NULL, look_after_heir,
        ENDS};

    crash_run_heir(&starts, start_and_join);
    crash_run_heir(&gives, start_and_join);
}

/*
 * The child is killed.
 */

static int
peer_receives(void)
{
    int number = receive(SYSVMP_FOREVER);

    if (number == -EPIPE)
        return SAW_END;
    return receive(SYSVMP_FOREVER) == -EPIPE ? number : SAW_OTHER;
}

static int
close_and_receive(void)
{
    close_writing();
    return peer_receives();
}

static void
let_receive(void)
{
    waiter = sleeping_peer(close_and_receive);
    close_writing();
}

/* The victim's child does it, and the victim dies as it does. */
static int
fork_and_close(void)
{
    pid_t pid;
    int ended;

    testing_crash_at(0);
    in_fork = KILL_CHILD;
    pid = fork();
    if (pid == 0) {
        long points = testing_points();

        testing_crash_at(0);
        crash_counted(points);
        _exit(send_number(NULL));
    }
    close_writing();
    ended = reap(pid);
    if (ended < 0)
        kill(getpid(), -ended);
    return ended;
}

static void
look_for_end(const struct crash_end *end)
{
    int seen = peer_end(waiter);

    if (end->acknowledged)
        want(0, end->answer, "the child's end");
    want(end->acknowledged || atomic_load(&words->sent) ? NUMBER : SAW_END,
        seen, "what the peer saw");
    reap_orphans();
    destroy();
    create();
    start_another();
    destroy();
}

static void
child_case(void)
{
    static const struct crash_case registers = {
        "registration of a child, and its parent closes", create, NULL,
        let_receive, fork_and_close, NULL, look_for_end, ENDS};

    crash_run(&registers);
}

/*
 * The parent is killed while the child is not registered.
 */

static int
forward(void *arg)
{
    int number = 0;

    (void)arg;
    if (sysvmp_queue_get(queue, &number, sizeof(number), SYSVMP_NOWAIT) < 0 ||
        sysvmp_conn_send(writes, &number, sizeof(number), SYSVMP_NOWAIT) != 0)
        return 1;
    return 0;
}

static int
start_and_die(void *arg)
{
    struct sysvmp_process *p;

    (void)arg;
    must(sysvmp_process_create(&p, forward, NULL), "process_create");
    in_fork = KILL_PARENT;
    return sysvmp_process_start(p);
}

static void
orphan_test(void)
{
    int number = NUMBER, early = 0;

    create();
    must(sysvmp_queue_create(&queue, 0, 0), "queue_create");
    want(0, sysvmp_queue_put(queue, &number, sizeof(number), SYSVMP_NOWAIT),
        "put");
    is_int(-SIGKILL, reap(child(start_and_die, NULL)),
        "a parent is killed between the fork and its child's registration");
    close_writing();
    waiter = peer(peer_receives);
    sysvmp_queue_destroy(queue);
    for (int i = 0; i < 200; i++)
        early += receive(SYSVMP_NOWAIT) != -EAGAIN;
    is_int(0, early, "... nobody sees an end of file meanwhile");
    atomic_store(&words->go, 1);
    is_int(NUMBER, peer_end(waiter),
        "... the child gets what was in a queue that we have destroyed, "
        "sends it, and then is the end of file");
    reap_orphans();
    is_int(-EPIPE, receive(SYSVMP_NOWAIT), "... for us, too");
    destroy();
    must(sysvmp_leave(), "leave");
    is_int(0, ipc_left(), "... and nothing is left");
}

/* The same, but the child is killed as well. */
static void
orphan_killed_test(void)
{
    pid_t pid;

    create();
    must(sysvmp_queue_create(&queue, 0, 0), "queue_create");
    waiter = peer(close_and_receive);
    pid = child(start_and_die, NULL);
    close_writing();
    is_int(-SIGKILL, reap(pid), "a parent is killed like that");
    until(&words->orphan, 1);
    kill(atomic_load(&words->orphan), SIGKILL);
    is_int(SAW_END, peer_end(waiter),
        "... and its child, too: then is the end of file");
    reap_orphans();
    sysvmp_queue_destroy(queue);
    destroy();
    must(sysvmp_leave(), "leave");
    is_int(0, ipc_left(), "... and nothing is left");
}

int
main(void)
{
    plan(3 + 4 + 2 + 5 + 3);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    words = shared(sizeof(*words));
    parent_cases();
    thread_cases();
    heir_cases();
    child_case();
    orphan_test();
    orphan_killed_test();
    return done();
}
