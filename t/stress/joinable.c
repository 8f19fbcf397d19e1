/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * joinable.c: random SIGKILLs among producers and consumers of two joinable
 * queues, one with a limit; they put and take one message, several, or one in
 * place, up to 100 KB, give some back, and some join.
 *
 * Here no kill costs a message.  What was acknowledged comes until somebody
 * has begun task_done on it, and never after task_done has answered 0; nobody
 * has it while another lives who has; who sees it for a second time is told
 * so.  At the end join returns when all is done, and no memory is in use.
 */
#include <config.h>

#include "internal.h"

#include "arena.h"
#include "heap.h"
#include "memory.h"
#include "payload.h"
#include "storm.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LIMIT = 5, FEW = 300, LONGEST = 100000, BATCH = 6, QUEUES = 2 };
enum { NUMBERS = 1 << 22, ENOUGH = NUMBERS - NUMBERS / 8, SENDERS = 8 };
enum { DYING_MS = 15000, JOIN_MS = 20000, PAUSE_US = 100 };
enum { PUT = 1, REFUSED = 2, SEEN = 4, BEGUN = 8, DONE = 16 };
enum { PUTS, PUTS_MANY, GETS, GETS_MANY, GETS_IN_PLACE, JOINS };

static const struct role {
    int what;
    int queue;
    int threads;
} roles[] = {
    {PUTS, 0, 2}, {PUTS_MANY, 0, 1},
    {GETS, 0, 2}, {GETS_MANY, 0, 1}, {GETS_IN_PLACE, 0, 1}, {JOINS, 0, 1},
    {PUTS, 1, 1}, {PUTS_MANY, 1, 2},
    {GETS, 1, 1}, {GETS_MANY, 1, 2}, {GETS_IN_PLACE, 1, 2},
};

enum { WORKERS = sizeof(roles) / sizeof(roles[0]) };

struct message {
    int sender;
    unsigned number;
};

/* Of a thread that puts; shared, and whoever is put back goes on with it. */
struct sender {
    _Alignas(64) _Atomic unsigned next;
    _Atomic unsigned char *state;
    _Atomic pid_t *holder; /* the thread that has it now, or 0 */
};

static struct book {
    struct sender sender[SENDERS];
    _Atomic int torn, after_done, two_have, not_told, disorder, codes, ends;
    _Atomic int finished; /* senders */
    _Atomic int again;    /* messages that came redelivered */
    int killed;           /* receiving threads; the supervisor's */
    int joined;
} *book;

static struct sysvmp_queue *queues[QUEUES];
static int slots[WORKERS][STORM_THREADS_MAX];
static int senders;

static int
puts_some(int worker)
{
    return roles[worker].what == PUTS || roles[worker].what == PUTS_MANY;
}

static int
gets_some(int worker)
{
    return !puts_some(worker) && roles[worker].what != JOINS;
}

static int
threads(int worker)
{
    return roles[worker].threads;
}

static void
look_at_code(int64_t code, const char *call)
{
    if (code >= 0 || code == -EAGAIN || code == -ETIMEDOUT)
        return;
    diag("%s answered %" PRId64 ": %s", call, code, sysvmp_last_error());
    atomic_fetch_add(&book->codes, 1);
}

/*
 * Messages.
 */

static size_t
length(unsigned number)
{
    return sizeof(struct message) +
        (number % 40 == 0 ? number * 7919u % LONGEST : number % 64);
}

static unsigned
seed_of(const struct message *m)
{
    return m->number * 31 + (unsigned)m->sender;
}

static size_t
write_message(char *buf, int sender, unsigned number)
{
    struct message m = {sender, number};

    memcpy(buf, &m, sizeof(m));
    payload_fill(buf + sizeof(m), length(number) - sizeof(m), seed_of(&m));
    return length(number);
}

static int
read_message(const char *buf, size_t len, struct message *m)
{
    if (len < sizeof(*m))
        return 0;
    memcpy(m, buf, sizeof(*m));
    return m->sender >= 0 && m->sender < senders &&
        m->number < atomic_load(&book->sender[m->sender].next) &&
        len == length(m->number) &&
        payload_whole(buf + sizeof(*m), len - sizeof(*m), seed_of(m));
}

/*
 * To put.
 */

