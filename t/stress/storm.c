/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * storm.c: see storm.h.  The pauses between kills wait for nothing: they let
 * a kill come at another moment each time.
 *
 * Two waits are measured.  The longest pause is the longest time after a kill
 * in which the supervisor saw no step of any thread: the threads always have
 * work.  It is too long by what the supervisor itself waits for a CPU.  The
 * longest wait is from a kill until each thread has made a step.
 */
#include <config.h>

#include "storm.h"
#include "child.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KILLS = 250, SECONDS = 15 }; /* of a quick form */
enum { PAUSE_US = 2500, AT_ONCE = 8, NO_WAIT = 4, SEVERAL = 4, MOST = 3 };
enum { LINGER = 64, LINGER_US = 200, SPELL = 16 };

#define NS_A_SECOND INT64_C(1000000000)

static const char *const contract[] = {
    "contract: what was acknowledged comes, once, whole, in order; but each",
    "receiving thread that is killed takes at most what it asked for with it.",
    "What was refused never comes.  A lock has one holder; OWNER_DEAD is told",
    "after a holder's kill, and only then.  End of file and EPIPE come when",
    "the other end's last holder is gone, and only then.  Nobody hangs.",
};

struct shared_words {
    _Atomic int over, enough;
    _Atomic int impatient; /* is it a spell of timeouts? */
    _Atomic int kills_begun, kills_done;
    /* On a line of its own each. */
    struct {
        _Alignas(64) _Atomic unsigned steps;
    } thread[STORM_WORKERS_MAX][STORM_THREADS_MAX];
};

static struct shared_words *words;

/* The supervisor's; what a worker has is how it was at its fork. */
static const struct storm *storm;
static struct {
    pid_t pid; /* 0: it is missing */
    struct sysvmp_process *process; /* NULL for one that was forked */
    unsigned lives;
} workers[STORM_WORKERS_MAX];

static struct {
    int wanted;
    int before; /* kills done before it began */
    int64_t start, end;
    int64_t pause, wait;
} numbers;

static int
number(const char *name, int otherwise)
{
    const char *wanted = getenv(name);
    int n = wanted ? atoi(wanted) : 0;

    return n > 0 ? n : otherwise;
}

unsigned *
storm_seed(void)
{
    static unsigned seed;
    static int drawn;
    const char *wanted = getenv("SYSVMP_SEED");

    if (!drawn) {
        seed = wanted ? (unsigned)strtoul(wanted, NULL, 0)
                      : (unsigned)now_ns() ^ (unsigned)getpid() << 16;
        diag("SYSVMP_SEED=%u", seed);
        drawn = 1;
    }
    return &seed;
}

/*
 * For the workers.
 */

void
storm_step(int worker, int thread)
{
    atomic_fetch_add(&words->thread[worker][thread].steps, 1);
}

int
storm_over(void)
{
    return atomic_load(&words->over);
}

void
storm_enough(void)
{
    atomic_store(&words->enough, 1);
}

unsigned
storm_draw(int worker, int thread)
{
    unsigned which = (unsigned)(worker * STORM_THREADS_MAX + thread);

    return *storm_seed() + (workers[worker].lives * 64 + which) * 2654435761u;
}

int
storm_timeout(unsigned *seed)
{
    if (!atomic_load(&words->impatient) || chance(seed, 4) != 0)
        return SYSVMP_FOREVER;
    return (int)chance(seed, 3);
}

void
storm_linger(unsigned *seed)
{
    if (chance(seed, LINGER) == 0)
        pause_us(chance(seed, LINGER_US));
}

int
storm_kills_begun(void)
{
    return atomic_load(&words->kills_begun);
}

int
storm_kills_done(void)
{
    return atomic_load(&words->kills_done);
}

/*
 * The numbers.
 */

void
storm_begin(int parts)
{
    int64_t ns = number("SYSVMP_SECONDS", SECONDS) * NS_A_SECOND;

    storm_seed();
    if (!words) {
        words = shared(sizeof(*words));
        for (size_t i = 0; i < sizeof(contract) / sizeof(contract[0]); i++)
            diag("%s", contract[i]);
    }
    atomic_store(&words->over, 0);
    numbers.wanted = number("SYSVMP_KILLS", KILLS) / parts;
    numbers.before = storm_kills_done();
    numbers.start = now_ns();
    numbers.end = numbers.start + ns / parts;
    numbers.pause = numbers.wait = 0;
}

