/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shared-memory.c: blocks that all processes share, at one address: who made
 * them, who frees them, how large they are, what is in them at first; what
 * is no block is not freed; and where there is no room, the text says why.
 */
#include <config.h>

#include "census.h"
#include "child.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

enum {
    BLOCKS = 600,
    LARGEST = 3000000,
    MOST = 200000, /* blocks that may fit where there is little room */
    SEGMENT = 4 << 20,
    ROUNDS = 20000,
    THREADS = 3,
    TWICE = 20
};

static int logged;

static void
count_lines(int level, const char *line, void *arg)
{
    logged += level == SYSVMP_LOG_ERROR &&
        strstr(line, "shared_free") != NULL;
    (void)arg;
}

static void *
allocated(size_t size)
{
    void *p = sysvmp_shared_alloc(size);

    if (!p)
        bail("shared_alloc of %zu: %s", size, sysvmp_last_error());
    return p;
}

static int
all_zero(const char *p, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (p[i] != 0)
            return 0;
    return 1;
}

static int
all_are(const char *p, size_t size, int byte)
{
    for (size_t i = 0; i < size; i++)
        if (p[i] != (char)byte)
            return 0;
    return 1;
}

/*
 * Sizes.
 */

static size_t
size_of(int i)
{
    static const size_t some[] = {1, 15, 16, 17, 63, 64, 65, 2047, 2048, 2049,
        4095, 4096, 4097, 65535, 65536, 65537, 262144, 1000000, LARGEST};
    const int n = sizeof(some) / sizeof(some[0]);

    return i < n ? some[i] : (size_t)i * 7919 % 5000 + 1;
}

static void
many_sizes(void)
{
    static char *p[BLOCKS];
    int zero = 0, aligned = 0, whole = 0, before = pages_used();

    for (int i = 0; i < BLOCKS; i++) {
        p[i] = allocated(size_of(i));
        zero += all_zero(p[i], size_of(i));
        aligned += (uintptr_t)p[i] % 16 == 0;
        memset(p[i], i + 1, size_of(i));
    }
    is_int(BLOCKS, zero, "shared memory: of all sizes: all zero");
    is_int(BLOCKS, aligned, "... aligned to 16 bytes");
    for (int i = 0; i < BLOCKS; i++)
        whole += all_are(p[i], size_of(i), i + 1);
    is_int(BLOCKS, whole, "... and each is by itself");
    is_int(BLOCKS, take_census()->blocks, "... so many are in use");
    for (int i = 0; i < BLOCKS; i++)
        sysvmp_shared_free(p[i * 7 % BLOCKS]);
    is_int(0, take_census()->blocks, "... all are freed");
    ok(lists_sound(), "... the lists of slabs are sound");
    zero = 0;
    for (int i = 0; i < BLOCKS; i++) {
        p[i] = allocated(size_of(i));
        zero += all_zero(p[i], size_of(i));
    }
    is_int(BLOCKS, zero, "... what was used before is zero, too");
    for (int i = BLOCKS; i-- > 0;)
        sysvmp_shared_free(p[i]);
    is_int(before, pages_used(), "... and all the memory comes back");
    is_int(0, logged, "... nothing is logged");
}

/*
 * At random, by two processes with threads: none has what another has.
 */

static _Atomic int torn;

static void *
allocate_at_random(void *arg)
{
    enum { MINE = 40 };
    static _Atomic unsigned threads;
    unsigned me = own_add(&threads, 1) * 64 + (unsigned)(uintptr_t)arg;
    unsigned lot = me * 2654435761u + 1;
    struct { unsigned char *p; size_t size; } mine[MINE] = {{NULL, 0}};

    for (int i = 0; i < ROUNDS + MINE; i++) {
        int k = i < ROUNDS ? (int)chance(&lot, MINE) : i - ROUNDS;

        if (mine[k].p) {
            if (!all_are((char *)mine[k].p, mine[k].size, (int)me + k))
                own_add(&torn, 1);
            sysvmp_shared_free(mine[k].p);
            mine[k].p = NULL;
        } else if (i < ROUNDS) {
            mine[k].size = 1 + chance(&lot, chance(&lot, 8) ? 300 : 9000);
            mine[k].p = allocated(mine[k].size);
            if (!all_zero((char *)mine[k].p, mine[k].size))
                own_add(&torn, 1);
            memset(mine[k].p, (int)me + k, mine[k].size);
        }
    }
    return NULL;
}

static int
several_threads(void *arg)
{
    pthread_t thread[THREADS];

    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&thread[i], NULL, allocate_at_random, arg) != 0)
            return 1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    return torn > 0;
}

