/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * heap.c: gives out runs of pages and takes them back, under a lock of its
 * own.  t/model/heap.pml is the model of who owns what.
 *
 * Runs follow one another without a gap, each with its length at its head, up
 * to the high mark.  That chain is whole at every instant: a run begins to be
 * used, is freed, split or merged by the one store of its length, after all
 * that the new state needs.  The bins and the marks at the end of a free run
 * only save looking for it; who is told that a holder of the lock died makes
 * them anew from the chain, and has the lists of slab.c made anew.
 *
 * What is in the table may be the work of a wild pointer, so each number is
 * checked before it leads anywhere, and no loop is longer than the table.
 */
#include "internal.h"

#include "membarrier.h"
#include "block.h"
#include "heap.h"
#include "pages.h"

/* Free units that keep their memory, 8 MiB: a page costs up to 4 us to get. */
#define WARM_MAX  2048u
/* ... and as many more, up to 6 MiB, as were needed again after they had given
 * it back; less what was never needed over so many frees. */
#define KEEP_MAX  1536u
#define WINDOW    64u
/* It is given back in pieces of so many at least, 256 KiB; */
#define COLD_MIN  64u
/* and of so many at most, 2 MiB, which takes less than a millisecond: then the
 * giver looks whether somebody waits for the rest. */
#define PIECE     512u
/* The heap grows by so many at least, 64 KiB. */
#define GROW_MIN  16u
/* Runs of a bin that are looked at before one of a larger bin is cut. */
#define TRIES     8
#define TRIMS_MAX 1000

static struct heap_words *
words_of(const struct arena *arena)
{
    return &arena->head->heap_words;
}

void
heap_lay_out(struct arena_head *head, uint64_t end, uint64_t size)
{
    struct arena_table *units = &head->units;
    uint64_t room;

    units->offset = (end + 63) / 64 * 64;
    units->entry_size = sizeof(struct unit);
    room = size > units->offset + UNIT_SIZE ? size - units->offset - UNIT_SIZE
                                            : 0;
    room /= UNIT_SIZE + sizeof(struct unit);
    units->count = room < UINT32_MAX / 2 ? (uint32_t) room : UINT32_MAX / 2;
    head->heap = (units->offset + units->count * sizeof(struct unit) +
        UNIT_SIZE - 1) / UNIT_SIZE * UNIT_SIZE;
}

void
heap_open(struct arena *arena)
{
    arena->heap_lock = (struct word){
        .words = &words_of(arena)->lock,
        .arena = arena,
        .semaphores = arena->home,
        .gate = BLOCK_HEAP,
        .swift = membarrier_join(),
    };
}

/*
 * The bins.
 */

/* Of 0, too, which comes from an entry that somebody has overwritten. */
static uint32_t
bin_of(uint32_t units)
{
    uint32_t bin = 31u - (uint32_t) __builtin_clz(units | 1);

    return bin < HEAP_BINS ? bin : HEAP_BINS - 1;
}

/* Length of the free run that begins there; 0: none does. */
static uint32_t
free_run(const struct arena *arena, uint32_t i)
{
    uint32_t high = shm_load(&words_of(arena)->high);
    uint64_t run;

    if (i >= high || high > heap_units(arena))
        return 0;
    run = shm_load(&heap_unit(arena, i)->run);
    if ((run & RUN_USED) != 0 || run >> 1 > high - i)
        return 0;
    return (uint32_t) (run >> 1);
}

static uint32_t
warm_units(const struct arena *arena, uint32_t i, uint32_t units)
{
    uint64_t warm = shm_load(&heap_unit(arena, i)->tag);

    return warm < units ? (uint32_t) warm : units;
}

static void
change_warm(const struct arena *arena, int64_t by)
{
    struct heap_words *words = words_of(arena);
    int64_t warm = (int64_t) shm_load(&words->warm) + by;

    shm_store(&words->warm, warm > 0 ? (uint32_t) warm : 0);
}

