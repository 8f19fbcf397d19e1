/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * deadline-storm.c: eight threads wait with timeouts from 0 to 50 ms, in every
 * call that waits, for processes that come and go by chance and are stopped
 * (SIGSTOP) in whatever they do; and each thread is hit by 1,000 signals a
 * second, whose handler does not restart.  No call gives up early, answers
 * -EINTR, touches errno, or loses a message; and they are not late, measured
 * by a bare semtimedop() of the same threads in the same storm.
 *
 *     t/deadline-storm.t [SECONDS]
 */
#include <config.h>

#include "child.h"
#include "stress/storm.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <time.h>

enum {
    THREADS = 8,
    QUICK_S = 4,
    TRIES = 3, /* at being in time, on a busy machine */
    TIMEOUT_MS = 50,
    SLACK_MS = 2,
    TICKS = 1000, /* a second: a signal to each thread */
    STOP_TICKS = 40,
    ROOM = 4,          /* in the bounded queue */
    BURST = 4,         /* messages between two pauses, more or less */
    REST_MS = 200,     /* such a pause at most */
    HELD_US = 24000,   /* a lock is held for so long at most */
    NUMBERS = 1 << 20, /* of messages in a stream */
    MARK = 12345       /* an errno that nobody sets */
};

/* Who sends: each feeder by the queue and by the pipe, and each thread. */
enum { FEEDERS = 2, DRAINS = 2, STREAMS = FEEDERS * 2 + THREADS };
enum {
    FEEDER,
    DRAIN = FEEDER + FEEDERS,
    HOLDER = DRAIN + DRAINS,
    PEERS = HOLDER + 2
};

struct message {
    int stream, number;
};

static struct {
    _Atomic int threads_over, peers_over;
    _Atomic int codes; /* answers that should not be, in the peers */
    _Atomic int disorder;
    struct {
        _Atomic int sent; /* acknowledged; the next one's number */
        _Atomic unsigned char seen[NUMBERS];
    } stream[STREAMS];
} *stage;

static struct sysvmp_queue *to_us, *from_us;
static struct sysvmp_conn *end[2];
static struct sysvmp_lock *lock;
static struct sysvmp_rlock *rlock;
static struct sysvmp_process *peer[PEERS];
static int control_set;
static _Atomic int signals;

/* One of the eight threads. */
struct actor {
    pthread_t thread;
    int stream;
    unsigned seed;
    int next[STREAMS]; /* no number below comes after this */
    struct lateness {
        int call;
        int64_t ns;
    } *late;
    int lates;
};

/* What the threads saw of a call. */
struct seen {
    _Atomic int calls, done, in_vain, early, wrong, leaked;
};

/*
 * Messages.
 */

static void
take(const struct message *m, int *next)
{
    if (m->stream < 0 || m->stream >= STREAMS || m->number < 0 ||
        m->number >= NUMBERS || m->number < next[m->stream]) {
        stage->disorder++;
        return;
    }
    next[m->stream] = m->number + 1;
    stage->stream[m->stream].seen[m->number]++;
}

/* A length, or a code: what a receiving call answered. */
static int64_t
took(int64_t result, const struct message *m, int *next)
{
    if (result < 0)
        return result;
    if (result == sizeof(*m))
        take(m, next);
    return result == sizeof(*m) ? 0 : -EPROTO;
}

static struct message
next_of(int stream)
{
    struct message m = {stream, stage->stream[stream].sent};

    if (m.number >= NUMBERS)
        bail("stream %d has run out of numbers", stream);
    return m;
}

static int64_t
sent(int64_t result, int stream)
{
    if (result == 0)
        stage->stream[stream].sent++;
    return result;
}

/* Each that was acknowledged arrived, once, and no other; or how many not. */
static int
astray(int stream)
{
    int acknowledged = stage->stream[stream].sent, bad = 0;

    for (int i = 0; i < NUMBERS; i++) {
        int times = stage->stream[stream].seen[i];

        if (times == (i < acknowledged))
            continue;
        bad++;
        diag("stream %d: number %d of %d was seen %d times", stream, i,
            acknowledged, times);
    }
    return bad;
}

/*
 * The other processes.
 */

static int
which(const struct sysvmp_process *me)
{
    return atoi(sysvmp_process_name(me));
}

static void
peer_answer(int64_t result)
{
    if (result != 0 && result != -EAGAIN && result != -ETIMEDOUT) {
        stage->codes++;
        diag("%s: %s", sysvmp_process_name(sysvmp_current_process()),
            sysvmp_strerror((int)result));
    }
}

/* After a few steps. */
static void
rest(unsigned *seed)
{
    if (chance(seed, BURST) == 0)
        pause_us(chance(seed, REST_MS) * 1000);
}