static void
at_once(void)
{
    static int one = 16, two = 32;
    int before = pages_used();
    pid_t a = child(several_threads, (void *)(uintptr_t)one);
    pid_t b = child(several_threads, (void *)(uintptr_t)two);

    is_int(0, reap(a), "shared memory: 2 processes of %d threads: no block "
        "is two's", THREADS);
    is_int(0, reap(b), "... nor the other's");
    is_int(0, take_census()->blocks, "... all blocks are freed");
    ok(lists_sound(), "... the lists of slabs are sound");
    is_int(before, pages_used(), "... and the memory comes back");
}

/* Two free the same blocks, in the same order: each is freed once. */

static void **both;
static _Atomic int *meeting;

static int
free_all(void *unused)
{
    atomic_fetch_add(meeting, 1);
    until(meeting, 2);
    logged = 0;
    for (int i = 0; i < BLOCKS; i++)
        sysvmp_shared_free(both[i]);
    atomic_fetch_add(meeting + 1, logged);
    return unused != NULL;
}

static void
freed_twice(void)
{
    int before = pages_used(), good = 0;

    both = shared(BLOCKS * sizeof(*both));
    meeting = shared(2 * sizeof(*meeting));
    for (int round = 0; round < TWICE; round++) {
        pid_t a, b;

        for (int i = 0; i < BLOCKS; i++)
            both[i] = allocated(i % 2 ? 5000 : 1500);
        atomic_store(meeting, 0);
        atomic_store(meeting + 1, 0);
        a = child(free_all, NULL);
        b = child(free_all, NULL);
        good += reap(a) == 0 && reap(b) == 0 &&
            atomic_load(meeting + 1) == BLOCKS && pages_used() == before;
    }
    is_int(TWICE, good, "shared memory: of two who free the same blocks one "
        "does, each time, and the other is told");
}

/*
 * Processes.
 */

static struct sysvmp_conn *to_parent[2], *to_child[2];

/* Has the other's pointer: reads there, and writes. */
static int
read_and_write(void *p)
{
    int *number = p;

    if (*number != 41)
        return 1;
    *number = 42;
    return 0;
}

static int
use_what_comes(void *unused)
{
    int *p[2];

    if (sysvmp_conn_recv(to_child[0], p, sizeof(p), SYSVMP_FOREVER) !=
        sizeof(p))
        return 2;
    sysvmp_shared_free(p[1]);
    return read_and_write(p[0]) + (unused != NULL);
}

static int
make_and_tell(void *unused)
{
    int *p[2] = {allocated(sizeof(int)), allocated(100000)};

    *p[0] = 41;
    memset(p[1], 7, 100000);
    return sysvmp_conn_send(to_parent[1], p, sizeof(p), SYSVMP_FOREVER) != 0 ||
        unused != NULL;
}

static void
in_all_processes(void)
{
    pid_t older = child(use_what_comes, NULL);
    int *p[2] = {NULL, NULL};

    is_int(0, reap(child(make_and_tell, NULL)),
        "shared memory: a child makes blocks, and ends");
    is_int(sizeof(p),
        sysvmp_conn_recv(to_parent[0], p, sizeof(p), SYSVMP_FOREVER),
        "... its parent is told where");
    is_int(41, *p[0], "... and reads there");
    ok(all_are((char *)p[1], 100000, 7), "... in the large one, too");
    is_int(0, reap(child(read_and_write, p[0])),
        "... a younger child writes there");
    is_int(42, *p[0], "... and its parent sees it");
    *p[0] = 41;
    must(sysvmp_conn_send(to_child[1], p, sizeof(p), SYSVMP_FOREVER), "send");
    is_int(0, reap(older), "... an older one, too, and frees the large one");
    is_int(42, *p[0], "... which its parent sees");
    is_int(1, take_census()->blocks, "... one is left");
    sysvmp_shared_free(p[0]);
    is_int(0, take_census()->blocks, "... and then none");
}

static int
make_and_die(void *where)
{
    char **p = where;

    for (int i = 0; i < 3; i++) {
        p[i] = allocated((size_t)1 << (5 + 5 * i));
        memset(p[i], 5, (size_t)1 << (5 + 5 * i));
    }
    return raise(SIGKILL);
}