static void
change_used(const struct arena *arena, int64_t by)
{
    struct heap_words *words = words_of(arena);
    int64_t used = (int64_t) shm_load(&words->used) + by;

    shm_store(&words->used, used > 0 ? (uint32_t) used : 0);
}

static void
bin_insert(const struct arena *arena, uint32_t i, uint32_t units)
{
    _Atomic uint32_t *first = &words_of(arena)->bins[bin_of(units)];
    struct unit *unit = heap_unit(arena, i);
    uint32_t next = shm_load(first);

    shm_store(&unit->next, next);
    shm_store(&unit->previous, 0);
    shm_store(&heap_unit(arena, i + units - 1)->owner, RUN_BACK | i);
    if (next != 0 && next <= heap_units(arena))
        shm_store(&heap_unit(arena, next - 1)->previous, i + 1);
    shm_store(first, i + 1);
    change_warm(arena, warm_units(arena, i, units));
}

static void
bin_remove(const struct arena *arena, uint32_t i, uint32_t units)
{
    struct unit *unit = heap_unit(arena, i);
    uint32_t next = shm_load(&unit->next);
    uint32_t previous = shm_load(&unit->previous);

    if (previous != 0 && previous <= heap_units(arena))
        shm_store(&heap_unit(arena, previous - 1)->next, next);
    else
        shm_store(&words_of(arena)->bins[bin_of(units)], next);
    if (next != 0 && next <= heap_units(arena))
        shm_store(&heap_unit(arena, next - 1)->previous, previous);
    change_warm(arena, -(int64_t) warm_units(arena, i, units));
}

/* The first of a bin's runs that is long enough, of so many, and its length,
 * which is not read again: another may write there; or -1. */
static int64_t
search_bin(const struct arena *arena, uint32_t bin, uint32_t units,
    uint32_t tries, uint32_t *length)
{
    uint32_t next = shm_load(&words_of(arena)->bins[bin]);

    for (uint32_t i = 0; i < tries && next != 0; i++) {
        *length = free_run(arena, next - 1);
        if (*length == 0 || bin_of(*length) != bin)
            return -1; /* no bin of ours */
        if (*length >= units)
            return next - 1;
        next = shm_load(&heap_unit(arena, next - 1)->next);
    }
    return -1;
}

static int64_t
search(const struct arena *arena, uint32_t units, uint32_t tries,
    uint32_t *length)
{
    int64_t found = -1;

    for (uint32_t bin = bin_of(units); bin < HEAP_BINS && found < 0; bin++)
        if (shm_peek(&words_of(arena)->bins[bin]) != 0)
            found = search_bin(arena, bin, units, tries, length);
    return found;
}

/* Makes the bins and all that goes with them anew, and merges free runs. */
static void
rebuild(const struct arena *arena)
{
    struct heap_words *words = words_of(arena);
    uint32_t high = shm_load(&words->high);
    uint32_t i = 0;

    if (high > heap_units(arena))
        high = heap_units(arena);
    shm_store(&words->slabs_stale, 1);
    for (int bin = 0; bin < HEAP_BINS; bin++)
        shm_store(&words->bins[bin], 0);
    shm_store(&words->warm, 0);
    shm_store(&words->used, 0);
    while (i < high) {
        uint64_t run = shm_load(&heap_unit(arena, i)->run);
        uint32_t length = free_run(arena, i), next;

        if (length == 0) {
            if (run >> 1 == 0 || run >> 1 > high - i)
                break; /* damaged: what comes after is lost */
            change_used(arena, (int64_t) (run >> 1));
            i += (uint32_t) (run >> 1);
            continue;
        }
        while ((next = free_run(arena, i + length)) != 0) {
            shm_store(&heap_unit(arena, i)->tag, warm_units(arena, i, length) +
                warm_units(arena, i + length, next));
            length += next;
            shm_store(&heap_unit(arena, i)->run, (uint64_t) length << 1);
        }
        bin_insert(arena, i, length);
        i += length;
    }
}

