/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * family.c: see family.h.
 *
 * `alive` of a side is counted down before a kill: as long as it is not 0,
 * the other side may not see an end.  `gone` is set when the last of a side
 * has been reaped, and all that is left of the other side have closed what
 * they inherited: from then on no message may be accepted.
 *
 * In half of the storm a stranger forks all the time, so that a count of
 * holders that is zero proves nothing, as a child may be on its way: who
 * sleeps may not miss the end for that.  (A message may be accepted then.)
 */
#include <config.h>

#include "family.h"
#include "child.h"
#include "history.h"
#include "storm.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>

enum { SIDES = 2, MEMBERS_MAX = 4, PAUSE_US = 1500, AT_ONCE = 4,
    WITH_STRANGER = 10 };

/* Channel 0 leads from side 1 to side 0; channel 1, of a pipe of two
 * directions, back. */
static struct member {
    int side;
    int sender, receiver; /* -1: it does not */
    int forked;
    int dead; /* and reaped */
    pid_t pid;
    struct sysvmp_process *process;
} members[MEMBERS_MAX];

static int member_count, duplex;
/* Somebody else who forks all the time, or -1. */
static pid_t stranger = -1;

static struct {
    _Atomic int alive[SIDES], gone[SIDES];
    _Atomic int ready[MEMBERS_MAX];
    _Atomic int early, late;     /* faults */
    _Atomic int ends, refusals;  /* seen as they should be */
    int hung, codes, lost;       /* the supervisor's faults */
    int families, complete;      /* complete: no message may be missing */
    _Atomic int stranger_ends;
} *book;

/*
 * A member.
 */

static int
sends(const struct member *m)
{
    unsigned seed = storm_draw(m->side, 0) + (unsigned)m->sender;
    int other = !m->side;

    for (;;) {
        int gone = atomic_load(&book->gone[other]);
        int result = history_send(m->sender, storm_timeout(&seed));

        if (result == 0 && gone && stranger < 0)
            atomic_fetch_add(&book->late, 1);
        if (result == -EPIPE) {
            if (atomic_load(&book->alive[other]) > 0)
                atomic_fetch_add(&book->early, 1);
            atomic_fetch_add(&book->refusals, 1);
            return 0;
        }
        storm_linger(&seed);
    }
}

static int
receives(const struct member *m)
{
    unsigned seed = storm_draw(m->side, 1) + (unsigned)m->receiver;
    int other = !m->side;

    for (;;) {
        ssize_t len =
            history_receive(m->receiver, m->side, storm_timeout(&seed));

        if (len == -EPIPE) {
            if (atomic_load(&book->alive[other]) > 0)
                atomic_fetch_add(&book->early, 1);
            atomic_fetch_add(&book->ends, 1);
            return 0;
        }
        storm_linger(&seed);
    }
}

static void *
receives_too(void *arg)
{
    receives(arg);
    return NULL;
}

static int
member_runs(void *arg)
{
    struct member *m = arg;
    struct channel *c = history_channel(0);
    pthread_t thread;

    if (m->forked)
        sysvmp_conn_close(m->side == 0 ? c->writes : c->reads);
    atomic_store(&book->ready[m - members], 1);
    if (m->receiver < 0)
        return sends(m);
    if (m->sender < 0)
        return receives(m);
    if (pthread_create(&thread, NULL, receives_too, m) != 0)
        return 1;
    sends(m);
    pthread_join(thread, NULL);
    return 0;
}

/*
 * A family's life.
 */

static void
add_member(int side)
{
    struct member *m = &members[member_count++];
    struct channel *c = history_channel(0);

    *m = (struct member){.side = side, .sender = -1, .receiver = -1};
    if (duplex || side == 1)
        m->sender = history_sender(!side);
    if (duplex || side == 0)
        m->receiver = history_receiver();
    m->forked = (int)chance(storm_seed(), 2);
    if (!m->forked) {
        m->process = created(member_runs, m);
        must(sysvmp_process_give(m->process,
                side == 0 ? c->reads : c->writes), "give");
    }
}

static void
begin_family(void)
{
    unsigned *seed = storm_seed();

    duplex = (int)chance(seed, 2);
    history_pipe("pipe of a family", duplex ? 0 : SYSVMP_SIMPLEX);
    member_count = 0;
    memset((void *)book->ready, 0, sizeof(book->ready));
    for (int side = 0; side < SIDES; side++) {
        int n = 1 + (int)chance(seed, 2);

        book->alive[side] = n;
        book->gone[side] = 0;
        while (n-- > 0)
            add_member(side);
    }
}

/* The last that is given an end takes it away from us, so the others are
 * forked before. */
