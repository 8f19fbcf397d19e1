/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fault-wake.c: a peer sleeps, and another process makes the call that wakes
 * it, in which the n-th call of the kernel fails; or in which the kernel
 * refuses them all, as the process has become another user or has a filter of
 * system calls.  If the call says 0 the peer comes back.  If it says a code,
 * nothing was done, and the same call by a healthy process wakes the peer.
 *
 * The one that fails stays alive all the time: its death would wake the peer.
 * Each error, once and for good, at each n comes with SYSVMP_CRASH_ALL=1
 * (`make check-crash`); else one of them at each n, and every third refusal in
 * earnest, others in each run.
 */
#include <config.h>

#include "internal.h"

#include "child.h"
#include "files.h"
#include "testing.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

enum {
    BOUND_MS = 1000,  /* longer than any wake-up that comes */
    CALLS_MAX = 100,  /* a call that makes more of them does not end */
    LARGE = 100000,
    FULL_AT = 2,
    NOBODY = 65534
};

/* How the waker's calls of the kernel fail. */
enum failure { ONCE, FOR_GOOD, OTHER_USER, FILTER };

static struct round {
    enum failure failure;
    int error;
    int n; /* of ONCE and FOR_GOOD */
    _Atomic int ready, go, answered, code, made, back, over;
} *now;

static struct sysvmp_queue *q;
static struct sysvmp_conn *end[2];
static struct sysvmp_lock *lock;
static struct sysvmp_rlock *rlock;
static struct sysvmp_semaphore *s;
static struct sysvmp_condition *c;
static struct sysvmp_barrier *b;
static struct sysvmp_event *e;
static char large[LARGE];
static int bad; /* rounds that went wrong, of one case */

/* So that each waiter sleeps. */
__attribute__((__constructor__(101))) static void
never_spin(void)
{
    setenv("SYSVMP_SPIN_US", "0", 1);
}

/*
 * A case.  The functions run in three processes: `have` and `wake` in the
 * waker, `doze` in the peer, the others in the tester, which is healthy.
 */
struct wake_case {
    const char *name;
    void (*create)(void);
    void (*have)(void);   /* what the waker needs for its call; NULL */
    int (*doze)(void);    /* 0: it was woken as it should be */
    int (*wake)(void);
    int (*state)(void);   /* what the call changes; NULL: can't be told */
    int (*again)(void);   /* as wake(); NULL: only the waker can make it */
    /* Of the waker: its step before the call, when the peer sleeps; its last
     * step, after any result of the call.  NULL: none. */
    void (*enter)(void);
    void (*settle)(void);
};

/*
 * Queues.
 */

static void
create_queue(size_t maxsize, unsigned flags)
{
    must(sysvmp_queue_create(&q, maxsize, flags), "queue_create");
}

static void
create_plain(void)
{
    create_queue(0, 0);
}

static void
create_bounded(void)
{
    create_queue(FULL_AT, 0);
}

static void
create_full(void)
{
    create_bounded();
    for (int i = 0; i < FULL_AT; i++)
        must(sysvmp_queue_put(q, "1", 1, SYSVMP_NOWAIT), "put");
}

static void
create_told(void)
{
    create_queue(0, SYSVMP_FILENO);
}

static void
create_with_end(void)
{
    create_queue(0, SYSVMP_EOF);
}

static void
create_joinable(void)
{
    create_queue(0, SYSVMP_JOINABLE);
    must(sysvmp_queue_put(q, "1", 1, SYSVMP_NOWAIT), "put");
}

static void
create_joinable_with_end(void)
{
    create_queue(0, SYSVMP_JOINABLE | SYSVMP_EOF);
    must(sysvmp_queue_put(q, "1", 1, SYSVMP_NOWAIT), "put");
}

static int
put(void)
{
    return sysvmp_queue_put(q, "1", 1, SYSVMP_FOREVER);
}

static int
put_large(void)
{
    return sysvmp_queue_put(q, large, LARGE, SYSVMP_FOREVER);
}