int
heap_lock(struct arena *arena, struct deadline *deadline)
{
    int result = word_enter(&arena->heap_lock, deadline);

    if (result == SYSVMP_OWNER_DEAD) {
        rebuild(arena);
        result = 0;
    }
    return result;
}

void
heap_unlock(struct arena *arena)
{
    word_leave(&arena->heap_lock);
}

void
heap_give_up_lock(struct arena *arena)
{
    word_give_up(&arena->heap_lock);
}

/*
 * To take.
 */

/* Cuts what is not needed off a free run that is in no bin. */
static void
cut(const struct arena *arena, uint32_t i, uint32_t length, uint32_t units)
{
    uint32_t warm = warm_units(arena, i, length);
    uint32_t rest = i + units;

    if (length == units)
        return;
    shm_store(&heap_unit(arena, rest)->tag, warm > units ? warm - units : 0);
    shm_store(&heap_unit(arena, rest)->run, (uint64_t) (length - units) << 1);
    shm_store(&heap_unit(arena, i)->tag, warm < units ? warm : units);
    shm_store(&heap_unit(arena, i)->run, (uint64_t) units << 1);
    bin_insert(arena, rest, length - units);
}

/* The free run that ends just before i; or -1. */
static int64_t
run_before(const struct arena *arena, uint32_t i)
{
    uint64_t back;
    uint32_t first;

    if (i == 0)
        return -1;
    back = shm_load(&heap_unit(arena, i - 1)->owner);
    first = (uint32_t) back;
    if (back != (RUN_BACK | first) || first >= i ||
        free_run(arena, first) != i - first)
        return -1;
    return first;
}

/* Makes a free run of that length at the end, in no bin: its first, or -1. */
static int64_t
grow(const struct arena *arena, uint32_t units)
{
    struct heap_words *words = words_of(arena);
    uint32_t high = shm_load(&words->high);
    uint32_t first = high, have = 0, more;
    int64_t before;

    if (high > heap_units(arena))
        return -1;
    before = run_before(arena, high);
    if (before >= 0) {
        first = (uint32_t) before;
        have = high - first;
    }
    more = units > have + GROW_MIN ? units - have : GROW_MIN;
    if (more > heap_units(arena) - high) {
        more = heap_units(arena) - high;
        if (have + more < units)
            return -1;
    }
    if (have > 0)
        bin_remove(arena, first, have);
    else
        shm_store(&heap_unit(arena, first)->tag, 0);
    if (more > 0) {
        shm_store(&heap_unit(arena, high)->run, (uint64_t) more << 1);
        shm_store(&words->high, high + more);
    }
    shm_store(&heap_unit(arena, first)->run, (uint64_t) (have + more) << 1);
    cut(arena, first, have + more, units);
    return first;
}

/* Memory that was given back is needed again: more is kept. */
static void
regret(const struct arena *arena, uint32_t units)
{
    struct heap_words *words = words_of(arena);
    uint32_t cooled = shm_load(&words->cooled);
    uint32_t keep = shm_load(&words->keep);

    if (units > cooled)
        units = cooled;
    if (units == 0)
        return;
    shm_store(&words->cooled, cooled - units);
    shm_store(&words->keep, keep + units < KEEP_MAX ? keep + units : KEEP_MAX);
}

/* What is warm now is idle, at most. */
static void
note_idle(const struct arena *arena)
{
    struct heap_words *words = words_of(arena);
    uint32_t warm = shm_load(&words->warm);

    if (warm < shm_load(&words->idle))
        shm_store(&words->idle, warm);
}

/* Once in a while what was idle all the time is not kept any longer. */
static void
forget_idle(const struct arena *arena)
{
    struct heap_words *words = words_of(arena);
    uint32_t gives = shm_load(&words->gives) + 1;
    uint32_t keep = shm_load(&words->keep);
    uint32_t idle = shm_load(&words->idle);

    shm_store(&words->gives, gives);
    if (gives % WINDOW != 0)
        return;
    if (keep > 0)
        shm_store(&words->keep, keep > idle ? keep - idle : 0);
    shm_store(&words->idle, shm_load(&words->warm));
}

