/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gate.c: the sleep and wake protocol.  t/model/gate.pml is its model.
 *
 * A token is 1 at the gate's semaphore.  A sleeper takes one in semtimedop; if
 * it sleeps there already, the kernel takes it for the sleeper inside the call
 * of the waker.  So a token that stays means that nobody sleeps in the kernel,
 * and that the next one who is about to will not.
 *
 * Why nobody sleeps for ever.  When there is something and somebody sleeps,
 * then a live process stands between its change and its wake-up, or between a
 * token and the baton; or a dying one does, and its bell (SEM_UNDO, +1 at its
 * death) will ring.
 * - A sleeper announces itself, then looks, then sleeps; a waker makes its
 *   change, then looks who has announced itself.  One of the two sees the
 *   other.
 * - A waker posts as long as somebody is announced who was not told.
 * - The baton: a sleeper that has taken a token and leaves, for whatever
 *   reason, looks for how many others there is something, and wakes so many.
 *   This is still needed: it may leave without what it was woken for, as its
 *   time is up; and a bell is one token, however much the dead one had changed.
 *   To wake one would make that one responsible for the others.
 *
 * Why a woken process that does not run (it is stopped, or its CPU is busy)
 * holds up nobody else: it has one token, and was one of those announced, so
 * the next waker finds another one who was not told.  The word `told` keeps
 * wakers from posting more than that.  Its low bits count the tokens that were
 * posted since any sleeper last began a look, its upper bits those looks.  A
 * sleeper sets the count to 0 before each look.  So where a waker finds, after
 * its change, as many told as are announced, none of these has looked since it
 * was told, each has a token or will find one, and each will look after the
 * change.  A waker counts a token after it was posted, and only if no look
 * has begun since it read the word.  If it is stopped, killed or refused in
 * between, the count is too low: then somebody is woken once too often.
 *
 * A dead process leaves the count of sleepers too high.  Nobody lowers it for
 * another: one who is announced and about to sleep can't be told from the dead.
 * It costs a waker that comes when nobody sleeps a few tokens in vain, at most
 * TOKENS_MAX until a sleeper begins a look, and then two loads each time.  The
 * price of that bound: where more than TOKENS_MAX sleepers are between look
 * and sleep at once, and the first that many are stopped there when each has
 * its token, the others wait for the next look that anybody begins.
 *
 * All who sleep at a gate wait for the same: one that needs more than the
 * others would swallow their tokens.
 */
#include "internal.h"

#include "callback.h"
#include "gate.h"
#include "sysv.h"

#define BRIEF_NS 100000 /* between looks while no bell would ring */

#define TOKENS_MAX 8 /* that lie at a gate, posted by wakers */
#define TRIES      64 /* to post one beside others who post and take */

/* The word `told`. */
#define COUNT_MASK UINT32_C(255)
#define ALL        COUNT_MASK /* whoever is announced */
#define COUNT_MAX  (ALL - 1)
#define LOOK       (COUNT_MASK + 1)

static uint32_t
smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* How many of the sleepers were not told. */
static uint32_t
untold(uint32_t told, uint32_t sleepers)
{
    uint32_t count = told & COUNT_MASK;

    return count == ALL || count >= sleepers ? 0 : sleepers - count;
}

/* They have been told, unless a look has begun since the word was read. */
static void
count_told(const struct gate *gate, uint32_t told, uint32_t n)
{
    uint32_t count = n == ALL ? ALL
                              : smaller((told & COUNT_MASK) + n, COUNT_MAX);

    (void) shm_cas(&gate->words->told, &told, (told & ~COUNT_MASK) | count);
}

/* Raises the semaphore, if its value is `from`: -EAGAIN, if it is not. */
static int
raise_from(const struct gate *gate, int from, uint32_t n)
{
    struct sembuf raise[3];
    size_t i = 0;

    if (from > 0)
        raise[i++] = sem_operation(gate->semaphore, -from, IPC_NOWAIT);
    raise[i++] = sem_operation(gate->semaphore, 0, IPC_NOWAIT);
    raise[i++] = sem_operation(gate->semaphore, from + (int) n, 0);
    return sysv_semop(gate->semaphores, raise, i);
}

/* One token more, whatever is there: for where only the look at the value is
 * refused, or that has been changing for too long. */
static int
post_anyway(const struct gate *gate)
{
    struct sembuf one = sem_operation(gate->semaphore, 1, 0);
    int error = sysv_semop(gate->semaphores, &one, 1);

    return error == -EAGAIN ? -ENOSYS : error;
}

/* There are tokens, so nobody sleeps in the kernel; but more may be about to
 * than there are tokens.  0, or -EAGAIN: the value has changed; or a code. */