static int
put_many(void)
{
    struct sysvmp_item items[] = {{large, 0, 1}, {large, 0, 1}};
    int n = (int)sysvmp_queue_put_many(q, items, 2, SYSVMP_FOREVER);

    return n < 0 ? n : 0;
}

static int
put_in_place(void)
{
    struct sysvmp_msg *m;
    int error = sysvmp_msg_create(&m, LARGE);

    if (error < 0)
        return error;
    error = sysvmp_queue_put_msg(q, m, SYSVMP_FOREVER);
    if (error < 0)
        sysvmp_msg_destroy(m);
    return error;
}

static int
get(void)
{
    static char buf[LARGE];
    ssize_t len = sysvmp_queue_get(q, buf, sizeof(buf), SYSVMP_FOREVER);

    return len < 0 ? (int)len : 0;
}

static int
get_end(void)
{
    int result;

    must(sysvmp_queue_close(q), "close");
    result = get();
    return result == -EPIPE ? 0 : 1;
}

static int
poll_for_message(void)
{
    return readiness(sysvmp_queue_fileno(q), -1) == POLLIN ? 0 : 1;
}

static int
size(void)
{
    return (int)sysvmp_queue_qsize(q);
}

static int
is_joined(void)
{
    return sysvmp_queue_join(q, SYSVMP_NOWAIT);
}

static int
close_queue(void)
{
    return sysvmp_queue_close(q);
}

static void
get_one(void)
{
    must(get(), "get");
}

static void
close_ours(void)
{
    must(sysvmp_queue_close(q), "close");
}

static void
get_one_and_close(void)
{
    get_one();
    close_ours();
}

static int
task_done(void)
{
    return sysvmp_queue_task_done(q);
}

static int
task_return(void)
{
    return sysvmp_queue_task_return(q);
}

static int
join(void)
{
    return sysvmp_queue_join(q, SYSVMP_FOREVER);
}

static int
wait_for(struct sysvmp_waitable w)
{
    return sysvmp_wait(&w, 1, SYSVMP_FOREVER) == 1 ? 0 : 1;
}

static int
wait_for_queue(void)
{
    return wait_for((struct sysvmp_waitable){
        .kind = SYSVMP_WAIT_QUEUE, .of.queue = q});
}

static int
wait_for_end(void)
{
    close_ours();
    return wait_for_queue();
}

/*
 * Pipes.
 */

static void
create_pipe(void)
{
    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
}

static void
create_full_pipe(void)
{
    create_pipe();
    while (sysvmp_conn_send(end[1], large, LARGE, SYSVMP_NOWAIT) == 0)
        continue;
}

static int
send_one(void)
{
    return sysvmp_conn_send(end[1], "1", 1, SYSVMP_FOREVER);
}

static int
recv_one(void)
{
    static char buf[LARGE];
    ssize_t len = sysvmp_conn_recv(end[0], buf, LARGE, SYSVMP_FOREVER);

    return len < 0 ? (int)len : 0;
}

/* It takes several to make room for one. */
static int
send_large(void)
{
    return sysvmp_conn_send(end[1], large, LARGE, SYSVMP_FOREVER);
}

static int
recv_end(void)
{
    must(sysvmp_conn_close(end[1]), "close");
    return recv_one() == -EPIPE ? 0 : 1;
}

static int
send_to_nobody(void)
{
    must(sysvmp_conn_close(end[0]), "close");
    return send_large() == -EPIPE ? 0 : 1;
}

static int
poll_conn(void)
{
    return sysvmp_conn_poll(end[0], SYSVMP_FOREVER) == 1 ? 0 : 1;
}

static int
wait_for_conn(void)
{
    return wait_for((struct sysvmp_waitable){
        .kind = SYSVMP_WAIT_CONN, .of.conn = end[0]});
}

static int
is_readable_now(void)
{
    return sysvmp_conn_poll(end[0], SYSVMP_NOWAIT);
}

static int
close_sending(void)
{
    return sysvmp_conn_close(end[1]);
}

static int
close_receiving(void)
{
    return sysvmp_conn_close(end[0]);
}