/* Ends a free run that is in no bin: it is ours from here on. */
static void
use(const struct arena *arena, uint32_t i, uint32_t units, uint64_t tag)
{
    struct unit *unit = heap_unit(arena, i);

    shm_store(&unit->tag, tag);
    /* Else its last unit might still name a free run inside of it. */
    shm_store(&heap_unit(arena, i + units - 1)->owner, 0);
    shm_store(&unit->owner, self_id());
    change_used(arena, units);
    shm_store(&unit->run, (uint64_t) units << 1 | RUN_USED);
}

/* Takes a free run that is in a bin out of it, at its proper length: its
 * first, or -1. */
static int64_t
take_free(const struct arena *arena, uint32_t units, uint32_t tries)
{
    uint32_t length;
    int64_t found = search(arena, units, tries, &length);

    if (found < 0)
        return -1;
    bin_remove(arena, (uint32_t) found, length);
    cut(arena, (uint32_t) found, length, units);
    return found;
}

/* Is it in use for a moment only: nobody's, and so free after the next sweep,
 * or on its way back from a process that gives its memory to the system? */
static bool
comes_free(const struct arena *arena, uint32_t i)
{
    const struct unit *unit = heap_unit(arena, i);

    return shm_load(&unit->owner) == 0 || shm_load(&unit->tag) == RUN_COOLS;
}

/*
 * There is no room for so many units: would there be, if all were free that is
 * in use for a moment only?  The lock has been held since the search failed.
 * So a "no" is true: nothing that could help was under way at that instant.
 */
static bool
room_comes(const struct arena *arena, uint32_t units, uint32_t spare)
{
    uint32_t high = shm_load(&words_of(arena)->high);
    uint64_t used = shm_load(&words_of(arena)->used);
    uint64_t row = 0, longest = 0, coming = 0;

    if (high > heap_units(arena))
        return false;
    for (uint32_t i = 0, length; i < high; i += length) {
        length = (uint32_t) (shm_load(&heap_unit(arena, i)->run) >> 1);
        if (length == 0 || length > high - i)
            return false;
        if (free_run(arena, i) == 0 && !comes_free(arena, i)) {
            row = 0;
            continue;
        }
        coming += free_run(arena, i) == 0 ? length : 0;
        row += length;
        longest = row > longest ? row : longest;
    }
    row += heap_units(arena) - high; /* never used so far */
    return coming > 0 && (row >= units || longest >= units) &&
        used + units + spare <= heap_units(arena) + coming;
}

/* Tells those that give memory back: the next piece would be one too many. */
static void
want(const struct arena *arena)
{
    struct heap_words *words = words_of(arena);

    shm_store(&words->wanted, shm_load(&words->wanted) + 1);
}

static int
take_locked(struct arena *arena, uint32_t units, bool may_grow,
    uint32_t *unit, bool *cold)
{
    int64_t found = take_free(arena, units, TRIES);

    if (found < 0 && !may_grow)
        return -ENOBUFS;
    if (found < 0)
        found = grow(arena, units);
    if (found < 0)
        found = take_free(arena, units, heap_units(arena));
    if (found < 0)
        return -ENOMEM;
    *unit = (uint32_t) found;
    regret(arena, units - warm_units(arena, *unit, units));
    note_idle(arena);
    *cold = warm_units(arena, *unit, units) < units;
    use(arena, *unit, units, 0);
    return 0;
}

int
heap_take(struct arena *arena, uint64_t bytes, uint32_t spare, bool may_grow,
    struct deadline *deadline, uint32_t *unit, bool *cold)
{
    uint64_t units = bytes / UNIT_SIZE + (bytes % UNIT_SIZE != 0);
    int error;