static int
feed(void *arg)
{
    int me = which(sysvmp_current_process()) - FEEDER;
    unsigned seed = *(unsigned *)arg + (unsigned)me;

    while (!stage->peers_over) {
        int by_pipe = (int)chance(&seed, 2), stream = me * 2 + by_pipe;
        int ms = (int)chance(&seed, TIMEOUT_MS);
        struct message m = next_of(stream);

        peer_answer(sent(by_pipe
                ? sysvmp_conn_send(end[1], &m, sizeof(m), ms)
                : sysvmp_queue_put(to_us, &m, sizeof(m), ms),
            stream));
        rest(&seed);
    }
    return 0;
}

/* Until nothing is there after the end. */
static int
drain(void *arg)
{
    unsigned seed = *(unsigned *)arg +
        (unsigned)which(sysvmp_current_process());
    int next[STREAMS] = {0}, over;
    int64_t result;

    do {
        struct message m;

        over = stage->peers_over;
        result = took(sysvmp_queue_get(from_us, &m, sizeof(m),
                          (int)chance(&seed, TIMEOUT_MS)),
            &m, next);
        peer_answer(result);
        if (!over)
            rest(&seed);
    } while (!over || result == 0);
    return 0;
}

static int64_t
hold_one(int recursive, unsigned *seed)
{
    int64_t result = recursive ? sysvmp_rlock_acquire(rlock, TIMEOUT_MS)
                               : sysvmp_lock_acquire(lock, TIMEOUT_MS);

    if (result != 0)
        return result;
    pause_us(chance(seed, HELD_US));
    return recursive ? sysvmp_rlock_release(rlock)
                     : sysvmp_lock_release(lock);
}

static int
hold(void *arg)
{
    int recursive = which(sysvmp_current_process()) - HOLDER;
    unsigned seed = *(unsigned *)arg + (unsigned)recursive;

    while (!stage->peers_over) {
        peer_answer(hold_one(recursive, &seed));
        pause_us(chance(&seed, HELD_US / 4));
    }
    return 0;
}

static void
start_peers(unsigned *seed)
{
    for (int i = 0; i < PEERS; i++) {
        char name[16];

        peer[i] = created(i < DRAIN ? feed : i < HOLDER ? drain : hold, seed);
        snprintf(name, sizeof(name), "%d", i);
        must(sysvmp_process_set_name(peer[i], name), "set_name");
        must(sysvmp_process_start(peer[i]), "start");
    }
}

/*
 * The calls.
 */

static int64_t
get(struct actor *a, int ms)
{
    struct message m;

    return took(sysvmp_queue_get(to_us, &m, sizeof(m), ms), &m, a->next);
}

static int64_t
conn_recv(struct actor *a, int ms)
{
    struct message m;

    return took(sysvmp_conn_recv(end[0], &m, sizeof(m), ms), &m, a->next);
}

static int64_t
conn_poll(struct actor *a, int ms)
{
    int result = sysvmp_conn_poll(end[0], ms);

    (void)a;
    if (result == 0)
        return ms == SYSVMP_NOWAIT ? -EAGAIN : -ETIMEDOUT;
    return result == 1 ? 0 : result < 0 ? result : -EPROTO;
}

static int64_t
put(struct actor *a, int ms)
{
    struct message m = next_of(a->stream);

    return sent(sysvmp_queue_put(from_us, &m, sizeof(m), ms), a->stream);
}

static int64_t
acquire(struct actor *a, int ms)
{
    int result = sysvmp_lock_acquire(lock, ms);

    (void)a;
    return result == 0 ? sysvmp_lock_release(lock) : result;
}

static int64_t
acquire_rlock(struct actor *a, int ms)
{
    int result = sysvmp_rlock_acquire(rlock, ms);

    (void)a;
    return result == 0 ? sysvmp_rlock_release(rlock) : result;
}

static int64_t
join(struct actor *a, int ms)
{
    return sysvmp_process_join(peer[chance(&a->seed, PEERS)], ms);
}

/* What the kernel takes. */
static int64_t
control(struct actor *a, int ms)
{
    struct sembuf take_one = {.sem_num = 0, .sem_op = -1};
    int64_t until_ns = now_ns() + ms * INT64_C(1000000), left;

    (void)a;
    while ((left = until_ns - now_ns()) > 0) {
        struct timespec t = {.tv_sec = 0, .tv_nsec = left};

        semtimedop(control_set, &take_one, 1, &t);
    }
    errno = MARK;
    return ms == SYSVMP_NOWAIT ? -EAGAIN : -ETIMEDOUT;
}