/* Never again, whatever becomes of us. */
static unsigned
new_numbers(struct sender *s, unsigned n)
{
    unsigned number = atomic_fetch_add(&s->next, n);

    if (number >= ENOUGH)
        storm_enough();
    if (number + n > NUMBERS)
        bail("no numbers are left");
    return number;
}

static void
answered(struct sender *s, unsigned number, int acknowledged)
{
    atomic_fetch_or(&s->state[number], acknowledged ? PUT : REFUSED);
}

static int
put_one(int sender, struct sysvmp_queue *q, char *buf, int timeout_ms)
{
    struct sender *s = &book->sender[sender];
    unsigned number = new_numbers(s, 1);
    size_t len = write_message(buf, sender, number);
    int result = sysvmp_queue_put(q, buf, len, timeout_ms);

    answered(s, number, result == 0);
    look_at_code(result, "put");
    return result == 0;
}

static int
put_some(int sender, struct sysvmp_queue *q, char *buf, unsigned n,
    int timeout_ms)
{
    struct sender *s = &book->sender[sender];
    struct sysvmp_item items[BATCH];
    unsigned first = new_numbers(s, n);
    ssize_t result;

    for (unsigned i = 0; i < n; i++) {
        items[i].data = buf;
        items[i].len = write_message(buf, sender, first + i);
        buf += items[i].len;
    }
    result = sysvmp_queue_put_many(q, items, n, timeout_ms);
    for (unsigned i = 0; i < n; i++)
        answered(s, first + i, result > (ssize_t)i);
    look_at_code(result, "put_many");
    return result > 0;
}

static void
produce(int worker, int thread, char *buf)
{
    struct sysvmp_queue *q = queues[roles[worker].queue];
    unsigned seed = storm_draw(worker, thread);
    int sender = slots[worker][thread];

    while (!storm_over()) {
        int ms = storm_timeout(&seed);

        if (roles[worker].what == PUTS
                ? put_one(sender, q, buf, ms)
                : put_some(sender, q, buf, 1 + chance(&seed, BATCH), ms))
            storm_step(worker, thread);
        while (sysvmp_queue_qsize(q) > FEW && !storm_over()) {
            storm_step(worker, thread);
            pause_us(PAUSE_US);
        }
        storm_linger(&seed);
    }
    atomic_fetch_add(&book->finished, 1);
}

/*
 * To get.
 */

/* One thread's. */
struct getter {
    struct sysvmp_queue *q;
    unsigned seed;
    unsigned last[SENDERS]; /* number, plus one, that came at first */
};

static int
is_dead(pid_t id)
{
    char path[64], line[512], *end;
    int dead = 1;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)id);
    f = fopen(path, "re");
    if (!f)
        return 1;
    if (fgets(line, sizeof(line), f) && (end = strrchr(line, ')')))
        dead = end[2] == 'Z' || end[2] == 'X';
    fclose(f);
    return dead;
}

/* The kernel gives back what the dead had while they are still dying. */
static int
dies(pid_t id)
{
    int64_t end = now_ns() + DYING_MS * INT64_C(1000000);

    while (!is_dead(id)) {
        if (now_ns() > end)
            return 0;
        pause_us(PAUSE_US);
    }
    return 1;
}

/* redelivered: -1, it is not known of this one. */
static int
came(struct getter *g, const char *buf, size_t len, int redelivered,
    struct message *m)
{
    struct sender *s;
    pid_t holder;
    int state;

    if (!read_message(buf, len, m)) {
        diag("torn: %zu bytes", len);
        atomic_fetch_add(&book->torn, 1);
        return 0;
    }
    s = &book->sender[m->sender];
    holder = atomic_exchange(&s->holder[m->number],
        (pid_t)syscall(SYS_gettid));
    if (holder != 0 && !dies(holder))
        atomic_fetch_add(&book->two_have, 1);
    state = atomic_fetch_or(&s->state[m->number], SEEN);
    if (state & DONE)
        atomic_fetch_add(&book->after_done, 1);
    if ((state & SEEN) && redelivered == 0)
        atomic_fetch_add(&book->not_told, 1);
    if (redelivered == 1)
        atomic_fetch_add(&book->again, 1);
    if (redelivered == 0) {
        if (g->last[m->sender] > m->number)
            atomic_fetch_add(&book->disorder, 1);
        g->last[m->sender] = m->number + 1;
    }
    return 1;
}