    if (units > heap_units(arena))
        return -ENOMEM;
    error = heap_lock(arena, deadline);
    if (error < 0)
        return error;
    if (shm_load(&words_of(arena)->used) + units + spare > heap_units(arena))
        error = -ENOMEM;
    else
        error = take_locked(arena, (uint32_t) units, may_grow, unit, cold);
    if (error == -ENOMEM && may_grow &&
        room_comes(arena, (uint32_t) units, spare)) {
        want(arena);
        error = -EINPROGRESS;
    }
    heap_unlock(arena);
    return error;
}

/*
 * To give back.
 */

/* Merges a free run that is in no bin with its neighbours: its first. */
static uint32_t
merge(const struct arena *arena, uint32_t i, uint32_t *length)
{
    uint32_t next = free_run(arena, i + *length);
    uint32_t warm = warm_units(arena, i, *length);
    int64_t before = run_before(arena, i);

    if (next != 0) {
        warm += warm_units(arena, i + *length, next);
        bin_remove(arena, i + *length, next);
        *length += next;
    }
    if (before >= 0) {
        uint32_t units = i - (uint32_t) before;

        warm += warm_units(arena, (uint32_t) before, units);
        bin_remove(arena, (uint32_t) before, units);
        i = (uint32_t) before;
        *length += units;
    }
    shm_store(&heap_unit(arena, i)->tag, warm);
    shm_store(&heap_unit(arena, i)->run, (uint64_t) *length << 1);
    return i;
}

/* The first of its free run afterwards; its length. */
static uint32_t
free_locked(struct arena *arena, uint32_t i, uint32_t *length)
{
    struct unit *unit = heap_unit(arena, i);

    change_used(arena, -(int64_t) *length);
    shm_store(&unit->tag, *length); /* who has it may have written to it all */
    shm_store(&unit->run, (uint64_t) *length << 1);
    i = merge(arena, i, length);
    bin_insert(arena, i, *length);
    return i;
}

void
heap_free(struct arena *arena, uint32_t unit)
{
    uint32_t length = heap_run(arena, unit);

    if (length > 0)
        (void) free_locked(arena, unit, &length);
}

/*
 * To give memory back to the system.
 *
 * The run is taken out first: it is in use, its owner is the giver, and
 * RUN_COOLS says why.  Then the lock is released, as the kernel needs some 60
 * us for each MiB, and more on a slow machine or where many have it mapped.
 * Nobody else may have the run before the last piece is done: what was written
 * there would be lost.  So a process that finds no room waits, but for a piece
 * of PIECE units at most: it raises heap_words.wanted, and the giver stops
 * after the piece at hand and returns the run as it is.
 *
 * The giver is killed: the run is a dead process's, with no list's tag, so the
 * sweep frees it.  The kernel takes down the giver's alive bit when its last
 * thread has left the kernel, so no piece is under way then.
 * The giver is stopped: whoever needs that very run waits as for the holder of
 * a lock, up to its own deadline.  Nobody else is held up.
 * The giver finds the lock taken by a process that is stopped: the run becomes
 * nobody's, and the next sweep frees it.
 * The giver itself needs no memory meanwhile.  Another thread of its process
 * may, and waits like any other process.
 * The giver counts as inside (self.h), like the holder of a lock: so the
 * process does not leave the arena, upon which the sweep would take the run
 * for a dead process's, while a thread of it is still giving.
 */

/* A run that is out of reach meanwhile. */
struct cooling {
    uint32_t unit, length;
    uint32_t wanted; /* what the word said when the run was taken out */
};

/* Too much is kept: takes this run out, for its memory to be given back
 * without the lock. */
static bool
too_warm(struct arena *arena, uint32_t i, uint32_t length,
    struct cooling *cooling)
{
    struct heap_words *words = words_of(arena);
    uint32_t warm = warm_units(arena, i, length);