static void
leave_sending(void)
{
    must(close_sending(), "close");
}

static void
leave_receiving(void)
{
    must(close_receiving(), "close");
}

/*
 * Locks.  Only the fast lock may be released by another process.
 */

#ifdef SYSVMP_PLAIN_LOCK
#    define OTHERS_RELEASE NULL
#else
#    define OTHERS_RELEASE release_lock
#endif

static void
create_lock(void)
{
    must(sysvmp_lock_create(&lock), "lock_create");
}

static void
create_rlock(void)
{
    must(sysvmp_rlock_create(&rlock), "rlock_create");
}

static void
take_lock(void)
{
    must(sysvmp_lock_acquire(lock, SYSVMP_NOWAIT), "acquire");
}

static void
take_rlock(void)
{
    must(sysvmp_rlock_acquire(rlock, SYSVMP_NOWAIT), "acquire");
}

static int
acquire_lock(void)
{
    return sysvmp_lock_acquire(lock, SYSVMP_FOREVER);
}

static int
acquire_rlock(void)
{
    return sysvmp_rlock_acquire(rlock, SYSVMP_FOREVER);
}

static int
release_lock(void)
{
    return sysvmp_lock_release(lock);
}

static int
release_rlock(void)
{
    return sysvmp_rlock_release(rlock);
}

static int
lock_is_held(void)
{
    return sysvmp_lock_locked(lock);
}

static int
rlock_is_held(void)
{
    return sysvmp_rlock_locked(rlock);
}

/*
 * The other nouns.
 */

static void
create_semaphore(void)
{
    must(sysvmp_semaphore_create(&s, 0, 0, 0), "semaphore_create");
}

static void
create_permits(void)
{
    must(sysvmp_semaphore_create(&s, 2, 2, SYSVMP_PERMITS), "create");
}

static int
acquire_one(void)
{
    return sysvmp_semaphore_acquire(s, SYSVMP_FOREVER);
}

static void
take_permits(void)
{
    must(acquire_one(), "acquire");
    must(acquire_one(), "acquire");
}

static int
release_one(void)
{
    return sysvmp_semaphore_release(s, 1);
}

static int
value(void)
{
    return sysvmp_semaphore_value(s);
}

static void
create_condition(void)
{
    must(sysvmp_condition_create(&c, NULL), "condition_create");
}

static void
take_condition(void)
{
    must(sysvmp_condition_acquire(c, SYSVMP_FOREVER), "acquire");
}

/* Releasing it is for others, whatever the result. */
static int
wait_at_condition(void)
{
    int result = sysvmp_condition_acquire(c, SYSVMP_FOREVER);

    if (result >= 0)
        result = sysvmp_condition_wait(c, SYSVMP_FOREVER);
    if (result >= 0)
        (void)sysvmp_condition_release(c);
    return result;
}

static int
notify(void)
{
    return sysvmp_condition_notify(c, 1);
}

static int
notify_all(void)
{
    return sysvmp_condition_notify_all(c);
}

static int
take_and_notify(void)
{
    int result = sysvmp_condition_acquire(c, BOUND_MS);

    if (result >= 0)
        result = notify();
    if (result >= 0)
        result = sysvmp_condition_release(c);
    return result;
}

static void
release_condition(void)
{
    must(sysvmp_condition_release(c), "release");
}

static void
create_barrier(void)
{
    must(sysvmp_barrier_create(&b, 2, NULL, NULL), "barrier_create");
}

static int
wait_at_barrier(void)
{
    int result = sysvmp_barrier_wait(b, SYSVMP_FOREVER);

    return result > 0 ? 0 : result;
}

/* By the tester, who does not wait for ever. */
static int
complete_barrier(void)
{
    return sysvmp_barrier_wait(b, BOUND_MS);
}

static int
be_cancelled(void)
{
    return wait_at_barrier() == -ECANCELED ? 0 : 1;
}

static int
reset(void)
{
    return sysvmp_barrier_reset(b);
}

static int
abort_barrier(void)
{
    return sysvmp_barrier_abort(b);
}

