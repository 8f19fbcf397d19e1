/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crash-shared.c: a process killed at each point of the allocation and of the
 * free of shared memory, small and large, also beside another thread that does
 * the same, and with the next who allocates and frees killed in it, too.  The
 * blocks of others stay and are whole; nobody hangs; all that can be lost is
 * the block that was about to be handed out; and what is free is used again.
 */
#include <config.h>

#include "census.h"
#include "crash.h"

#include <signal.h>
#include <string.h>

enum { OTHERS = 64, SMALL = 60, HALF = 2048, LARGE = 20000, HUGE = 300000 };

static size_t size;    /* of the victim's block */
static int slab_full;  /* all places but none, or one, are in use at first */
static int lost;       /* blocks that may have been lost */
static char *victims;  /* its block, where it frees one */
static char *others[OTHERS + 1];
static int n_others;
static int used_before;

static int
whole(const char *p, size_t length, int byte)
{
    for (size_t i = 0; i < length; i++)
        if (p[i] != (char)byte)
            return 0;
    return 1;
}

static char *
allocate(size_t length, int byte)
{
    char *p = sysvmp_shared_alloc(length);

    if (!p) {
        wrong("shared_alloc: %s", sysvmp_last_error());
        return NULL;
    }
    if (!whole(p, length, 0))
        wrong("a new block is not zero");
    memset(p, byte, length);
    return p;
}

/* Blocks of others, of the victim's size, and a large one. */
static void
make_others(int n)
{
    n_others = 0;
    others[n_others++] = allocate(LARGE, 1);
    while (n_others <= n)
        others[n_others++] = allocate(size, 1);
}

/* After the look: of the blocks that are in use now, but not ours, there are
 * `lost` at most; when these are freed, too, all is as before. */
static void
look_at_memory(void)
{
    const struct census *census;
    int more = 0;

    for (int i = 0; i < n_others; i++) {
        if (!whole(others[i], i == 0 ? LARGE : size, 1))
            wrong("another's block was changed");
        sysvmp_shared_free(others[i]);
    }
    census = take_census();
    more = census->blocks;
    for (int i = 0; i < more; i++)
        sysvmp_shared_free(census->block[i]);
    if (more > lost)
        wrong("%d blocks are lost", more);
    want(0, take_census()->blocks, "blocks in use at the end");
    want(used_before, pages_used(), "pages in use at the end");
}

/* The next who allocates finds lists that are right, and no place twice. */
static void
allocate_and_free(void)
{
    enum { N = 40 };
    char *p[N];
    size_t length = size <= HALF ? size : SMALL;

    /* One alone, as more may have a sweep mend what is to be right here. */
    sysvmp_shared_free(allocate(length, 99));
    if (!lists_sound())
        wrong("the lists of slabs are not sound at once");
    for (int i = 0; i < N; i++)
        p[i] = allocate(i % 8 == 7 ? LARGE : length, 100 + i);
    if (!lists_sound())
        wrong("the lists of slabs are not sound");
    for (int i = 0; i < N; i++) {
        if (p[i] && !whole(p[i], i % 8 == 7 ? LARGE : length, 100 + i))
            wrong("a block is another's, too");
        sysvmp_shared_free(p[i]);
    }
}

static void
sweep(void)
{
    if (crash_round() % 2 != 0)
        memory_sweep(arena_current);
}

/* What the victim allocates: an arena is there, with slabs of that size. */
static void
begin(void)
{
    struct sysvmp_lock *lock;

    if (sysvmp_lock_create(&lock) < 0)
        bail("lock_create: %s", sysvmp_last_error());
    sysvmp_lock_destroy(lock);
    used_before = pages_used();
    lost = 0;
    make_others(slab_full);
    victims = NULL;
    crash_and_then(sweep, look_at_memory);
}

/* What it frees; the last of a slab that is full, or of one that is not. */
static void
begin_with_its_block(void)
{
    begin();
    victims = allocate(size, 2);
}

/* In the last place there is: others free theirs, so it is alone in a slab
 * which is not the only one with room. */
static void
begin_with_it_alone(void)
{
    int places;

    begin();
    places = 4096 / (int)slab_size(slab_class(size)) - 1;
    while (n_others < places)
        others[n_others++] = allocate(size, 1);
    victims = allocate(size, 2);
    others[n_others++] = allocate(size, 1);
    while (n_others > 2) {
        sysvmp_shared_free(others[1]);
        others[1] = others[--n_others];
    }
}

static int
nothing_left(void *unused)
{
    return ipc_left() == 0 && !unused;
}

static void
wait_for_janitor(void)
{
    if (!within_bound(nothing_left, NULL))
        wrong("something is left in the kernel");
}

static void
begin_without_arena(void)
{
    lost = 0;
    n_others = 0;
    victims = NULL;
    crash_and_then(NULL, wait_for_janitor);
}

static int
alloc(void)
{
    return sysvmp_shared_alloc(size) ? 0 : -ENOMEM;
}

static int
free_it(void)
{
    sysvmp_shared_free(victims);
    return 0;
}

static int
alloc_and_free(void)
{
    char *p = sysvmp_shared_alloc(size);

    sysvmp_shared_free(p);
    return p ? 0 : -ENOMEM;
}