static int
kills(void)
{
    return storm_kills_done() - numbers.before;
}

int
storm_more(void)
{
    return kills() < numbers.wanted && now_ns() < numbers.end &&
        !atomic_load(&words->enough);
}

void
storm_kill(pid_t pid)
{
    atomic_fetch_add(&words->kills_begun, 1);
    if (kill(pid, SIGKILL) < 0)
        bail("kill: %s", strerror(errno));
}

void
storm_reaped(void)
{
    atomic_fetch_add(&words->kills_done, 1);
}

void
storm_waited(int64_t ns)
{
    if (ns > numbers.wait)
        numbers.wait = ns;
}

int
storm_end(void)
{
    double seconds = (double)(now_ns() - numbers.start) / 1e9;

    diag("%d kills in %.1f s, %.0f a second%s", kills(), seconds,
        kills() / seconds, kills() < numbers.wanted ? "; cut short" : "");
    if (numbers.pause)
        diag("longest pause of all after a kill: %.1f ms",
            (double)numbers.pause / 1e6);
    diag("longest wait of one after a kill: %.1f ms",
        (double)numbers.wait / 1e6);
    return kills();
}

/*
 * A worker's life.
 */

static int
threads_of(int worker)
{
    return storm->threads ? storm->threads(worker) : 1;
}

struct thread {
    pthread_t id;
    int worker, thread;
    int result;
};

static void *
thread_runs(void *arg)
{
    struct thread *t = arg;

    t->result = storm->work(t->worker, t->thread);
    return NULL;
}

static int
worker_runs(int worker)
{
    struct thread t[STORM_THREADS_MAX];
    int bad = 0, n = threads_of(worker);

    if (storm->begin)
        storm->begin(worker);
    for (int i = 0; i < n; i++) {
        t[i] = (struct thread){.worker = worker, .thread = i};
        if (i > 0 && pthread_create(&t[i].id, NULL, thread_runs, &t[i]) != 0)
            return 1;
    }
    thread_runs(&t[0]);
    for (int i = 0; i < n; i++) {
        if (i > 0)
            pthread_join(t[i].id, NULL);
        bad |= t[i].result;
    }
    return bad;
}

static int
target(void *arg)
{
    return worker_runs((int)(intptr_t)arg);
}

static void
put_back(int i)
{
    void *arg = (void *)(intptr_t)i;

    /* Drawn even when it is not needed: a replay draws the same. */
    workers[i].lives++;
    workers[i].process = NULL;
    if (chance(storm_seed(), 2) != 0) {
        workers[i].process = started(target, arg);
        workers[i].pid = sysvmp_process_pid(workers[i].process);
    } else {
        workers[i].pid = child(target, arg);
    }
}

/* Its exit code, or -N if signal N killed it. */
static int
end_worker(int i)
{
    int code = workers[i].process ? end_of(workers[i].process)
                                  : reap(workers[i].pid);

    workers[i].pid = 0;
    return code;
}

/* Has it ended by itself, which it must not before the storm is over? */
static int
gone(int i)
{
    siginfo_t info = {.si_pid = 0};

    if (waitid(P_PID, (id_t)workers[i].pid, &info,
            WEXITED | WNOHANG | WNOWAIT) == 0 &&
        info.si_pid == 0)
        return 0;
    diag("worker %d ended by itself: status %d", i, info.si_status);
    return 1;
}

/*
 * After a kill.
 */

struct watch {
    unsigned seen[STORM_WORKERS_MAX][STORM_THREADS_MAX];
    int moved[STORM_WORKERS_MAX][STORM_THREADS_MAX];
    int waiting; /* threads that have not made a step */
    int steps;   /* did any, when last looked at? */
};

static void
look_at(struct watch *w, int worker, int thread)
{
    unsigned steps = atomic_load(&words->thread[worker][thread].steps);

    if (steps != w->seen[worker][thread]) {
        w->seen[worker][thread] = steps;
        w->moved[worker][thread] = 1;
        w->steps = 1;
    }
    w->waiting += !w->moved[worker][thread];
}

static void
look(struct watch *w)
{
    w->waiting = w->steps = 0;
    for (int i = 0; i < storm->workers; i++)
        for (int t = 0; workers[i].pid && t < threads_of(i); t++)
            look_at(w, i, t);
}