/* How many wait, and whether it is broken. */
static int
barrier_state(void)
{
    return 2 * sysvmp_barrier_n_waiting(b) + sysvmp_barrier_broken(b);
}

static void
create_event(void)
{
    must(sysvmp_event_create(&e), "event_create");
}

static int
wait_for_set(void)
{
    return sysvmp_event_wait(e, SYSVMP_FOREVER);
}

static int
set(void)
{
    return sysvmp_event_set(e);
}

static int
is_set(void)
{
    return sysvmp_event_is_set(e);
}

static int
wait_for_event(void)
{
    return wait_for((struct sysvmp_waitable){
        .kind = SYSVMP_WAIT_EVENT, .of.event = e});
}

static void
destroy_all(void)
{
    sysvmp_queue_destroy(q);
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
    sysvmp_condition_destroy(c);
    sysvmp_lock_destroy(lock);
    sysvmp_rlock_destroy(rlock);
    sysvmp_semaphore_destroy(s);
    sysvmp_barrier_destroy(b);
    sysvmp_event_destroy(e);
    q = NULL;
    end[0] = end[1] = NULL;
    c = NULL;
    lock = NULL;
    rlock = NULL;
    s = NULL;
    b = NULL;
    e = NULL;
}

static const struct wake_case cases[] = {
    {"get, put", create_plain, NULL, get, put, size, put, NULL, NULL},
    {"get, put of a large message", create_plain, NULL, get, put_large, size,
        put_large, NULL, NULL},
    {"get, put_many", create_plain, NULL, get, put_many, size, put_many,
        NULL, NULL},
    {"get, put_msg", create_plain, NULL, get, put_in_place, size,
        put_in_place, NULL, NULL},
    {"get, put, bounded", create_bounded, NULL, get, put, size, put, NULL,
        NULL},
    {"put, get, full", create_full, NULL, put, get, size, get, NULL, NULL},
    {"get at the end, close", create_with_end, NULL, get_end, close_queue,
        NULL, NULL, NULL, NULL},
    {"poll(2), put", create_told, NULL, poll_for_message, put, size, put,
        NULL, NULL},
    {"get, task_return", create_joinable, get_one, get, task_return, size,
        put, NULL, NULL},
    {"get at the end, task_done", create_joinable_with_end,
        get_one_and_close, get_end, task_done, NULL, NULL, NULL, NULL},
    {"join, task_done", create_joinable, get_one, join, task_done, is_joined,
        NULL, NULL, NULL},
    {"recv, send", create_pipe, NULL, recv_one, send_one, is_readable_now,
        send_one, NULL, NULL},
    {"poll, send", create_pipe, NULL, poll_conn, send_one, is_readable_now,
        send_one, NULL, NULL},
    {"send, recv, full", create_full_pipe, NULL, send_large, recv_one, NULL,
        recv_one, NULL, NULL},
    {"recv, close", create_pipe, leave_receiving, recv_end, close_sending,
        NULL, NULL, NULL, NULL},
    {"send, close, full", create_full_pipe, leave_sending, send_to_nobody,
        close_receiving, NULL, NULL, NULL, NULL},
    {"acquire, release of a lock", create_lock, take_lock, acquire_lock,
        release_lock, lock_is_held, OTHERS_RELEASE, NULL, NULL},
    {"acquire, release of an rlock", create_rlock, take_rlock, acquire_rlock,
        release_rlock, rlock_is_held, NULL, NULL, NULL},
    {"acquire, release of a semaphore", create_semaphore, NULL, acquire_one,
        release_one, value, release_one, NULL, NULL},
    {"acquire, release of a permit", create_permits, take_permits,
        acquire_one, release_one, value, NULL, NULL, NULL},
    {"wait, notify", create_condition, NULL, wait_at_condition, notify,
        NULL, take_and_notify, take_condition, release_condition},
    {"wait, notify_all", create_condition, NULL, wait_at_condition,
        notify_all, NULL, take_and_notify, take_condition, release_condition},
    {"barrier_wait by both", create_barrier, NULL, wait_at_barrier,
        wait_at_barrier, barrier_state, complete_barrier, NULL, NULL},
    {"barrier_wait, reset", create_barrier, NULL, be_cancelled, reset,
        barrier_state, reset, NULL, NULL},
    {"barrier_wait, abort", create_barrier, NULL, be_cancelled,
        abort_barrier, barrier_state, abort_barrier, NULL, NULL},
    {"event_wait, set", create_event, NULL, wait_for_set, set, is_set, set,
        NULL, NULL},
    {"wait for any, put", create_plain, NULL, wait_for_queue, put, size, put,
        NULL, NULL},
    {"wait for any, put of a large message", create_plain, NULL,
        wait_for_queue, put_large, size, put_large, NULL, NULL},
    {"wait for any, send", create_pipe, NULL, wait_for_conn, send_one,
        is_readable_now, send_one, NULL, NULL},
    {"wait for any, set", create_event, NULL, wait_for_event, set, is_set,
        set, NULL, NULL},
    {"wait for any, close", create_with_end, NULL, wait_for_end, close_queue,
        NULL, NULL, NULL, NULL},
    {"wait for any, task_return", create_joinable, get_one, wait_for_queue,
        task_return, size, put, NULL, NULL},
};