static int
add_tokens(const struct gate *gate, uint32_t told, uint32_t sleepers,
    uint32_t n)
{
    int there = sysv_sem_value(gate->semaphores, gate->semaphore);
    int error;

    if (there == 0)
        return -EAGAIN;
    if (there >= (int) smaller(sleepers, TOKENS_MAX)) {
        count_told(gate, told, ALL);
        return 0;
    }
    if (there < 0)
        return post_anyway(gate);
    n = smaller(n, sleepers - (uint32_t) there);
    error = raise_from(gate, there, n);
    if (error == 0)
        count_told(gate, told, n);
    return error;
}

/* The kernel has answered; -ERANGE can't be true, as so many tokens are never
 * posted. */
static int
refusal(int error)
{
    return error == -ERANGE ? -ENOSYS : error;
}

int
gate_post(const struct gate *gate, uint32_t n)
{
    for (int i = 0; i < TRIES; i++) {
        /* The word comes first: who has announced itself later begins a look
         * after that, and is counted then. */
        uint32_t told = shm_load(&gate->words->told);
        uint32_t sleepers = shm_load(&gate->words->sleepers);
        uint32_t wanted = smaller(smaller(n, COUNT_MAX),
            untold(told, sleepers));
        int error;

        if (wanted == 0)
            return 0;
        error = raise_from(gate, 0, wanted);
        if (error == 0)
            count_told(gate, told, wanted);
        if (error == -EAGAIN)
            error = add_tokens(gate, told, sleepers, wanted);
        if (error != -EAGAIN)
            return refusal(error);
    }
    return refusal(post_anyway(gate));
}

int
gate_ask(const struct gate *gate)
{
    /* Also where all have been told: they may begin another look before our
     * change, and then it is for us to wake them. */
    return sysv_sem_may(gate->semaphores, gate->semaphore);
}

/* Whoever is told from here on is told of what our look may not see. */
static void
begin_look(const struct gate *gate)
{
    uint32_t told = shm_load(&gate->words->told);

    while (!shm_cas(&gate->words->told, &told,
        (told & ~COUNT_MASK) + LOOK))
        continue;
}

/* Takes a token, sleeping for it.  -EAGAIN: the deadline has passed. */
static int
take_token(const struct gate *gate, struct deadline *deadline)
{
    struct sembuf take = sem_operation(gate->semaphore, -1, 0);

    return sysv_semwait(gate->semaphores, &take, 1, deadline);
}

static bool
nothing_yet(ssize_t seen)
{
    return seen == -EAGAIN || seen == -EINPROGRESS;
}

/* One sleep after a look that found nothing: 1 with a token, 0 to look again
 * without, -EAGAIN when the time is up, or a code. */
static int
sleep_once(const struct gate *gate, bool brief, struct deadline *deadline)
{
    struct deadline soon;
    int error;

    if (brief)
        soon = deadline_brief(deadline, BRIEF_NS);
    error = take_token(gate, brief ? &soon : deadline);
    if (error == -EAGAIN && brief && deadline_left(deadline) > 0)
        return 0;
    return error == 0 ? 1 : error;
}

/* The loop of gate_sleep(); *had: a token was taken. */
static ssize_t
look_and_sleep(const struct gate *gate, const struct gate_wait *wait,
    struct deadline *deadline, bool *had)
{
    for (;;) {
        ssize_t seen;
        int slept;

        begin_look(gate);
        seen = wait->look(wait->context, *had);
        if (!nothing_yet(seen))
            return seen;
        slept = sleep_once(gate, seen == -EINPROGRESS, deadline);
        if (slept == -EAGAIN)
            break;
        if (slept < 0)
            return slept;
        if (slept == 1)
            *had = true;
    }
    /* The time is up: one last look. */
    return wait->look(wait->context, true);
}

/* A sleeper and whether it has taken a token. */
struct sleeper {
    const struct gate *gate;
    bool had;
};

/* The interrupt function has left the sleep by an exception.  What there may be
 * for others was not looked at, so one of them looks. */
static void
gate_abandon(void *arg)
{
    const struct sleeper *sleeper = arg;

    shm_sub(&sleeper->gate->words->sleepers, 1);
    if (sleeper->had)
        gate_wake(sleeper->gate);
}

ssize_t
gate_sleep(const struct gate *gate, const struct gate_wait *wait,
    struct deadline *deadline)
{
    struct sleeper sleeper = { .gate = gate };
    struct undo undo;
    ssize_t seen;
    uint32_t more;

    shm_add(&gate->words->sleepers, 1);
    undo_push(&undo, gate_abandon, &sleeper);
    seen = look_and_sleep(gate, wait, deadline, &sleeper.had);
    undo_pop(&undo);
    shm_sub(&gate->words->sleepers, 1);
    /* The kernel has just let us sleep here.  Where it refuses the baton all
     * the same, as we lost the right in between, the next change wakes. */
    more = sleeper.had ? wait->more(wait->context) : 0;
    if (more > 0)
        (void) gate_wake_many(gate, more);
    return nothing_yet(seen) ? deadline_code(deadline) : seen;
}