static void
work_on_it(struct getter *g)
{
    if (chance(&g->seed, 8) == 0)
        pause_us(chance(&g->seed, PAUSE_US));
}

static int
gives_back(struct getter *g)
{
    return chance(&g->seed, 16) == 0;
}

static void
let_go(const struct message *m)
{
    atomic_store(&book->sender[m->sender].holder[m->number], 0);
}

static void
note(const struct message *m, int what)
{
    atomic_fetch_or(&book->sender[m->sender].state[m->number], what);
}

/* The oldest one that this thread has. */
static void
end_one(struct getter *g, const struct message *m)
{
    int error;

    work_on_it(g);
    if (gives_back(g)) {
        let_go(m);
        look_at_code(sysvmp_queue_task_return(g->q), "task_return");
        return;
    }
    note(m, BEGUN);
    error = sysvmp_queue_task_done(g->q);
    look_at_code(error, "task_done");
    if (error == 0)
        note(m, DONE);
}

static int
get_one(struct getter *g, char *buf, int timeout_ms)
{
    ssize_t len = sysvmp_queue_get(g->q, buf, LONGEST + 64, timeout_ms);
    struct message m;

    if (len >= 0 &&
        came(g, buf, (size_t)len, sysvmp_queue_redelivered(g->q), &m))
        end_one(g, &m);
    return (int)len;
}

static int
get_some(struct getter *g, char *buf, int timeout_ms)
{
    struct sysvmp_item items[BATCH];
    struct message m[BATCH];
    ssize_t n;
    int last, good = 1;

    for (int i = 0; i < BATCH; i++)
        items[i] = (struct sysvmp_item){
            .data = buf + (size_t)i * (LONGEST + 64), .size = LONGEST + 64};
    n = sysvmp_queue_get_many(g->q, items, 1 + chance(&g->seed, BATCH),
        timeout_ms);
    last = n > 0 ? sysvmp_queue_redelivered(g->q) : 0;
    for (int i = 0; i < n; i++)
        good &= came(g, items[i].data, items[i].len, i < n - 1 ? -1 : last,
            &m[i]);
    for (int i = 0; i < n && good; i++)
        end_one(g, &m[i]);
    return (int)n;
}

static void
end_in_place(struct getter *g, struct sysvmp_msg *it, const struct message *m)
{
    int error;

    work_on_it(g);
    if (gives_back(g)) {
        let_go(m);
        sysvmp_msg_destroy(it);
        return;
    }
    note(m, BEGUN);
    error = sysvmp_queue_task_done_msg(g->q, it);
    look_at_code(error, "task_done_msg");
    if (error == 0)
        note(m, DONE);
}

/* Two, at times, and the later one is done first. */
static int
get_in_place(struct getter *g, int timeout_ms)
{
    struct sysvmp_msg *it[2];
    struct message m[2];
    int n = 0, error;

    error = sysvmp_queue_get_msg(g->q, &it[0], timeout_ms);
    while (error == 0) {
        if (!came(g, sysvmp_msg_data(it[n]), sysvmp_msg_len(it[n]),
                sysvmp_queue_redelivered(g->q), &m[n]))
            break;
        if (++n == 2 || chance(&g->seed, 4) != 0)
            break;
        error = sysvmp_queue_get_msg(g->q, &it[1], SYSVMP_NOWAIT);
    }
    if (error != -EPIPE)
        look_at_code(error, "get_msg");
    for (int i = n; i-- > 0;)
        end_in_place(g, it[i], &m[i]);
    return n > 0 ? n : error;
}

static int
consume(int worker, int thread, char *buf)
{
    struct getter g = {.q = queues[roles[worker].queue],
        .seed = storm_draw(worker, thread)};

    for (;;) {
        int ms = storm_timeout(&g.seed);
        int result;

        if (roles[worker].what == GETS)
            result = get_one(&g, buf, ms);
        else if (roles[worker].what == GETS_MANY)
            result = get_some(&g, buf, ms);
        else
            result = get_in_place(&g, ms);
        if (result == -EPIPE) {
            if (!storm_over())
                atomic_fetch_add(&book->ends, 1);
            return !storm_over();
        }
        look_at_code(result, "get");
        if (result >= 0)
            storm_step(worker, thread);
        storm_linger(&g.seed);
    }
}