enum { CASES = sizeof(cases) / sizeof(cases[0]) };

/*
 * The kernel refuses.
 */

/* Those that wake somebody. */
static const int refused[] = {
#ifdef SYS_semop
    SYS_semop,
#endif
#ifdef SYS_semtimedop
    SYS_semtimedop,
#endif
#ifdef SYS_semtimedop_time64
    SYS_semtimedop_time64,
#endif
#ifdef SYS_ipc
    SYS_ipc,
#endif
#ifdef SYS_msgsnd
    SYS_msgsnd,
#endif
#ifdef SYS_membarrier
    SYS_membarrier,
#endif
    SYS_write,
};

enum { REFUSED = sizeof(refused) / sizeof(refused[0]) };

/* A filter of system calls, which answers an error for these. */
static int
filter(int error)
{
    struct sock_filter code[2 * REFUSED + 2] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
            offsetof(struct seccomp_data, nr))};
    struct sock_fprog program = {2 * REFUSED + 2, code};

    for (int i = 0; i < REFUSED; i++) {
        code[1 + 2 * i] = (struct sock_filter)BPF_JUMP(
            BPF_JMP | BPF_JEQ | BPF_K, (unsigned)refused[i], 0, 1);
        code[2 + 2 * i] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
            SECCOMP_RET_ERRNO | (unsigned)error);
    }
    code[2 * REFUSED + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
        SECCOMP_RET_ALLOW);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno
                                                                    : 0;
}

static int
begin_to_fail(void)
{
    switch (now->failure) {
    case OTHER_USER:
        return setresuid(NOBODY, NOBODY, NOBODY) < 0 ? -errno : 0;
    case FILTER:
        return filter(now->error);
    default:
        testing_fail(SEAM_CALLS, now->n, now->error,
            now->failure == FOR_GOOD);
        return 0;
    }
}

/*
 * A round.
 */

static const char *
failure_name(void)
{
    switch (now->failure) {
    case ONCE:
        return "fails";
    case FOR_GOOD:
        return "and all later fail";
    case OTHER_USER:
        return "by another user";
    default:
        return "under a filter";
    }
}

static void
wrong(const struct wake_case *w, const char *what)
{
    diag("%s: call %d %s with %s, answer %d: %s", w->name, now->n,
        failure_name(), strerror(now->error), now->code, what);
    bad++;
}

static int
run_waker(void *arg)
{
    const struct wake_case *w = arg;
    unsigned long before;

    if (w->have)
        w->have();
    atomic_store(&now->ready, 1);
    until(&now->go, 1);
    if (w->enter)
        w->enter();
    if (begin_to_fail() < 0)
        return 1;
    before = testing_all_calls();
    now->code = w->wake();
    now->made = (int)(testing_all_calls() - before);
    testing_fail(SEAM_CALLS, 0, 0, false);
    atomic_store(&now->answered, 1);
    until(&now->go, 2);
    if (now->code < 0 && !w->again && w->wake() < 0)
        return 2;
    if (w->settle)
        w->settle();
    atomic_store(&now->answered, 2);
    until(&now->over, 1);
    return 0;
}