    if (warm < COLD_MIN ||
        shm_load(&words->warm) <= WARM_MAX + shm_load(&words->keep))
        return false;
    own_add(&self.inside, 1);
    *cooling = (struct cooling){ .unit = i, .length = length,
        .wanted = shm_load(&words->wanted) };
    shm_store(&words->cooled, warm);
    bin_remove(arena, i, length);
    use(arena, i, length, RUN_COOLS);
    return true;
}

/*
 * Piece by piece, from the end: how many units have their memory still, at the
 * begin.  Where the kernel refuses it, it is not asked again: such a run is
 * taken for cold, as it would be refused after each free.
 */
static uint32_t
drop_pieces(const struct arena *arena, const struct cooling *cooling)
{
    uint32_t left = cooling->length;

    do {
        uint32_t piece = left < PIECE ? left : PIECE;

        left -= piece;
        if (!pages_drop(heap_address(arena, cooling->unit + left),
                (size_t) piece * UNIT_SIZE))
            return 0;
    } while (left > 0 &&
        shm_load(&words_of(arena)->wanted) == cooling->wanted);
    return left;
}

/* A run that was out of reach becomes free. */
static void
return_run(struct arena *arena, const struct cooling *cooling, uint32_t warm)
{
    struct deadline patience = DEADLINE_SOON;
    uint32_t i = cooling->unit, length = cooling->length;

    if (heap_lock(arena, &patience) < 0) {
        shm_store(&heap_unit(arena, i)->owner, 0);
        shm_store(&words_of(arena)->unswept, 1);
        return;
    }
    change_used(arena, -(int64_t) length);
    shm_store(&heap_unit(arena, i)->tag, warm);
    shm_store(&heap_unit(arena, i)->run, (uint64_t) length << 1);
    i = merge(arena, i, &length);
    bin_insert(arena, i, length);
    heap_unlock(arena);
}

/* false: somebody waits for memory, so the run was returned before all of it
 * was given back. */
static bool
cool(struct arena *arena, const struct cooling *cooling)
{
    uint32_t warm = drop_pieces(arena, cooling);

    return_run(arena, cooling, warm);
    own_sub(&self.inside, 1);
    return warm == 0;
}

void
heap_give(struct arena *arena, uint32_t unit)
{
    struct deadline patience = DEADLINE_SOON;
    uint32_t length = heap_run(arena, unit);
    struct cooling cooling;
    bool cold;

    if (length == 0)
        return;
    if (heap_lock(arena, &patience) < 0) {
        shm_store(&heap_unit(arena, unit)->owner, 0);
        shm_store(&words_of(arena)->unswept, 1);
        return;
    }
    unit = free_locked(arena, unit, &length);
    forget_idle(arena);
    cold = too_warm(arena, unit, length, &cooling);
    heap_unlock(arena);
    if (cold)
        (void) cool(arena, &cooling);
}

/* Takes out a free run with much memory, if there is one. */
static bool
take_warm(struct arena *arena, struct cooling *cooling)
{
    for (uint32_t bin = HEAP_BINS; bin-- > 0;) {
        uint32_t next = shm_load(&words_of(arena)->bins[bin]);

        for (int i = 0; i < TRIES && next != 0; i++) {
            uint32_t unit = next - 1, length = free_run(arena, unit);

            if (length == 0)
                break;
            if (too_warm(arena, unit, length, cooling))
                return true;
            next = shm_load(&heap_unit(arena, unit)->next);
        }
    }
    return false;
}

void
heap_trim(struct arena *arena)
{
    struct deadline patience = DEADLINE_SOON;
    struct cooling cooling;

    for (int i = 0; i < TRIMS_MAX; i++) {
        bool warm;

        if (heap_lock(arena, &patience) < 0)
            return;
        warm = take_warm(arena, &cooling);
        heap_unlock(arena);
        if (!warm || !cool(arena, &cooling))
            return;
    }
}

void
heap_state(const struct arena *arena, uint32_t *used, uint32_t *all)
{
    *used = shm_load(&words_of(arena)->used);
    *all = heap_units(arena);
}