static int
hanging(const struct watch *w)
{
    int bad = 0;

    for (int i = 0; i < storm->workers; i++)
        for (int t = 0; t < threads_of(i); t++)
            if (workers[i].pid && !w->moved[i][t]) {
                diag("worker %d, thread %d hangs (pid %d)", i, t,
                    (int)workers[i].pid);
                bad++;
            }
    return bad;
}

static int
any_gone(void)
{
    int bad = 0;

    for (int i = 0; i < storm->workers; i++)
        bad += workers[i].pid && gone(i);
    return bad;
}

/* Waits until each thread that lives has made a step; how many have not. */
static int
wait_for_all(int64_t start)
{
    struct watch w = {.waiting = 1};
    int64_t now = start, last = start;

    look(&w);
    memset(w.moved, 0, sizeof(w.moved));
    for (w.waiting = 1; w.waiting; pause_us(20)) {
        look(&w);
        now = now_ns();
        if (now - last > numbers.pause)
            numbers.pause = now - last;
        if (w.steps)
            last = now;
        if (now - start > STORM_HANG_S * NS_A_SECOND || any_gone())
            return hanging(&w) + 1;
    }
    storm_waited(now - start);
    return 0;
}

/* One that may be killed, and is not among the n there are. */
static int
draw_victim(const int *victims, int n)
{
    int victim, taken;

    do {
        victim = (int)chance(storm_seed(), (unsigned)storm->workers);
        taken = storm->spared && storm->spared(victim);
        for (int i = 0; i < n; i++)
            taken |= victims[i] == victim;
    } while (taken);
    return victim;
}

static int
bury(int victim)
{
    int code = end_worker(victim);

    if (code != -SIGKILL)
        diag("worker %d ended by itself: %d", victim, code);
    storm_reaped();
    if (storm->died)
        storm->died(victim);
    return code != -SIGKILL;
}

static void
begin_spell(unsigned *seed)
{
    if (chance(seed, SPELL) == 0)
        atomic_store(&words->impatient, chance(seed, 4) == 0);
}

/* All of them at once: 0, or how many had ended before. */
static int
kill_all(const int *victims, int n)
{
    int bad = 0;

    for (int i = 0; i < n; i++)
        storm_kill(workers[victims[i]].pid);
    for (int i = 0; i < n; i++)
        bad += bury(victims[i]);
    return bad;
}

/* Kills, and puts back: 0, or how many threads hang. */
static int
strike(void)
{
    int victims[MOST], n = 1, bad;
    unsigned *seed = storm_seed();
    int64_t start;

    begin_spell(seed);
    if (chance(seed, SEVERAL) == 0)
        n += (int)chance(seed, MOST);
    for (int i = 0; i < n; i++)
        victims[i] = draw_victim(victims, i);
    if (chance(seed, AT_ONCE) != 0)
        pause_us(chance(seed, PAUSE_US));
    start = now_ns();
    bad = kill_all(victims, n);
    if (chance(seed, 2) == 0 && n <= storm->missing && bad == 0)
        bad = wait_for_all(start);
    for (int i = 0; i < n; i++)
        put_back(victims[i]);
    if (bad || (chance(seed, NO_WAIT) == 0 && storm_more()))
        return bad;
    return wait_for_all(now_ns());
}

static int
finish(void)
{
    int bad = 0;

    atomic_store(&words->over, 1);
    if (storm->over)
        storm->over();
    for (int i = 0; i < storm->workers; i++) {
        int code = end_worker(i);

        if (code != 0) {
            diag("worker %d ended with %d", i, code);
            bad++;
        }
    }
    return bad;
}

static void
give_up(void)
{
    diag("replay: SYSVMP_SEED as above, SYSVMP_KILLS=%d", numbers.wanted);
    for (int i = 0; i < storm->workers; i++)
        if (workers[i].pid) {
            kill(workers[i].pid, SIGKILL);
            end_worker(i);
        }
}

int
storm_run(const struct storm *wanted, int parts)
{
    int bad = 0;

    storm = wanted;
    storm_begin(parts);
    for (int i = 0; i < storm->workers; i++)
        put_back(i);
    while (storm_more() && bad == 0) {
        bad += strike();
        bad += !storm->still_right();
    }
    if (bad == 0)
        bad = finish();
    else
        give_up();
    return bad + (storm_end() == 0);
}