static int
run_peer(void *arg)
{
    const struct wake_case *w = arg;
    int result = w->doze();

    atomic_store(&now->back, 1);
    until(&now->over, 1);
    return result < 0 ? -result : result;
}

static int
comes(_Atomic int *word, int seen)
{
    int64_t limit = now_ns() + BOUND_MS * INT64_C(1000000);

    while (atomic_load(word) < seen) {
        if (now_ns() > limit)
            return 0;
        pause_us(50);
    }
    return 1;
}

/* The codes of sysvmp.h that say: the kernel would not.  -EOVERFLOW is what a
 * release makes of ERANGE, which says that there would be too many. */
static int
is_code(int code)
{
    if (now->error == ERANGE && code == -EOVERFLOW)
        return 1;
    return code == -EACCES || code == -ENOSYS || code == -ENOSPC ||
        code == -ENOMEM || code == -EIDRM || code == -EBADF;
}

/* The waker's calls work again; or, where they never will, it dies, and what
 * only itself could do is done by its end. */
static void
settle(const struct wake_case *w, pid_t *waker)
{
    if (now->failure == ONCE || now->failure == FOR_GOOD) {
        atomic_store(&now->go, 2);
        if (!comes(&now->answered, 2))
            wrong(w, "it can't do it when its calls work again");
    } else if (w->settle || (!w->again && now->code < 0)) {
        slay(*waker);
        *waker = 0;
    }
}

/*
 * The change must come before the wake-up, and can't be undone: a message that
 * the kernel's queue has accepted, when every later call fails; what others
 * may have seen of a barrier.  Where the wake-up is refused after the question
 * whether it may be made was answered, the next one who makes such a call
 * wakes the peer.
 */
static int
comes_first(const struct wake_case *w)
{
    int injected = now->failure == ONCE || now->failure == FOR_GOOD;

    return injected && now->n > 1 &&
        ((w->wake == put && w->create == create_plain) ||
            (w->wake == send_one && w->create == create_pipe) ||
            (w->wake == close_queue && w->doze == wait_for_end) ||
            w->create == create_barrier);
}

/* By a healthy process.  What only the waker could do, and does no more, is to
 * do again: its message has come back. */
static int
make_again(const struct wake_case *w, int changed)
{
    if (bad)
        return 0;
    if (w->create == create_barrier && changed)
        return reset();
    if (w->doze == join && now->failure != ONCE && now->failure != FOR_GOOD)
        return get() < 0 ? -1 : task_done();
    return w->again ? w->again() : 0;
}

/* It was refused: nothing was done, and others can do it. */
static void
look_refused(const struct wake_case *w, int state, pid_t *waker)
{
    int changed;

    if (!is_code(now->code))
        wrong(w, "that is no code for it");
    changed = w->state && !atomic_load(&now->back) && w->state() != state;
    if (changed && !comes_first(w))
        wrong(w, "something was done");
    settle(w, waker);
    if (make_again(w, changed) < 0)
        wrong(w, "a healthy process can't do it");
    if (!comes(&now->back, 1))
        wrong(w, "the peer sleeps, though a healthy process has done it");
}

static void
look_done(const struct wake_case *w, pid_t *waker)
{
    settle(w, waker);
    if (comes_first(w) && !comes(&now->back, 1)) {
        if (w->again && w->again() < 0)
            wrong(w, "a healthy process can't do it");
        if (!w->again) {
            slay(*waker); /* nobody else can tell of the end */
            *waker = 0;
        }
    }
    if (!comes(&now->back, 1))
        wrong(w, "it was done, and the peer sleeps");
}

