/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fault-walk.c: a whole program runs again and again, and each time another
 * call of the kernel fails: the first of its kind, the second, and so on until
 * a run passes unharmed; only that one, or all from there on.  Each call of
 * ours works or answers one of its codes, with a text; after one fault it
 * works when it is made again; nobody hangs; when the program has ended,
 * nothing is left but what the failing call should have removed.
 *
 * Each call's turn comes with SYSVMP_CRASH_ALL=1 (`make check-crash`); else
 * every twelfth's, another one in each run; of what a filter of system calls
 * may answer one error for each kind of call.
 */
#include <config.h>

#include "internal.h"

#include "arena.h"
#include "block.h"
#include "child.h"
#include "files.h"
#include "testing.h"

#include <signal.h>
#include <stdlib.h>

enum mode { ONCE, FOR_GOOD };

enum {
    CALLS_MAX = 500, /* of one kind; a program that makes more does not end */
    HANG_S = 5,
    TELL_MAX = 6, /* lines about what is wrong, for each program */
    GONE_MS = 300
};

/* What a call may answer beside what is wanted. */
enum codes {
    CREATION = 1, /* the codes of sysvmp.h by these names */
    COMMON = 2,
    WAITING = 4,
    FREE = 8,     /* -EOVERFLOW: an acquire has failed before */
    BROKEN = 16,  /* -EBADMSG */
    END = 32,     /* -EPIPE */
    SEIZED = 64,  /* -EPERM: likewise, of an rlock */
    LEAVING = 128 /* -EIDRM; -EACCES: who has dropped its privileges */
};

/* One round: what fails.  Shared by the processes of the program. */
static struct round {
    enum seam call;
    int code;
    enum mode mode;
    int n;
    _Atomic int count; /* calls of this kind */
    _Atomic int hit;
    _Atomic int wrongs;
    _Atomic int go; /* a fork's child may end */
    _Atomic int refused; /* calls of ours that answered a code for it */
} *now;

static int inherited; /* in a child, which can't try its fork again */
static int told;

static struct {
    int faults, refused, left_rounds, left;
} sum;

static const char *const seam_names[SEAM_CALLS] = {"semget", "semop",
    "semtimedop", "semctl", "msgget", "msgsnd", "msgrcv", "msgctl", "shmget",
    "shmat", "shmdt", "shmctl", "membarrier", "unshare", "madvise", "pipe",
    "fcntl", "fstat", "write", "read", "close"};

static void
wrong(const char *what, int64_t wanted, int64_t seen)
{
    if (atomic_fetch_add(&now->wrongs, 1) == 0 && told < TELL_MAX)
        diag("%s %d %s with %s: %s: wanted %d, seen %d (%s)",
            seam_names[now->call], now->n,
            now->mode == ONCE ? "fails" : "and all later fail",
            strerror(now->code), what, (int)wanted, (int)seen,
            sysvmp_last_error());
}

/*
 * A semop finds no memory where it is a process's first with SEM_UNDO in a
 * set, which is among the first three; of these the first may fail for good,
 * as the third may give something back.  No kernel fails to do that.
 */
static int
can_fail(enum seam call)
{
    static pid_t pid;
    static int semops;

    if (call != SEAM_SEMOP || (now->code != ENOMEM && now->code != ENOSPC))
        return 1;
    if (pid != getpid()) {
        pid = getpid();
        semops = 0;
    }
    return ++semops <= (now->mode == ONCE ? 3 : 1);
}

static int
fail_the_nth(enum seam call)
{
    int n;

    if (call != now->call || !can_fail(call))
        return 0;
    n = atomic_fetch_add(&now->count, 1) + 1;
    if (n != now->n && (now->mode == ONCE || n < now->n))
        return 0;
    atomic_store(&now->hit, 1);
    return -now->code;
}

static int
is_listed(int code, unsigned codes)
{
    static const struct {
        int code;
        unsigned codes;
    } lists[] = {
        {ENOSYS, CREATION | COMMON | LEAVING},
        {EACCES, CREATION | COMMON | LEAVING},
        {ENOSPC, CREATION | COMMON},
        {ENOMEM, CREATION | COMMON},
        {EIDRM, CREATION | COMMON | LEAVING}, /* also the arena's own */
        {EBADF, COMMON},
        {EAGAIN, WAITING},
        {ETIMEDOUT, WAITING},
        {EOVERFLOW, FREE},
        {EPERM, SEIZED},
        {EBADMSG, BROKEN},
        {EPIPE, END},
    };

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        if (lists[i].code == -code)
            return (lists[i].codes & codes) != 0;
    return 0;
}

/* Not what is wanted: is it to be tried again, as the fault is over?  What
 * was interrupted the library itself makes again. */