static void
join(int worker, int thread)
{
    unsigned seed = storm_draw(worker, thread);

    while (!storm_over()) {
        look_at_code(sysvmp_queue_join(queues[roles[worker].queue],
            (int)chance(&seed, 5)), "join");
        storm_step(worker, thread);
    }
}

/*
 * The storm.
 */

/* Only who puts may put, so that the others see their end. */
static void
begin(int worker)
{
    for (int i = 0; i < QUEUES; i++)
        if (!puts_some(worker) || roles[worker].queue != i)
            sysvmp_queue_close(queues[i]);
}

static int
work(int worker, int thread)
{
    char *buf = malloc((size_t)BATCH * (LONGEST + 64));
    int result = 0;

    if (!buf)
        bail("no memory");
    if (puts_some(worker))
        produce(worker, thread, buf);
    else if (gets_some(worker))
        result = consume(worker, thread, buf);
    else
        join(worker, thread);
    free(buf);
    return result;
}

static void
died(int worker)
{
    if (gets_some(worker))
        book->killed += threads(worker);
}

static int
still_right(void)
{
    return !book->torn && !book->after_done && !book->two_have &&
        !book->not_told && !book->disorder && !book->codes && !book->ends;
}

/* How many were acknowledged and are in that state; in all, if it is 0. */
static int
count(int mask, int wanted)
{
    int n = 0;

    for (int i = 0; i < senders; i++)
        for (unsigned k = 0; k < book->sender[i].next; k++)
            n += (book->sender[i].state[k] & mask) == wanted;
    return n;
}

/* Nothing is lost when all has been joined. */
static void
over(void)
{
    int error = 0;

    until(&book->finished, senders);
    for (int i = 0; i < QUEUES && error == 0; i++)
        error = sysvmp_queue_join(queues[i], JOIN_MS);
    is_int(0, error, "joinable: at the end join returns");
    is_int(0, count(PUT | BEGUN, PUT),
        "... no message that was acknowledged is lost, or not done");
    book->joined = 1;
    for (int i = 0; i < QUEUES; i++)
        must(sysvmp_queue_close(queues[i]), "close");
}

static void
make(void)
{
    book = shared(sizeof(*book));
    for (int i = 0; i < QUEUES; i++)
        must(sysvmp_queue_create(&queues[i], i == 0 ? LIMIT : 0,
            SYSVMP_JOINABLE | SYSVMP_EOF), "queue_create");
    for (int w = 0; w < WORKERS; w++)
        for (int t = 0; puts_some(w) && t < threads(w); t++) {
            book->sender[senders].state = shared(NUMBERS);
            book->sender[senders].holder =
                shared(NUMBERS * sizeof(pid_t));
            slots[w][t] = senders++;
        }
}

static void
check(void)
{
    int unknown = count(PUT | BEGUN | DONE, PUT | BEGUN);

    is_int(0, book->torn, "... none came torn, or from nowhere");
    is_int(0, book->after_done, "... none came after it was done");
    is_int(0, book->two_have, "... no two had one at once");
    is_int(0, book->not_told, "... who saw it again was told so");
    is_int(0, book->disorder, "... each sender's came in order at first");
    is_int(0, book->codes + book->ends,
        "... no call answered what it must not");
    is_int(0, count(REFUSED | SEEN, REFUSED | SEEN),
        "... what was refused never came");
    ok(unknown <= book->killed,
        "... of %d it is not known whether they were done; %d were killed",
        unknown, book->killed);
    diag("%d acknowledged, %d refused, %d done, %d times one came again",
        count(PUT, PUT), count(REFUSED, REFUSED), count(DONE, DONE),
        book->again);
}

static void
check_memory(void)
{
    uint32_t used, all;

    for (int i = 0; i < QUEUES; i++)
        sysvmp_queue_destroy(queues[i]);
    memory_sweep(arena_current);
    heap_state(arena_current, &used, &all);
    is_int(0, used, "... no memory is in use");
}

int
main(void)
{
    const struct storm storm = {WORKERS, threads, NULL, begin, work, died,
        still_right, over, 0};
    int bad;

    plan(13);
    make();
    bad = storm_run(&storm, 1);
    if (!book->joined)
        skip(2, "the storm has failed");
    is_int(0, bad, "... no survivor hangs, and all see the end");
    check();
    check_memory();
    must(sysvmp_leave(), "leave");
    is_int(0, ipc_left(), "... nothing is left after the last has left");
    return done();
}