static void
start_family(void)
{
    struct channel *c = history_channel(0);

    for (struct member *m = members; m < members + member_count; m++)
        if (m->forked)
            m->pid = child(member_runs, m);
    for (struct member *m = members; m < members + member_count; m++)
        if (!m->forked) {
            must(sysvmp_process_start(m->process), "process_start");
            m->pid = sysvmp_process_pid(m->process);
        }
    must(sysvmp_conn_close(c->reads), "close");
    must(sysvmp_conn_close(c->writes), "close");
}

/* Its exit code, or -N if signal N killed it. */
static int
end_member(struct member *m)
{
    m->dead = 1;
    return m->forked ? reap(m->pid) : end_of(m->process);
}

static int
has_ended(const struct member *m)
{
    siginfo_t info = {.si_pid = 0};

    return waitid(P_PID, (id_t)m->pid, &info, WEXITED | WNOHANG | WNOWAIT) !=
        0 || info.si_pid != 0;
}

static struct member *
draw_victim(void)
{
    struct member *m;

    do
        m = &members[chance(storm_seed(), (unsigned)member_count)];
    while (m->dead);
    return m;
}

static void
kill_one(void)
{
    struct member *victim = draw_victim();

    if (chance(storm_seed(), AT_ONCE) != 0)
        pause_us(chance(storm_seed(), PAUSE_US));
    if (has_ended(victim)) {
        diag("a member of side %d ended before its time", victim->side);
        book->codes++;
    }
    atomic_fetch_sub(&book->alive[victim->side], 1);
    storm_kill(victim->pid);
    if (end_member(victim) != -SIGKILL)
        book->codes++;
    storm_reaped();
    if (victim->receiver >= 0)
        history_died(victim->receiver);
}

static int
all_ready(void)
{
    for (int i = 0; i < member_count; i++)
        if (!members[i].dead && !atomic_load(&book->ready[i]))
            return 0;
    return 1;
}

/* What is left of a family comes to its end by itself. */
static void
wait_for_end(int64_t start)
{
    for (struct member *m = members; m < members + member_count; m++) {
        if (m->dead)
            continue;
        while (!has_ended(m)) {
            if (now_ns() - start > STORM_HANG_S * INT64_C(1000000000)) {
                diag("side %d hangs (pid %d)", m->side, (int)m->pid);
                book->hung++;
                kill(m->pid, SIGKILL);
                break;
            }
            pause_us(20);
        }
        storm_waited(now_ns() - start);
        if (end_member(m) != 0)
            book->codes++;
    }
}

static void
check_family(void)
{
    for (int i = 0; i <= duplex; i++) {
        int allowed, lost = history_lost(i, &allowed);

        if (book->alive[i] == 0)
            continue; /* nobody was left to receive */
        if (lost > allowed) {
            diag("lost %d, allowed %d", lost, allowed);
            book->lost++;
        }
        book->complete += allowed == 0;
    }
    book->families++;
}

static void
family_lives(void)
{
    int64_t last;

    begin_family();
    start_family();
    do {
        last = now_ns();
        kill_one();
    } while (book->alive[0] > 0 && book->alive[1] > 0);
    for (int side = 0; side < SIDES; side++)
        if (all_ready() && book->alive[side] == 0)
            atomic_store(&book->gone[side], 1);
    wait_for_end(last);
    check_family();
    history_destroy();
}

static int
ends_at_once(void *arg)
{
    (void)arg;
    return 0;
}

static int
forks_on(void *arg)
{
    (void)arg;
    while (!atomic_load(&book->stranger_ends))
        reap(child(ends_at_once, NULL));
    return 0;
}

static void
stranger_comes(void)
{
    atomic_store(&book->stranger_ends, 0);
    stranger = child(forks_on, NULL);
}

static void
stranger_goes(void)
{
    atomic_store(&book->stranger_ends, 1);
    reap(stranger);
    stranger = -1;
}

static int
right(void)
{
    return !book->early && !book->late && !book->hung && !book->codes &&
        !book->lost && history_right();
}

void
family_storm(int parts)
{
    book = shared(sizeof(*book));
    storm_begin(parts);
    do {
        if (chance(storm_seed(), 2) == 0)
            stranger_comes();
        for (int i = 0; i < WITH_STRANGER && right(); i++)
            family_lives();
        if (stranger > 0)
            stranger_goes();
    } while (storm_more() && right());
    storm_end();
    is_int(0, book->hung, "families: all see the other side's end");
    is_int(0, book->early, "... none before the last of it is killed");
    is_int(0, book->late, "... nothing is accepted after that one is reaped");
    is_int(0, book->codes, "... and each ends as it should");
    is_int(0, book->lost, "... no more is lost than the contract allows");
    ok(history_right(), "... none came twice, torn or out of order");
    diag("%d families, %d ends of file, %d EPIPE; %d times all had to come",
        book->families, book->ends, book->refusals, book->complete);
}