static const struct waiting {
    const char *name;
    int64_t (*call)(struct actor *a, int ms);
    int never_done;
} waiting[] = {
    {"queue_get", get, 0},
    {"queue_put", put, 0},
    {"conn_recv", conn_recv, 0},
    {"conn_poll", conn_poll, 0},
    {"lock_acquire", acquire, 0},
    {"rlock_acquire", acquire_rlock, 0},
    {"process_join", join, 1},
    {"semtimedop", control, 1},
};

enum { CALLS = sizeof(waiting) / sizeof(waiting[0]), CONTROL = CALLS - 1 };

static struct seen seen[CALLS];

/* One call, and all that can be wrong with it. */
static void
wait_once(struct actor *a, int call, int ms)
{
    int64_t bound = ms * INT64_C(1000000), start, ns, result;
    struct seen *s = &seen[call];

    errno = MARK;
    start = now_ns();
    result = waiting[call].call(a, ms);
    ns = now_ns() - start;
    s->leaked += errno != MARK;
    s->calls++;
    if (result == 0)
        s->done++;
    else if (result == (ms == SYSVMP_NOWAIT ? -EAGAIN : -ETIMEDOUT))
        s->in_vain++;
    else if (s->wrong++ == 0)
        diag("%s: %s", waiting[call].name, sysvmp_strerror((int)result));
    s->early += result != 0 && ns < bound;
    if (ms > 0 && ns >= bound)
        a->late[a->lates++] = (struct lateness){call, ns - bound};
}

/* Every third call is the control's. */
static void *
act(void *arg)
{
    struct actor *a = arg;

    while (!stage->threads_over) {
        int call = (int)chance(&a->seed, CALLS + CALLS / 3);

        wait_once(a, call < CALLS ? call : CONTROL,
            (int)chance(&a->seed, TIMEOUT_MS + 1));
    }
    return NULL;
}

/*
 * The storm.
 */

static void
count_signal(int sig)
{
    (void)sig;
    signals++;
}

/* Stops the others by turns, in whatever they do. */
static int
stop_and_continue(unsigned *seed, int tick)
{
    static int stopped_until[PEERS];
    int stops = 0;

    for (int i = 0; i < PEERS; i++) {
        if (stopped_until[i] > 0 && tick >= stopped_until[i]) {
            must(sysvmp_process_signal(peer[i], SIGCONT), "SIGCONT");
            stopped_until[i] = 0;
        } else if (stopped_until[i] == 0 && chance(seed, STOP_TICKS) == 0) {
            must(sysvmp_process_signal(peer[i], SIGSTOP), "SIGSTOP");
            stopped_until[i] = tick + 1 + (int)chance(seed, STOP_TICKS);
            stops++;
        }
    }
    return stops;
}

static int
blow(struct actor *actor, int seconds, unsigned *seed)
{
    int64_t start = now_ns();
    int stops = 0;

    for (int i = 1; i <= seconds * TICKS; i++) {
        int64_t at = start + i * (INT64_C(1000000000) / TICKS);
        struct timespec t = {.tv_sec = (time_t)(at / 1000000000),
            .tv_nsec = (long)(at % 1000000000)};

        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
        for (int j = 0; j < THREADS; j++)
            pthread_kill(actor[j].thread, SIGUSR1);
        stops += stop_and_continue(seed, i);
    }
    stop_and_continue(seed, seconds * TICKS + STOP_TICKS);
    for (int i = 0; i < PEERS; i++)
        must(sysvmp_process_signal(peer[i], SIGCONT), "SIGCONT");
    return stops;
}

/*
 * The figures.
 */

static int
by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* Of one call, or of all but the control's (-1); how many. */
static int
collect(const struct actor *actor, int call, int64_t *to)
{
    int n = 0;

    for (int i = 0; i < THREADS; i++)
        for (int j = 0; j < actor[i].lates; j++)
            if (call < 0 ? actor[i].late[j].call != CONTROL
                         : actor[i].late[j].call == call)
                to[n++] = actor[i].late[j].ns;
    qsort(to, (size_t)n, sizeof(*to), by_size);
    return n;
}

/* Tells of it, and answers its 99th percentile. */
static int64_t
figures(const struct actor *actor, int call, const char *name)
{
    int64_t *late, p99 = 0;
    int n = 0;

    for (int i = 0; i < THREADS; i++)
        n += actor[i].lates;
    late = calloc((size_t)n + 1, sizeof(*late));
    if (!late)
        bail("no memory");
    n = collect(actor, call, late);
    if (n > 0) {
        p99 = late[(n * INT64_C(99) + 99) / 100 - 1];
        diag("%-13s %6d %8.3f %8.3f %8.3f", name, n, (double)late[n / 2] / 1e6,
            (double)p99 / 1e6, (double)late[n - 1] / 1e6);
    }
    free(late);
    return p99;
}