static void
outlives_its_maker(void)
{
    char **p = allocated(3 * sizeof(*p));
    int whole = 0;

    is_int(-SIGKILL, reap(child(make_and_die, p)),
        "shared memory: who made blocks is killed");
    memory_sweep(arena_current);
    for (int i = 0; i < 3; i++)
        whole += all_are(p[i], (size_t)1 << (5 + 5 * i), 5);
    is_int(3, whole, "... they are as it left them, also after a sweep");
    for (int i = 0; i < 3; i++)
        sysvmp_shared_free(p[i]);
    sysvmp_shared_free(p);
    is_int(0, take_census()->blocks, "... and are freed by another");
}

/*
 * What is none of ours.
 */

static void
not_freed(void *p, const char *what)
{
    int lines = logged, blocks = take_census()->blocks;
    uint32_t used, all, used_before;

    heap_state(arena_current, &used_before, &all);
    sysvmp_shared_free(p);
    heap_state(arena_current, &used, &all);
    ok(logged == lines + 1 && take_census()->blocks == blocks &&
            used == used_before,
        "... %s: nothing but a line in the log", what);
}

static void
none_of_ours(void)
{
    char *small = allocated(100), *other = allocated(100);
    char *large = allocated(10000), *gone = allocated(100);
    char *least = allocated(1);
    char *large_gone = allocated(10000);
    struct sysvmp_msg *m;
    char here;

    sysvmp_shared_free(NULL);
    is_int(0, logged, "shared memory: to free NULL does nothing");
    must(sysvmp_msg_create(&m, 5000), "msg_create");
    sysvmp_shared_free(gone);
    sysvmp_shared_free(large_gone);
    not_freed(gone, "what is free already");
    not_freed(large_gone, "the same, large");
    not_freed(small + 16, "the middle of one");
    not_freed((char *)((uintptr_t)least & ~(uintptr_t)4095) + 4096 - 64,
        "what is left at a page's end");
    not_freed((char *)((uintptr_t)least & ~(uintptr_t)4095) + 4096 - 128,
        "before it, too");
    not_freed(large + 4096, "of a large one, too");
    not_freed(large + 64, "also of its first page");
    not_freed(&here, "what is no shared memory");
    not_freed(sysvmp_msg_data(m), "a message");
    not_freed((char *)sysvmp_msg_data(m) - 64, "what a message is in");
    not_freed(arena_current->head, "our tables");
    not_freed((void *)(uintptr_t)-1, "the end of all memory");
    not_freed((char *)arena_current->head + arena_current->head->size,
        "what is behind the segment");
    sysvmp_msg_destroy(m);
    not_freed(heap_address(arena_current, heap_units(arena_current) - 1),
        "a page that was never used");
    sysvmp_shared_free(least);
    sysvmp_shared_free(small);
    sysvmp_shared_free(other);
    sysvmp_shared_free(large);
    is_int(0, take_census()->blocks, "... and what is in use is freed");
    logged = 0;
}

static void
nonsense(void)
{
    void *nothing;

    errno = EXDEV;
    nothing = sysvmp_shared_alloc(0);
    ok(nothing != NULL, "shared memory: 0 bytes have a place, too");
    is_int(0, (uintptr_t)nothing % 16, "... aligned");
    sysvmp_shared_free(nothing);
    ok(sysvmp_shared_alloc(SIZE_MAX) == NULL, "... but not SIZE_MAX bytes");
    ok(strstr(sysvmp_last_error(), "no room for") != NULL, "... told why: %s",
        sysvmp_last_error());
    sysvmp_shared_free(&logged);
    is_int(EXDEV, errno, "... errno is as it was");
    logged = 0;
}

/*
 * No room.
 */

static void **held;

static int
fill_up(size_t size)
{
    int n = 0;

    while (n < MOST && (held[n] = sysvmp_shared_alloc(size)) != NULL)
        n++;
    return n;
}

static void
empty_out(int n)
{
    while (n-- > 0)
        sysvmp_shared_free(held[n]);
}

static void
full_of(size_t size)
{
    int n = fill_up(size), again;
    const char *text = sysvmp_last_error();
    struct sysvmp_queue *q;

    ok((size_t)n * size > SEGMENT / 3 && n < MOST,
        "shared memory: %d blocks of %zu bytes fit into %d", n, size, SEGMENT);
    ok(strstr(text, "shmmax") && strstr(text, "in use") &&
            strstr(text, "free some"), "... then: %s", text);
    must(sysvmp_queue_create(&q, 0, 0), "queue_create");
    is_int(-ENOMEM, sysvmp_queue_put(q, held, 100000, SYSVMP_NOWAIT),
        "... nor does a message");
    sysvmp_queue_destroy(q);
    sysvmp_shared_free(held[n / 2]);
    held[n / 2] = sysvmp_shared_alloc(size);
    ok(held[n / 2] != NULL, "... one is freed, one fits");
    empty_out(n);
    is_int(0, pages_used(), "... all are freed: no memory is in use");
    again = fill_up(size);
    is_int(n, again, "... and as many fit again");
    empty_out(again);
}