static void
look_after_alloc(const struct crash_end *end)
{
    lost += 1; /* a victim that was not killed has it */
    if (end->acknowledged)
        want(0, end->answer, "the victim's alloc");
    allocate_and_free();
}

/* The last store makes it a shared block: who is killed before loses none. */
static void
look_after_run(const struct crash_end *end)
{
    lost -= !end->acknowledged;
    look_after_alloc(end);
}

/* Either it is free, or it is as it was: then it is freed by another. */
static void
look_after_free(const struct crash_end *end)
{
    const struct census *census = take_census();
    int there = 0;

    for (int i = 0; i < census->blocks; i++)
        there += census->block[i] == (void *)victims;
    if (end->acknowledged)
        want(0, there, "the victim's block is in use");
    if (there && !whole(victims, size, 2))
        wrong("the block is not freed, but changed");
    if (there)
        sysvmp_shared_free(victims);
    allocate_and_free();
}

/* The arena of the victim is its own, and goes with it. */
static void
look_for_nothing(const struct crash_end *end)
{
    if (end->acknowledged)
        want(0, end->answer, "the victim's alloc");
}

static void
look_after_heir(const struct crash_end *end)
{
    lost += 1;
    (void)heir_end();
    look_after_alloc(end);
}

static int
heir_allocates(void)
{
    return alloc_and_free();
}

static void
busy_beside(void)
{
    (void)alloc_and_free();
}

static void
look_beside(const struct crash_end *end)
{
    lost += 1; /* the thread's */
    look_after_alloc(end);
}

static void
alloc_cases(void)
{
    static const struct crash_case first = {"shared_alloc, the first of all",
        begin_without_arena, NULL, NULL, alloc, NULL, look_for_nothing, ENDS};
    static const struct crash_case fresh = {"shared_alloc, a new slab", begin,
        NULL, NULL, alloc, NULL, look_after_alloc, ENDS};
    static const struct crash_case there = {"shared_alloc, a slab has room",
        begin, NULL, NULL, alloc, NULL, look_after_alloc, STAYS};
    static const struct crash_case last = {"shared_alloc, the last place",
        begin, NULL, NULL, alloc, NULL, look_after_alloc, ENDS};
    static const struct crash_case large = {"shared_alloc, a run", begin,
        NULL, NULL, alloc, NULL, look_after_run, ENDS};
    static const struct crash_case both = {"shared_alloc, shared_free", begin,
        NULL, NULL, alloc_and_free, NULL, look_after_alloc, ENDS};
    static const struct crash_case both_large = {
        "shared_alloc, shared_free, a run", begin, NULL, NULL, alloc_and_free,
        NULL, look_after_alloc, ENDS};

    size = SMALL;
    crash_run(&first);
    slab_full = 0;
    crash_run(&fresh);
    crash_run(&both);
    slab_full = 3;
    crash_run(&there);
    size = HALF;
    slab_full = 1;
    crash_run(&last);
    slab_full = 0;
    size = LARGE;
    crash_run(&large);
    crash_run(&both_large);
    size = HUGE;
    crash_run(&large);
}

static void
free_cases(void)
{
    static const struct crash_case frees = {"shared_free",
        begin_with_its_block, NULL, NULL, free_it, NULL, look_after_free,
        STAYS};
    static const struct crash_case ends = {"shared_free, and it ends",
        begin_with_its_block, NULL, NULL, free_it, NULL, look_after_free,
        ENDS};
    static const struct crash_case of_full = {"shared_free, the slab was full",
        begin_with_its_block, NULL, NULL, free_it, NULL, look_after_free,
        STAYS};
    static const struct crash_case of_last = {
        "shared_free, the last of a slab", begin_with_it_alone, NULL,
        NULL, free_it, NULL, look_after_free, STAYS};
    static const struct crash_case large = {"shared_free, a run",
        begin_with_its_block, NULL, NULL, free_it, NULL, look_after_free,
        STAYS};

    size = SMALL;
    slab_full = 2;
    crash_run(&frees);
    crash_run(&ends);
    size = HALF;
    slab_full = 1;
    crash_run(&of_full);
    slab_full = 0;
    crash_run(&of_last);
    size = LARGE;
    crash_run(&large);
    size = HUGE;
    crash_run(&large);
}

static void
with_others(void)
{
    static const struct crash_case alone = {"shared_alloc, shared_free", begin,
        NULL, NULL, alloc_and_free, NULL, look_after_heir, STAYS};
    static const struct crash_case large = {"shared_alloc, shared_free, a run",
        begin, NULL, NULL, alloc_and_free, NULL, look_after_heir, STAYS};
    static const struct crash_case beside = {"shared_alloc, shared_free",
        begin, NULL, NULL, alloc_and_free, NULL, look_beside, ENDS};

    size = HALF;
    slab_full = 1;
    crash_run_heir(&alone, heir_allocates);
    size = LARGE;
    crash_run_heir(&large, heir_allocates);
    size = HALF;
    crash_run_beside_loop(&beside, busy_beside);
}

int
main(void)
{
    plan(8 + 6 + 3);
    alloc_cases();
    free_cases();
    with_others();
    return done();
}