/* By how much the calls' 99th percentile is above the control's. */
static int64_t
compare(const struct actor *actor)
{
    int64_t all, bare;

    diag("%-13s %6s %8s %8s %8s", "ms too late", "waits", "median", "99th",
        "most");
    for (int i = 0; i < CONTROL; i++)
        figures(actor, i, waiting[i].name);
    all = figures(actor, -1, "all of these");
    bare = figures(actor, CONTROL, waiting[CONTROL].name);
    return all - bare;
}

/*
 * The test.
 */

static int64_t
one_storm(struct actor *actor, int seconds, unsigned *seed)
{
    int stops;

    stage->threads_over = 0;
    for (int i = 0; i < THREADS; i++) {
        actor[i].lates = 0;
        actor[i].stream = FEEDERS * 2 + i;
        actor[i].seed = *seed + (unsigned)i * 7919;
        if (pthread_create(&actor[i].thread, NULL, act, &actor[i]) != 0)
            bail("pthread_create");
    }
    stops = blow(actor, seconds, seed);
    stage->threads_over = 1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(actor[i].thread, NULL);
    diag("%d stops, %d signals", stops, (int)signals);
    return compare(actor);
}

/* Nobody sends any more: what is still in the pipe and in the queue. */
static void
take_the_rest(void)
{
    int next[STREAMS] = {0};
    struct message m;
    int64_t n;

    while ((n = sysvmp_queue_get(to_us, &m, sizeof(m), SYSVMP_NOWAIT)) >= 0)
        took(n, &m, next);
    is_int(-EAGAIN, n, "deadline-storm: the queue is then empty");
    while ((n = sysvmp_conn_recv(end[0], &m, sizeof(m), SYSVMP_NOWAIT)) >= 0)
        took(n, &m, next);
    is_int(-EAGAIN, n, "... the pipe, too");
}

static void
sum_up(const struct waiting *w, const struct seen *s)
{
    diag("%s: %d calls, %d done, %d in vain", w->name, s->calls, s->done,
        s->in_vain);
    ok(s->in_vain > 0 && (s->done > 0) == !w->never_done,
        "deadline-storm: %s: some in time, some in vain", w->name);
    is_int(0, s->early, "... none gives up early");
    is_int(0, s->wrong, "... none has another answer, such as -EINTR");
    is_int(0, s->leaked, "... none touches errno");
}

static void
end_peers(void)
{
    int good = 0, messages = 0, bad = 0;

    stage->peers_over = 1;
    for (int i = 0; i < PEERS; i++)
        good += end_of(peer[i]) == 0;
    is_int(PEERS, good, "deadline-storm: the others were there to the end");
    is_int(0, stage->codes, "... and their calls fared as well");
    take_the_rest();
    for (int i = 0; i < STREAMS; i++) {
        bad += astray(i);
        messages += stage->stream[i].sent;
    }
    is_int(0, bad, "... none of %d messages is lost or there twice", messages);
    is_int(0, stage->disorder, "... or out of order");
}

static void
make_objects(void)
{
    struct sigaction act_on = {.sa_handler = count_signal};

    stage = shared(sizeof(*stage));
    must(sysvmp_queue_create(&to_us, 0, 0), "queue_create");
    must(sysvmp_queue_create(&from_us, ROOM, 0), "queue_create");
    must(sysvmp_pipe_create(end, 0), "pipe_create");
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_rlock_create(&rlock), "rlock_create");
    control_set = semget(IPC_PRIVATE, 1, 0600);
    sigaction(SIGUSR1, &act_on, NULL);
}

int
main(int argc, char **argv)
{
    int seconds = argc > 1 ? atoi(argv[1]) : QUICK_S, tries = 0;
    static struct actor actor[THREADS];
    int64_t later;
    unsigned *seed;

    plan(CONTROL * 4 + 2 + 6);
    seed = storm_seed();
    make_objects();
    start_peers(seed);
    /* A wait that is late has lasted 1 ms at least. */
    for (int i = 0; i < THREADS; i++)
        actor[i].late = calloc((size_t)seconds * 1000 + 2000,
            sizeof(*actor[i].late));
    do
        later = one_storm(actor, seconds, seed);
    while (later > SLACK_MS * INT64_C(1000000) && ++tries < TRIES);
    ok(later <= SLACK_MS * INT64_C(1000000),
        "deadline-storm: the 99th percentile is within %d ms of semtimedop's",
        SLACK_MS);
    ok(signals >= seconds * TICKS * THREADS / 10,
        "... there were %d signals", (int)signals);
    for (int i = 0; i < CONTROL; i++)
        sum_up(&waiting[i], &seen[i]);
    end_peers();
    semctl(control_set, 0, IPC_RMID);
    return done();
}