static int
again(const char *what, int64_t wanted, int64_t seen, unsigned codes)
{
    if (!atomic_load(&now->hit) || now->code == EINTR ||
        (seen < 0 && !is_listed((int)seen, codes)) ||
        (seen < 0 && sysvmp_last_error()[0] == '\0'))
        wrong(what, wanted, seen);
    if (seen < 0)
        atomic_fetch_add(&now->refused, 1);
    return now->mode == ONCE && !inherited;
}

/* A child that failed may have left a notice of its death with the lock. */
static int
as_wanted(int64_t wanted, int64_t seen)
{
    return seen == wanted || (wanted == 0 && seen == SYSVMP_OWNER_DEAD);
}

#define CALL(wanted, codes, call) \
    do { \
        int64_t seen = (call); \
        if (!as_wanted(wanted, seen) && again(#call, wanted, seen, codes)) { \
            seen = (call); \
            if (!as_wanted(wanted, seen)) \
                wrong("once more: " #call, wanted, seen); \
        } \
    } while (0)

/*
 * The programs.  A timeout is short where it is to run out, and otherwise
 * longer than anything that is not a hang.
 */

enum { SHORT_MS = 1, LONG_MS = 1000 };

static void
use_lock(struct sysvmp_lock *lock)
{
    CALL(0, COMMON | WAITING, sysvmp_lock_acquire(lock, SHORT_MS));
    CALL(-ETIMEDOUT, COMMON | WAITING, sysvmp_lock_acquire(lock, SHORT_MS));
    CALL(1, COMMON, sysvmp_lock_locked(lock));
    CALL(0, COMMON | FREE, sysvmp_lock_release(lock));
    CALL(0, COMMON, sysvmp_lock_owner(lock));
}

static void
a_lock(void)
{
    struct sysvmp_lock *lock = NULL, *other = NULL;

    CALL(0, CREATION, sysvmp_lock_create(&lock));
    CALL(0, CREATION, sysvmp_lock_create(&other));
    if (lock)
        use_lock(lock);
    sysvmp_lock_destroy(lock);
    if (other)
        use_lock(other);
    sysvmp_lock_destroy(other);
}

static void
an_rlock(void)
{
    struct sysvmp_rlock *lock = NULL;

    CALL(0, CREATION, sysvmp_rlock_create(&lock));
    if (!lock)
        return;
    CALL(0, COMMON | WAITING, sysvmp_rlock_acquire(lock, SHORT_MS));
    CALL(0, COMMON | WAITING, sysvmp_rlock_acquire(lock, SHORT_MS));
    CALL(getpid(), COMMON, sysvmp_rlock_owner(lock));
    CALL(0, COMMON | FREE | SEIZED, sysvmp_rlock_release(lock));
    CALL(0, COMMON | FREE | SEIZED, sysvmp_rlock_release(lock));
    CALL(0, COMMON, sysvmp_rlock_locked(lock));
    sysvmp_rlock_destroy(lock);
}

static void
use_queue(struct sysvmp_queue *q, int64_t second_put)
{
    char buf[8];

    CALL(0, COMMON | WAITING, sysvmp_queue_put(q, "123", 3, SHORT_MS));
    CALL(second_put, COMMON | WAITING, sysvmp_queue_put(q, "4", 1, SHORT_MS));
    CALL(3, COMMON | WAITING | BROKEN, sysvmp_queue_next_len(q));
    CALL(second_put < 0 ? 1 : 2, COMMON, sysvmp_queue_qsize(q));
    CALL(second_put < 0, COMMON, sysvmp_queue_full(q));
    CALL(3, COMMON | WAITING, sysvmp_queue_get(q, buf, 8, SHORT_MS));
    if (second_put == 0)
        CALL(1, COMMON | WAITING, sysvmp_queue_get(q, buf, 8, SHORT_MS));
    CALL(-ETIMEDOUT, COMMON | WAITING,
        sysvmp_queue_get(q, buf, 8, SHORT_MS));
    CALL(0, COMMON, sysvmp_queue_close(q));
    CALL(-EPIPE, COMMON | WAITING | END,
        sysvmp_queue_get(q, buf, 8, SHORT_MS));
}

static void
a_queue_of(size_t maxsize, int64_t second_put)
{
    struct sysvmp_queue *q = NULL;

    CALL(0, CREATION, sysvmp_queue_create(&q, maxsize, SYSVMP_EOF));
    if (q)
        use_queue(q, second_put);
    sysvmp_queue_destroy(q);
}

static void
a_queue(void)
{
    a_queue_of(0, 0);
}

static void
a_bounded_queue(void)
{
    a_queue_of(1, -ETIMEDOUT);
}

/* Larger than what gets its memory when it is touched; and one that is too
 * much to keep when it is given back. */
enum { LARGE = 100000, HUGE = 20000000, ITEMS = 3 };

static char large[LARGE];

static void
make_items(struct sysvmp_item *items)
{
    static char bytes[ITEMS][8];

    for (int i = 0; i < ITEMS; i++)
        items[i] = (struct sysvmp_item){.data = bytes[i],
            .size = sizeof(bytes[i]), .len = 2};
}

static void
use_batches(struct sysvmp_queue *q)
{
    struct sysvmp_item items[ITEMS];

    make_items(items);
    CALL(ITEMS, COMMON | WAITING,
        sysvmp_queue_put_many(q, items, ITEMS, SHORT_MS));
    CALL(ITEMS, COMMON, sysvmp_queue_qsize(q));
    CALL(ITEMS, COMMON | WAITING,
        sysvmp_queue_get_many(q, items, ITEMS, SHORT_MS));
}

/* Put in place, and taken in place; else it is ours. */
static void
use_message(struct sysvmp_queue *q, size_t len)
{
    struct sysvmp_msg *m = NULL;
    int64_t error;

    CALL(0, CREATION | WAITING, sysvmp_msg_create(&m, len));
    if (!m)
        return;
    error = sysvmp_queue_put_msg(q, m, SHORT_MS);
    if (error != 0 && again("put_msg", 0, error, COMMON | WAITING))
        error = sysvmp_queue_put_msg(q, m, SHORT_MS);
    if (error != 0) {
        sysvmp_msg_destroy(m);
        return;
    }
    CALL(0, COMMON | WAITING, sysvmp_queue_get_msg(q, &m, SHORT_MS));
    if (m && sysvmp_msg_len(m) != len)
        wrong("msg_len", (int64_t)len, (int64_t)sysvmp_msg_len(m));
    sysvmp_msg_destroy(m);
}

static void
use_memory(struct sysvmp_queue *q)
{
    CALL(0, COMMON | WAITING, sysvmp_queue_put(q, large, LARGE, SHORT_MS));
    CALL(LARGE, COMMON | WAITING | BROKEN, sysvmp_queue_next_len(q));
    CALL(LARGE, COMMON | WAITING,
        sysvmp_queue_get(q, large, LARGE, SHORT_MS));
    use_batches(q);
    use_message(q, LARGE);
    if (now->call == SEAM_MADVISE)
        use_message(q, HUGE);
}

static void
large_messages(void)
{
    struct sysvmp_queue *q = NULL;

    CALL(0, CREATION, sysvmp_queue_create(&q, 0, 0));
    if (q)
        use_memory(q);
    sysvmp_queue_destroy(q);
}

static void
use_claims(struct sysvmp_queue *q)
{
    char buf[8];

    CALL(0, COMMON | WAITING, sysvmp_queue_put(q, "123", 3, SHORT_MS));
    CALL(0, COMMON | WAITING, sysvmp_queue_put(q, large, LARGE, SHORT_MS));
    CALL(3, COMMON | WAITING, sysvmp_queue_get(q, buf, 8, SHORT_MS));
    CALL(0, COMMON | FREE, sysvmp_queue_task_return(q));
    CALL(3, COMMON | WAITING, sysvmp_queue_get(q, buf, 8, SHORT_MS));
    CALL(1, COMMON, sysvmp_queue_redelivered(q));
    CALL(0, COMMON | FREE, sysvmp_queue_task_done(q));
    CALL(LARGE, COMMON | WAITING,
        sysvmp_queue_get(q, large, LARGE, SHORT_MS));
    CALL(-ETIMEDOUT, COMMON | WAITING, sysvmp_queue_join(q, SHORT_MS));
    CALL(0, COMMON | FREE, sysvmp_queue_task_done(q));
    CALL(0, COMMON | WAITING, sysvmp_queue_join(q, SHORT_MS));
}

static void
use_claims_in_place(struct sysvmp_queue *q)
{
    struct sysvmp_msg *m = NULL;

    CALL(0, COMMON | WAITING, sysvmp_queue_put(q, large, LARGE, SHORT_MS));
    CALL(0, COMMON | WAITING, sysvmp_queue_get_msg(q, &m, SHORT_MS));
    sysvmp_msg_destroy(m);
    CALL(0, COMMON | WAITING, sysvmp_queue_get_msg(q, &m, SHORT_MS));
    if (m)
        CALL(0, COMMON | FREE, sysvmp_queue_task_done_msg(q, m));
    CALL(0, COMMON | WAITING, sysvmp_queue_join(q, SHORT_MS));
    CALL(0, COMMON, sysvmp_queue_close(q));
    CALL(-EPIPE, COMMON | WAITING | END,
        sysvmp_queue_get(q, large, LARGE, SHORT_MS));
}

static void
a_joinable_queue(void)
{
    struct sysvmp_queue *q = NULL;

    CALL(0, CREATION,
        sysvmp_queue_create(&q, 0, SYSVMP_JOINABLE | SYSVMP_EOF));
    if (q) {
        use_claims(q);
        use_claims_in_place(q);
    }
    sysvmp_queue_destroy(q);
}

/* There is no code, but a text. */
static int64_t
allocate(char **p, size_t size)
{
    *p = sysvmp_shared_alloc(size);
    return *p ? 0 : -ENOMEM;
}

static void
log_is_wrong(int level, const char *line, void *unused)
{
    if (level == SYSVMP_LOG_ERROR && strstr(line, "shared_free") && !unused)
        wrong(line, 0, 1);
}

/* One, and again, when what it had is used before. */
static void
use_blocks(size_t size)
{
    for (int i = 0; i < 2; i++) {
        char *p, *q;

        CALL(0, CREATION, allocate(&p, size));
        CALL(0, CREATION, allocate(&q, size));
        for (size_t k = 0; p && k < size; k += 1021)
            if (p[k] != 0)
                wrong("a block is not zero", 0, p[k]);
        if (p)
            memset(p, 1, size);
        if (q)
            memset(q, 1, size);
        sysvmp_shared_free(p);
        sysvmp_shared_free(q);
    }
}

static void
shared_memory(void)
{
    sysvmp_set_log(log_is_wrong, NULL);
    use_blocks(100);
    use_blocks(2000);
    use_blocks(LARGE);
}

static void
use_pipe(struct sysvmp_conn *end[2])
{
    char buf[8];

    for (int i = 0; i < 2; i++) {
        CALL(0, COMMON | WAITING | END,
            sysvmp_conn_send(end[i], "123", 3, SHORT_MS));
        CALL(1, COMMON, sysvmp_conn_poll(end[!i], SHORT_MS));
        CALL(3, COMMON | WAITING | END,
            sysvmp_conn_recv(end[!i], buf, sizeof(buf), SHORT_MS));
        CALL(0, COMMON, sysvmp_conn_poll(end[!i], SHORT_MS));
    }
    CALL(0, COMMON, sysvmp_conn_close(end[1]));
    CALL(-EPIPE, COMMON | WAITING,
        sysvmp_conn_recv(end[0], buf, sizeof(buf), SHORT_MS));
    CALL(-EPIPE, COMMON | WAITING,
        sysvmp_conn_send(end[0], "1", 1, SHORT_MS));
}

static void
a_pipe(void)
{
    struct sysvmp_conn *end[2] = {NULL, NULL};

    CALL(0, CREATION, sysvmp_pipe_create(end, 0));
    if (end[0] && end[1])
        use_pipe(end);
    else if (end[0] || end[1])
        wrong("a pipe with one end", 0, 1);
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

/* What fails for good may fail in a release, too. */
static void
release(struct sysvmp_condition *c, int held)
{
    int released = sysvmp_condition_release(c) == 0;

    if (released != held && (released || now->mode == ONCE))
        wrong("a release", held, released);
}

/* Where there is nothing to wait at the lock is not held, else it is. */
static int
wait_shortly(struct sysvmp_condition *c)
{
    int result = sysvmp_condition_acquire(c, LONG_MS);

    if (result < 0)
        return result;
    result = sysvmp_condition_wait(c, SHORT_MS);
    release(c, result != -EIDRM);
    return result;
}

static int
notify_one(struct sysvmp_condition *c)
{
    int result = sysvmp_condition_acquire(c, LONG_MS);

    if (result < 0)
        return result;
    result = sysvmp_condition_notify(c, 1);
    release(c, 1);
    return result;
}

static void
a_condition(void)
{
    struct sysvmp_condition *c = NULL;

    CALL(0, CREATION, sysvmp_condition_create(&c, NULL));
    if (c) {
        CALL(-ETIMEDOUT, COMMON | WAITING, wait_shortly(c));
        CALL(0, COMMON | WAITING, notify_one(c));
    }
    sysvmp_condition_destroy(c);
}

static int
wait_anew(struct sysvmp_barrier *b)
{
    int result = sysvmp_barrier_reset(b);

    return result < 0 ? result : sysvmp_barrier_wait(b, SHORT_MS);
}

static void
a_barrier(void)
{
    struct sysvmp_barrier *b = NULL, *alone = NULL;

    CALL(0, CREATION, sysvmp_barrier_create(&b, 2, NULL, NULL));
    CALL(0, CREATION, sysvmp_barrier_create(&alone, 1, NULL, NULL));
    if (b) {
        CALL(-ETIMEDOUT, COMMON | WAITING, wait_anew(b));
        CALL(1, COMMON, sysvmp_barrier_broken(b));
        CALL(0, COMMON, sysvmp_barrier_reset(b));
        CALL(0, COMMON, sysvmp_barrier_n_waiting(b));
    }
    if (alone)
        CALL(0, COMMON | WAITING, sysvmp_barrier_wait(alone, SHORT_MS));
    sysvmp_barrier_destroy(b);
    sysvmp_barrier_destroy(alone);
}

static void
a_semaphore_with(unsigned flags)
{
    struct sysvmp_semaphore *s = NULL;

    CALL(0, CREATION, sysvmp_semaphore_create(&s, 1, 1, flags));
    if (!s)
        return;
    CALL(0, COMMON | WAITING, sysvmp_semaphore_acquire(s, SHORT_MS));
    CALL(-ETIMEDOUT, COMMON | WAITING,
        sysvmp_semaphore_acquire(s, SHORT_MS));
    CALL(0, COMMON, sysvmp_semaphore_value(s));
    CALL(0, COMMON | FREE | SEIZED, sysvmp_semaphore_release(s, 1));
    CALL(1, COMMON, sysvmp_semaphore_value(s));
    CALL(0, COMMON | WAITING, sysvmp_semaphore_acquire(s, SYSVMP_NOWAIT));
    sysvmp_semaphore_destroy(s);
}

static void
a_semaphore(void)
{
    a_semaphore_with(0);
}

static void
permits(void)
{
    a_semaphore_with(SYSVMP_PERMITS);
}

static void
an_event(void)
{
    struct sysvmp_event *e = NULL;

    CALL(0, CREATION, sysvmp_event_create(&e));
    if (!e)
        return;
    CALL(-ETIMEDOUT, COMMON | WAITING, sysvmp_event_wait(e, SHORT_MS));
    CALL(0, COMMON, sysvmp_event_set(e));
    CALL(1, COMMON, sysvmp_event_is_set(e));
    CALL(0, COMMON | WAITING, sysvmp_event_wait(e, LONG_MS));
    CALL(0, COMMON, sysvmp_event_clear(e));
    CALL(0, COMMON, sysvmp_event_is_set(e));
    sysvmp_event_destroy(e);
}

/* How many are ready; one more than wanted is broken, as its own call says. */
static int
wait_for(struct sysvmp_waitable *list, size_t n, int wanted)
{
    int ready = sysvmp_wait(list, n, SHORT_MS);

    return ready > wanted ? -EIDRM : ready;
}

static int
ends_when_told(void *arg)
{
    (void)arg;
    until(&now->go, 1);
    return 0;
}

/* Returns whether all there is was made. */
static int
make_waitables(struct sysvmp_waitable list[4], struct sysvmp_conn *end[2])
{
    list[0].kind = SYSVMP_WAIT_CONN;
    list[1].kind = SYSVMP_WAIT_QUEUE;
    list[2].kind = SYSVMP_WAIT_EVENT;
    list[3].kind = SYSVMP_WAIT_PROCESS;
    CALL(0, CREATION, sysvmp_pipe_create(end, SYSVMP_SIMPLEX));
    CALL(0, CREATION,
        sysvmp_queue_create(&list[1].of.queue, 0, SYSVMP_EOF));
    CALL(0, CREATION, sysvmp_event_create(&list[2].of.event));
    CALL(0, CREATION, sysvmp_process_create(&list[3].of.process,
        ends_when_told, NULL));
    list[0].of.conn = end[0];
    if (!end[0] || !list[1].of.queue || !list[2].of.event ||
        !list[3].of.process)
        return 0;
    CALL(0, CREATION, sysvmp_process_start(list[3].of.process));
    return sysvmp_process_pid(list[3].of.process) > 0;
}

static void
use_waitables(struct sysvmp_waitable list[4], struct sysvmp_conn *end[2])
{
    CALL(0, COMMON | WAITING, wait_for(list, 4, 0));
    CALL(0, COMMON | WAITING, sysvmp_conn_send(end[1], "x", 1, SHORT_MS));
    CALL(1, COMMON | WAITING, wait_for(list, 4, 1));
    CALL(0, COMMON, sysvmp_event_set(list[2].of.event));
    CALL(2, COMMON | WAITING, wait_for(list, 4, 2));
    CALL(0, COMMON | WAITING,
        sysvmp_queue_put(list[1].of.queue, "y", 1, SHORT_MS));
    CALL(3, COMMON | WAITING, wait_for(list, 4, 3));
}

static void
waits_for_any(void)
{
    struct sysvmp_waitable list[4];
    struct sysvmp_conn *end[2] = {NULL, NULL};

    memset(list, 0, sizeof(list));
    if (make_waitables(list, end)) {
        use_waitables(list, end);
        atomic_store(&now->go, 1);
        CALL(0, COMMON | WAITING,
            sysvmp_process_join(list[3].of.process, LONG_MS));
    }
    (void)sysvmp_process_destroy(list[3].of.process);
    sysvmp_event_destroy(list[2].of.event);
    sysvmp_queue_destroy(list[1].of.queue);
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

/* With descriptors, of which none is left behind. */

static void
use_told_queue(struct sysvmp_queue *q)
{
    struct sysvmp_msg *m = NULL;
    char buf[8];

    CALL(0, COMMON | WAITING, sysvmp_queue_put(q, "123", 3, SHORT_MS));
    CALL(0, COMMON | WAITING, sysvmp_queue_put(q, large, LARGE, SHORT_MS));
    CALL(3, COMMON | WAITING, sysvmp_queue_get(q, buf, 8, SYSVMP_NOWAIT));
    CALL(LARGE, COMMON | WAITING | BROKEN, sysvmp_queue_next_len(q));
    CALL(0, COMMON | WAITING, sysvmp_queue_get_msg(q, &m, SHORT_MS));
    sysvmp_msg_destroy(m);
    CALL(-EAGAIN, COMMON | WAITING, sysvmp_queue_get(q, buf, 8, 0));
    use_batches(q);
    CALL(0, COMMON, sysvmp_queue_close(q));
    CALL(-EPIPE, COMMON | WAITING | END,
        sysvmp_queue_get(q, buf, 8, SHORT_MS));
}

/* Does poll(2) say what the calls do? */
static void
use_told_pipe(struct sysvmp_conn *end[2])
{
    int fd = sysvmp_conn_fileno(end[0]);
    char buf[8];

    CALL(0, 0, readiness(fd, 0));
    CALL(0, COMMON | WAITING | END,
        sysvmp_conn_send(end[1], "123", 3, SHORT_MS));
    if (sysvmp_conn_poll(end[0], SYSVMP_NOWAIT) == 1) {
        CALL(POLLIN, 0, readiness(fd, 0));
        CALL(3, COMMON | WAITING,
            sysvmp_conn_recv(end[0], buf, 8, SYSVMP_NOWAIT));
    }
    CALL(0, COMMON | WAITING, sysvmp_conn_poll(end[0], SYSVMP_NOWAIT));
    CALL(0, COMMON, sysvmp_conn_close(end[1]));
    CALL(POLLHUP, 0, readiness(fd, 0) & POLLHUP);
}

static void
told_by_files(void)
{
    struct sysvmp_conn *end[2] = {NULL, NULL};
    struct sysvmp_queue *q = NULL;
    int before = files();

    CALL(0, CREATION,
        sysvmp_queue_create(&q, 0, SYSVMP_EOF | SYSVMP_FILENO));
    if (q)
        use_told_queue(q);
    sysvmp_queue_destroy(q);
    CALL(0, CREATION, sysvmp_pipe_create(end, SYSVMP_FILENO));
    if (end[0] && end[1])
        use_told_pipe(end);
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
    if (now->call != SEAM_CLOSE) /* what may not be closed stays open */
        CALL(before, 0, files());
}

struct things {
    struct sysvmp_lock *lock;
    struct sysvmp_queue *q;
};

static void
take_and_put(const struct things *things)
{
    if (things->lock) {
        CALL(0, COMMON | WAITING,
            sysvmp_lock_acquire(things->lock, LONG_MS));
        CALL(0, COMMON | FREE, sysvmp_lock_release(things->lock));
    }
    if (things->q)
        CALL(0, COMMON | WAITING,
            sysvmp_queue_put(things->q, "12", 2, LONG_MS));
}

static int
in_child(void *arg)
{
    inherited = 1;
    alarm(HANG_S);
    take_and_put(arg);
    return 7;
}

static void
make(struct things *things)
{
    CALL(0, CREATION, sysvmp_lock_create(&things->lock));
    CALL(0, CREATION, sysvmp_queue_create(&things->q, 0, 0));
}

/* After the child's end. */
static void
unmake(struct things *things)
{
    take_and_put(things);
    sysvmp_lock_destroy(things->lock);
    sysvmp_queue_destroy(things->q);
}

static void
run_process(struct sysvmp_process *p)
{
    int code = -1;

    CALL(0, CREATION, sysvmp_process_start(p));
    if (sysvmp_process_pid(p) > 0) {
        CALL(0, 0, sysvmp_process_join(p, SYSVMP_FOREVER));
        CALL(0, 0, sysvmp_process_exitcode(p, &code));
        if (code != 7)
            wrong("its exit code", 7, code);
    }
}

static void
a_process(void)
{
    struct things things = {NULL, NULL};
    struct sysvmp_process *p = NULL;

    make(&things);
    CALL(0, CREATION, sysvmp_process_create(&p, in_child, &things));
    if (p)
        run_process(p);
    CALL(0, 0, sysvmp_process_destroy(p));
    unmake(&things);
}

/* It does not end before its parent has made something more. */
static int
in_lasting_child(void *arg)
{
    int code = in_child(arg);

    until(&now->go, 1);
    return code;
}

static void
a_fork(void)
{
    struct things things = {NULL, NULL};
    pid_t pid;
    int code;

    make(&things);
    pid = child(in_lasting_child, &things);
    if (now->mode == ONCE)
        a_lock(); /* else one may sleep in a set that is not really gone */
    atomic_store(&now->go, 1);
    code = reap(pid);
    if (code != 7)
        wrong("the exit code of a fork", 7, code);
    unmake(&things);
}

static void
a_leave(void)
{
    struct things things = {NULL, NULL};

    make(&things);
    if (things.lock)
        CALL(0, COMMON | WAITING, sysvmp_lock_acquire(things.lock, SHORT_MS));
    CALL(0, LEAVING, sysvmp_leave());
    if (things.q)
        CALL(-EBADF, COMMON, sysvmp_queue_qsize(things.q));
    sysvmp_lock_destroy(things.lock);
    sysvmp_queue_destroy(things.q);
    a_queue();
}

static void
an_exit(void)
{
    struct things things = {NULL, NULL};

    make(&things);
    if (things.lock)
        CALL(0, COMMON | WAITING, sysvmp_lock_acquire(things.lock, SHORT_MS));
    exit(0);
}

/*
 * The walk.
 */

/* What could not be made has given its slots back.  (The next create sweeps up
 * what was destroyed while a child was on its way.) */
static void
look_at_slots(void)
{
    const struct block *home;

    if ((now->call != SEAM_MSGGET && now->call != SEAM_SEMGET) ||
        !arena_current || arena_current->left)
        return;
    testing_fault = NULL;
    a_lock();
    home = arena_entry(arena_current, &arena_current->head->blocks, 0);
    CALL(0, 0, (int64_t)shm_load(&home->slots));
    testing_fault = fail_the_nth;
}

static int
program(void *arg)
{
    void (*fn)(void) = *(void (**)(void))arg;

    alarm(HANG_S);
    testing_fault = fail_the_nth;
    fn();
    look_at_slots();
    CALL(0, LEAVING, sysvmp_leave());
    return 0;
}

/*
 * One removal that failed leaves one object.  Who can't look who else is there
 * must leave all; so must who can't have the arena lock, as the home block has
 * been removed or is forbidden for good.  (That a detachment fails is walked
 * for its own sake: the kernel counts us in the cradle until we are gone.)
 */
static int
may_be_left(void)
{
    switch (now->call) {
    case SEAM_SEMCTL:
    case SEAM_SHMCTL:
    case SEAM_SHMDT:
        return 100;
    case SEAM_SHMGET: /* the directory, which who leaves can't open */
        return 1;
    case SEAM_SHMAT: /* likewise; each place for one is made, and not used */
        return now->mode == ONCE ? 1 : 8;
    case SEAM_MSGCTL:
        return now->mode == ONCE ? 1 : 100;
    case SEAM_SEMOP:
        return now->code == ENOMEM || now->code == ENOSPC ? 0 : 100;
    default:
        return 0;
    }
}

/* What is left when the last process has had time to go. */
static int
left_at_end(int allowed)
{
    int64_t end = now_ns() + GONE_MS * INT64_C(1000000);
    int left;

    while ((left = ipc_left()) > allowed && now_ns() < end)
        pause_us(200);
    return left;
}

static void
look_what_is_left(void)
{
    int left = left_at_end(may_be_left());

    if (left > may_be_left())
        wrong("left in the kernel", 0, left);
    if (left > 0) {
        sum.left_rounds++;
        sum.left += left;
        ipc_remove();
    }
}

/* One round: was it harmed? */
static int
run(void (*fn)(void))
{
    int end;

    atomic_store(&now->count, 0);
    atomic_store(&now->hit, 0);
    atomic_store(&now->refused, 0);
    atomic_store(&now->go, 0);
    atomic_store(&now->wrongs, 0);
    end = reap(child(program, &fn));
    if (end != 0)
        wrong(end == -SIGALRM ? "it hangs" : "its end", 0, end);
    look_what_is_left();
    if (!now->hit)
        return 0;
    sum.faults++;
    sum.refused += now->refused;
    return 1;
}

/* So many calls on each time. */
static int step = 12;
static unsigned seed;

/* All rounds of one kind of failure; how many of them went wrong. */
static int
walk(void (*fn)(void), enum seam call, enum mode mode, int code)
{
    int bad = 0, harmed;

    *now = (struct round){.call = call, .mode = mode, .code = code};
    now->n = step > 1 ? (int)chance(&seed, (unsigned)step) + 1 - step : 0;
    do {
        now->n += step;
        harmed = run(fn);
        bad += now->wrongs > 0;
        told += now->wrongs > 0;
    } while (harmed && now->n < CALLS_MAX);
    if (now->n >= CALLS_MAX)
        wrong("it does not end", 0, now->n);
    return bad;
}

struct failure {
    enum seam call;
    unsigned modes; /* bits */
    int codes[6];
};

enum { EITHER = 1 << ONCE | 1 << FOR_GOOD };

static const struct failure failures[] = {
    {SEAM_SEMGET, EITHER, {ENOSPC, ENOMEM, EACCES}},
    {SEAM_SEMOP, EITHER, {ENOMEM, ENOSPC}},
    {SEAM_SEMOP, 1 << FOR_GOOD, {EIDRM, EINVAL, EACCES}}, /* it stays so */
    {SEAM_SEMOP, 1 << ONCE, {EINTR}},
    {SEAM_SEMWAIT, EITHER, {ENOMEM, EIDRM, EACCES}},
    {SEAM_SEMWAIT, 1 << ONCE, {EINVAL, EINTR}},
    {SEAM_SEMCTL, EITHER, {EIDRM, EACCES}},
    {SEAM_SEMCTL, 1 << ONCE, {EINVAL}},
    {SEAM_MSGGET, EITHER, {ENOSPC, ENOMEM, EACCES}},
    {SEAM_MSGSND, EITHER, {ENOMEM, EIDRM, EACCES}},
    {SEAM_MSGSND, 1 << ONCE, {EINVAL, EINTR}},
    {SEAM_MSGRCV, EITHER, {EIDRM, EACCES}},
    {SEAM_MSGRCV, 1 << ONCE, {EINVAL, EINTR}},
    {SEAM_MSGCTL, EITHER, {EIDRM, EACCES}},
    {SEAM_MSGCTL, 1 << ONCE, {EINVAL}},
    {SEAM_SHMGET, EITHER, {ENOSPC}},
    {SEAM_SHMGET, 1 << ONCE, {ENOMEM, EACCES}},
    {SEAM_SHMAT, EITHER, {ENOMEM}},
    {SEAM_SHMAT, 1 << ONCE, {EACCES, EIDRM}},
    {SEAM_SHMDT, EITHER, {EINVAL}},
    {SEAM_SHMCTL, EITHER, {EIDRM, EACCES}},
    {SEAM_SHMCTL, 1 << ONCE, {EINVAL}},
    {SEAM_MEMBARRIER, EITHER, {ENOSYS, EINVAL, ENOMEM, EPERM}},
    {SEAM_UNSHARE, EITHER, {EPERM, ENOMEM}},
    {SEAM_MADVISE, EITHER, {ENOMEM, EINVAL, EFAULT, EOPNOTSUPP}},
    {SEAM_MADVISE, 1 << ONCE, {EINTR}},
    {SEAM_PIPE, EITHER, {EMFILE}},
    {SEAM_PIPE, 1 << ONCE, {ENFILE, ENOMEM, EPERM}},
    {SEAM_FCNTL, 1 << ONCE, {EMFILE, EPERM}},
    {SEAM_FSTAT, EITHER, {EPERM}},
    {SEAM_FSTAT, 1 << ONCE, {EINTR}},
    {SEAM_WRITE, EITHER, {ENOMEM}},
    {SEAM_WRITE, 1 << ONCE, {EINTR}},
    {SEAM_READ, EITHER, {EPERM}},
    {SEAM_READ, 1 << ONCE, {EINTR}},
};

/* What a filter of system calls, or another user since, makes of any call;
 * and what a semop answers that would go over its range. */
static const int refusals[] = {EACCES, EPERM, ENOSYS, ERANGE};

enum { REFUSALS = sizeof(refusals) / sizeof(refusals[0]) };

/* All of them, or one for each call. */
static int
walk_refusals(void (*fn)(void))
{
    enum { ALL = 2 * REFUSALS };
    int bad = 0;

    for (int call = 0; call < SEAM_CALLS; call++) {
        unsigned first = step > 1 ? chance(&seed, ALL) : 0;
        unsigned end = step > 1 ? first + 1 : ALL;

        for (unsigned i = first; i < end; i++)
            bad += walk(fn, (enum seam)call, (enum mode)(i % 2),
                refusals[i / 2]);
    }
    return bad;
}

static void
walk_all(const char *name, void (*fn)(void))
{
    int bad = 0, faults = sum.faults;

    told = 0;
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
        for (int mode = ONCE; mode <= FOR_GOOD; mode++)
            for (const int *code = failures[i].codes;
                 (failures[i].modes & 1u << mode) && *code; code++)
                bad += walk(fn, failures[i].call, (enum mode)mode, *code);
    bad += walk_refusals(fn);
    is_int(0, bad, "fault walk: %s: %d faults", name,
        sum.faults - faults);
}

int
main(void)
{
    plan(19);
    now = shared(sizeof(*now));
    seed = first_seed();
    if (getenv("SYSVMP_CRASH_ALL"))
        step = 1;
    walk_all("a lock, a second one", a_lock);
    walk_all("an rlock", an_rlock);
    walk_all("a queue", a_queue);
    walk_all("a bounded queue", a_bounded_queue);
    walk_all("large messages, several, in place", large_messages);
    walk_all("a joinable queue", a_joinable_queue);
    walk_all("shared memory", shared_memory);
    walk_all("a pipe", a_pipe);
    walk_all("a condition", a_condition);
    walk_all("a barrier", a_barrier);
    walk_all("a semaphore", a_semaphore);
    walk_all("a semaphore with permits", permits);
    walk_all("an event", an_event);
    walk_all("to wait for any of several", waits_for_any);
    walk_all("a queue and a pipe with descriptors", told_by_files);
    walk_all("a process is started and joined", a_process);
    walk_all("the program forks by itself", a_fork);
    walk_all("it leaves and begins anew", a_leave);
    walk_all("it exits and has all it made", an_exit);
    diag("%d faults walked, %d answers with a code; in %d of the rounds %d "
        "objects were left that failing calls should have removed",
        sum.faults, sum.refused, sum.left_rounds, sum.left);
    return done();
}