static void
small_among_large(void)
{
    int n = fill_up(2000);
    void *small;

    sysvmp_shared_free(held[n / 2]);
    small = sysvmp_shared_alloc(16);
    ok(small != NULL,
        "shared memory: with room for a larger block alone, a small one fits");
    held[n / 2] = small;
    empty_out(n);
    is_int(0, take_census()->blocks, "... all are freed");
}

/* In an arena of its own. */
static void
exhaustion(void)
{
    const int tests = 2 * 6 + 2;
    char limit[32], old[32];

    must(sysvmp_leave(), "leave");
    ipc_limit("shmmax", old, sizeof(old));
    snprintf(limit, sizeof(limit), "%d", SEGMENT);
    if (!ipc_set_limit("shmmax", limit)) {
        skip(tests, "kernel.shmmax can't be set");
        return;
    }
    held = calloc(MOST, sizeof(*held));
    full_of(64);
    full_of(20000);
    small_among_large();
    must(sysvmp_leave(), "leave");
    ipc_set_limit("shmmax", old);
}

/*
 * Somebody has the heap's lock, and is stopped.
 */

static int
stop_with_the_lock(void *unused)
{
    struct deadline forever = DEADLINE(SYSVMP_FOREVER);

    must(heap_lock(arena_current, &forever), "heap_lock");
    raise(SIGSTOP);
    heap_unlock(arena_current);
    return unused != NULL;
}

/* What is freed meanwhile is free afterwards; a slab that was full has room,
 * one that is empty goes. */
static void
a_stopped_one(void)
{
    enum { FULL = 4 };
    char *small[FULL], *large = allocated(10000);
    int before, status;
    pid_t pid;

    for (int i = 0; i < FULL; i++)
        small[i] = allocated(2000);
    before = take_census()->blocks;
    pid = child(stop_with_the_lock, NULL);
    waitpid(pid, &status, WUNTRACED);
    ok(WIFSTOPPED(status), "shared memory: who has the lock is stopped");
    ok(sysvmp_shared_alloc(2000) == NULL, "... no block can be had");
    ok(strstr(sysvmp_last_error(), "stopped") != NULL, "... told why: %s",
        sysvmp_last_error());
    sysvmp_shared_free(small[0]);
    sysvmp_shared_free(small[2]);
    sysvmp_shared_free(small[3]);
    sysvmp_shared_free(large);
    is_int(before - 4, take_census()->blocks, "... but freed they are");
    not_freed(small[0], "... and not once more");
    kill(pid, SIGCONT);
    is_int(0, reap(pid), "... then it goes on");
    small[0] = allocated(2000);
    ok(lists_sound(), "... the lists are mended");
    sysvmp_shared_free(small[0]);
    sysvmp_shared_free(small[1]);
    is_int(0, pages_used(), "... and all the memory comes back");
    logged = 0;
}

/* As the first that a program makes, and after a leave. */
static void
first_of_all(void)
{
    char *p;

    sysvmp_shared_free(&p);
    is_int(1, logged, "shared memory: a free where there is none yet: a line "
        "in the log");
    p = allocated(100);
    ok(all_zero(p, 100), "... then the first, which makes the arena");
    memset(p, 1, 100);
    must(sysvmp_leave(), "leave");
    sysvmp_shared_free(p);
    is_int(2, logged, "... after a leave it is none of ours");
    p = allocated(100);
    ok(all_zero(p, 100), "... and another is a new beginning");
    sysvmp_shared_free(p);
    logged = 0;
}

int
main(void)
{
    plan(4 + 9 + 5 + 1 + 10 + 3 + 16 + 5 + 8 + 6 + 6 + 2);
    sysvmp_set_log(count_lines, NULL);
    first_of_all();
    must(sysvmp_pipe_create(to_parent, SYSVMP_SIMPLEX), "pipe_create");
    must(sysvmp_pipe_create(to_child, SYSVMP_SIMPLEX), "pipe_create");
    many_sizes();
    at_once();
    freed_twice();
    in_all_processes();
    outlives_its_maker();
    none_of_ours();
    nonsense();
    a_stopped_one();
    exhaustion();
    for (int i = 0; i < 2; i++) {
        sysvmp_conn_destroy(to_parent[i]);
        sysvmp_conn_destroy(to_child[i]);
    }
    free(held);
    return done();
}