static void
clean_up(const struct wake_case *w, pid_t waker, pid_t peer)
{
    int back = now->back, code;

    atomic_store(&now->over, 1);
    if (waker != 0)
        slay(waker);
    code = back ? reap(peer) : slay(peer);
    if (back && code != 0 && code != SYSVMP_OWNER_DEAD)
        wrong(w, "the peer's result");
    destroy_all();
    must(sysvmp_leave(), "leave");
    if (ipc_left() != 0)
        wrong(w, "something is left in the kernel");
    ipc_remove();
}

/* What the tester must not hold itself, as the peer waits for its end. */
static void
give_up(const struct wake_case *w)
{
    if (w->create == create_with_end || w->create == create_joinable_with_end)
        close_ours();
    if (w->doze == recv_end)
        leave_sending();
    if (w->doze == send_to_nobody)
        leave_receiving();
}

static void
play(const struct wake_case *w)
{
    pid_t waker, peer;
    int state;

    w->create();
    waker = child(run_waker, (void *)(uintptr_t)w);
    until(&now->ready, 1);
    peer = child(run_peer, (void *)(uintptr_t)w);
    if (!asleep(peer))
        wrong(w, "the peer does not sleep");
    give_up(w);
    if (!asleep(peer))
        wrong(w, "the peer does not sleep on");
    state = w->state ? w->state() : 0;
    atomic_store(&now->go, 1);
    if (!comes(&now->answered, 1))
        wrong(w, "the call does not return");
    else if (now->code < 0)
        look_refused(w, state, &waker);
    else
        look_done(w, &waker);
    clean_up(w, waker, peer);
}

/* One round; was there a call of the kernel that could fail? */
static int
play_with(const struct wake_case *w, enum failure failure, int error, int n)
{
    *now = (struct round){.failure = failure, .error = error, .n = n};
    play(w);
    return now->made >= n;
}

/*
 * All of them.
 */

static const int errors[] = {EACCES, EPERM, ENOSYS, ERANGE};

enum { ERRORS = sizeof(errors) / sizeof(errors[0]) };

static int complete; /* the complete form? */
static unsigned seed;

/* The n-th call of the kernel fails: was there one? */
static int
play_nth(const struct wake_case *w, int n)
{
    int there = 0;

    if (!complete)
        return play_with(w, chance(&seed, 2) ? ONCE : FOR_GOOD,
            errors[chance(&seed, ERRORS)], n);
    for (int i = 0; i < 2 * ERRORS && !bad; i++)
        there |= play_with(w, i % 2 ? ONCE : FOR_GOOD, errors[i / 2], n);
    return there;
}

static void
walk(const struct wake_case *w)
{
    int n = 1;

    bad = 0;
    while (play_nth(w, n) && !bad && n < CALLS_MAX)
        n++;
    if (n == CALLS_MAX)
        wrong(w, "it does not end");
    is_int(0, bad, "%s: each of its %d calls of the kernel fails", w->name,
        n - 1);
}

static int
try_to_fail(void *arg)
{
    (void)arg;
    return begin_to_fail() < 0;
}

/* All cases, or every third, while the kernel refuses in earnest. */
static void
refuse(enum failure failure, int error, const char *name)
{
    int step = complete ? 1 : 3, all_bad = 0;

    *now = (struct round){.failure = failure, .error = error};
    if (reap(child(try_to_fail, NULL)) != 0) {
        skip(1, "%s: that can't be had here", name);
        return;
    }
    for (int i = (int)chance(&seed, (unsigned)step); i < CASES; i += step) {
        bad = 0;
        (void)play_with(&cases[i], failure, error, 0);
        all_bad += bad > 0;
    }
    is_int(0, all_bad, "%s: each call says what was done", name);
}

int
main(void)
{
    plan(CASES + 3);
    now = shared(sizeof(*now));
    complete = getenv("SYSVMP_CRASH_ALL") != NULL;
    seed = first_seed();
    for (int i = 0; i < CASES; i++)
        walk(&cases[i]);
    refuse(OTHER_USER, EACCES, "another user");
    refuse(FILTER, EPERM, "a filter answers EPERM");
    refuse(FILTER, ENOSYS, "a filter answers ENOSYS");
    return done();
}
