/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mutate.c: messages that are none of ours are put into the queues of a
 * program, and its shared words are overwritten, while two processes use its
 * objects.  What the calls do then is anybody's guess, but nobody crashes,
 * nobody outlives a timeout by more than a wide margin, and each answer is
 * one of the codes of sysvmp.h.  A lock of a list, or of the heap, may say
 * that one of the two processes has it, who has not: a call without a timeout
 * may wait for that as long as it lives, and is killed then.
 *
 *     mutate.t          a few seconds; what make check runs
 *     mutate.t long     a million mutations
 *     mutate.t long N   so many
 *
 * SYSVMP_SEED=S repeats a run; a round depends on its seed alone, but for when
 * the two processes run.
 */
#include <config.h>

#include "internal.h"

#include "arena.h"
#include "block.h"
#include "../child.h"
#include "../files.h"
#include "heap.h"
#include "list.h"
#include "member.h"
#include "message.h"
#include "object.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/time.h>

enum {
    HANG_S = 30, /* a lock that is damaged costs each call 0.1 s more */
    PATIENCE_MS = 300, /* with a call that may wait for ever */
    MARGIN_MS = 10000, /* over its timeout: not slow, but hanging */
    EACH = 24,        /* mutations of one program */
    QUICK_MS = 2500,
    MILLION = 1000000,
    TELL_MAX = 10,
    BODY_MAX = 8000,
    LARGE = 100000,
    ITEMS = 4,
    UNITS = 64, /* of the heap: the first ones, which are in use */
    SHARED = 8,
    CHANNELS = 6,
    OBJECTS = 15,
    FOREIGN = 4000, /* semaphores in a set of another program, or */
    FEWER = 200     /* where the system allows no such */
};

/* Shared by all processes. */
static struct board {
    _Atomic int over; /* the peer shall end */
    _Atomic int wrongs;
    _Atomic int refused;
    _Atomic int broken;
    _Atomic int overwritten; /* shared words, in this round */
    unsigned round_seed;
    int at; /* the mutation under way */
    int words, messages;
    /* Of the program and its peer: the call under way, may it wait? */
    const char *_Atomic under[2];
    _Atomic int waits[2];
    _Atomic int stuck; /* so many did, for ever */
    char *_Atomic block[SHARED]; /* of shared memory */
    char what[EACH + 2][120];
} *board;

static unsigned chances;
static int who; /* 0: the program; 1: its peer */

static struct objects {
    struct sysvmp_lock *lock;
    struct sysvmp_rlock *rlock;
    struct sysvmp_condition *condition;
    struct sysvmp_barrier *two, *alone;
    struct sysvmp_queue *q, *bounded, *joinable, *told;
    struct sysvmp_conn *end[2];
    struct sysvmp_semaphore *semaphore, *permits;
    struct sysvmp_event *event;
    struct sysvmp_process *peer;
    int foreign; /* that set */
    int ids[CHANNELS]; /* of the kernel's queues */
} the;

static void wrong(const char *text, ...) TAP_PRINTF(1, 2);

static void
wrong(const char *text, ...)
{
    char line[200];
    va_list args;

    va_start(args, text);
    vsnprintf(line, sizeof(line), text, args);
    va_end(args);
    /* What it is comes first: who tells it may be killed meanwhile. */
    if (atomic_load(&board->wrongs) < TELL_MAX) {
        diag("%s; SYSVMP_SEED=%u, after these mutations:", line,
            board->round_seed);
        for (int i = 1; i <= board->at; i++)
            diag("  %s", board->what[i]);
    }
    atomic_fetch_add(&board->wrongs, 1);
}

static int
is_listed(int64_t code)
{
    static const int codes[] = {EAGAIN, ETIMEDOUT, EPIPE, EMSGSIZE, EBADMSG,
        EIDRM, EBADF, EPERM, EOVERFLOW, ESRCH, EALREADY, EBUSY, ECHILD,
        ENOSPC, ENOMEM, ENOSYS, EACCES, ECANCELED};

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (code == -codes[i])
            return 1;
    return 0;
}

static int64_t
answered(const char *what, int64_t code, int64_t most, int64_t start,
    int timeout_ms)
{
    int64_t ms = (now_ns() - start) / 1000000 - timeout_ms;

    if (code < 0 ? !is_listed(code) : code > most)
        wrong("%s: %" PRId64, what, code);
    if (code < 0 && sysvmp_last_error()[0] == '\0')
        wrong("%s: no text for %" PRId64, what, code);
    if (ms > MARGIN_MS)
        wrong("%s: %" PRId64 " ms late", what, ms);
    if (code < 0)
        atomic_fetch_add(&board->refused, 1);
    if (code == -EBADMSG)
        atomic_fetch_add(&board->broken, 1);
    return code;
}

static void
begin_call(const char *what, int waits)
{
    const struct itimerval patience = {
        .it_value.tv_usec = PATIENCE_MS * 1000};

    atomic_store(&board->under[who], what);
    waits = waits && atomic_load(&board->overwritten);
    atomic_store(&board->waits[who], waits);
    if (waits)
        setitimer(ITIMER_REAL, &patience, NULL);
}

static void
end_call(void)
{
    if (atomic_exchange(&board->waits[who], 0))
        alarm(HANG_S);
    atomic_store(&board->under[who], "nothing");
}

/* Its answer is a code, or 0 to `most`. */
#define MAKE(call, most, timeout_ms, waits) \
    __extension__({ \
        int64_t start_ = now_ns(), code_; \
\
        begin_call(#call, waits); \
        code_ = answered(#call, (call), most, start_, timeout_ms); \
        end_call(); \
        code_; \
    })
#define CALL(call, most, timeout_ms) MAKE(call, most, timeout_ms, 0)
/* The same for one that has no timeout, and takes a lock of ours. */
#define WAIT(call) ((void)MAKE(call, 0, HANG_S * 1000, 1))
#define WAIT_VOID(call) WAIT(((call), 0))

/*
 * Use.
 */

static int
some_timeout(void)
{
    return chance(&chances, 8) == 0;
}

static void
use_locks(void)
{
    int ms = some_timeout();

    if (CALL(sysvmp_lock_acquire(the.lock, ms), 1, ms) >= 0)
        CALL(sysvmp_lock_release(the.lock), 0, 0);
    else if (chance(&chances, 4) == 0)
        CALL(sysvmp_lock_release(the.lock), 0, 0);
    CALL(sysvmp_lock_locked(the.lock), 1, 0);
    if (CALL(sysvmp_rlock_acquire(the.rlock, ms), 1, ms) >= 0)
        CALL(sysvmp_rlock_release(the.rlock), 0, 0);
    CALL(sysvmp_rlock_owner(the.rlock), INT32_MAX, 0);
}

/* A wait takes the lock again, however long that takes. */
static void
use_condition(void)
{
    struct sysvmp_condition *c = the.condition;
    int ms = some_timeout();

    if (CALL(sysvmp_condition_acquire(c, ms), 1, ms) < 0)
        return;
    if (chance(&chances, 2))
        (void)MAKE(sysvmp_condition_wait(c, ms), 1, ms, 1);
    CALL(sysvmp_condition_notify(c, chance(&chances, 3)), 0, 0);
    if (chance(&chances, 2))
        CALL(sysvmp_condition_notify_all(c), 0, 0);
    CALL(sysvmp_condition_release(c), 0, 0);
}

static void
use_barriers(void)
{
    int ms = some_timeout();

    CALL(sysvmp_barrier_wait(the.alone, ms), INT32_MAX, ms);
    CALL(sysvmp_barrier_wait(the.two, ms), INT32_MAX, ms);
    CALL(sysvmp_barrier_n_waiting(the.two), INT32_MAX, 0);
    CALL(sysvmp_barrier_broken(the.two), 1, 0);
    if (chance(&chances, 4) == 0)
        CALL(sysvmp_barrier_abort(the.alone), 0, 0);
    CALL(sysvmp_barrier_reset(the.two), 0, 0);
    CALL(sysvmp_barrier_reset(the.alone), 0, 0);
}

/* A buffer of exactly this size, so that a byte too many is seen. */
static size_t
some_buffer(void **buf)
{
    size_t size = chance(&chances, 64);

    if (chance(&chances, 4) == 0)
        size = chance(&chances, LARGE);
    else if (chance(&chances, 2))
        size = SYSVMP_INLINE_MAX;
    *buf = malloc(size > 0 ? size : 1);
    if (!*buf)
        bail("no memory");
    memset(*buf, 'x', size);
    return size;
}

/* Ours are all x; what is not of ours, and not x, must not come through: from
 * the kernel's queue.  Words of a list that were overwritten may name any
 * bytes of the program's. */
static void
look_at_payload(const char *buf, int64_t length)
{
    if (atomic_load(&board->overwritten))
        return;
    for (int64_t i = 0; i < length; i++)
        if (buf[i] != 'x') {
            wrong("a message that is none of ours was taken for one");
            return;
        }
}

static void
use_queue(struct sysvmp_queue *q)
{
    void *buf;
    size_t size = some_buffer(&buf);
    int ms = some_timeout();

    CALL(sysvmp_queue_next_len(q), INT64_MAX, 0);
    CALL(sysvmp_queue_put(q, buf, size, ms), 0, ms);
    look_at_payload(buf,
        CALL(sysvmp_queue_get(q, buf, size, ms), (int64_t)size, ms));
    CALL(sysvmp_queue_get(q, buf, size, 0), (int64_t)size, 0);
    CALL(sysvmp_queue_qsize(q), INT32_MAX, 0);
    CALL(sysvmp_queue_full(q), 1, 0);
    free(buf);
}

static void
use_pipe(void)
{
    void *buf;
    size_t size = some_buffer(&buf);
    unsigned from = chance(&chances, 2);
    int ms = some_timeout();

    CALL(sysvmp_conn_send(the.end[from], buf, size, ms), 0, ms);
    CALL(sysvmp_conn_poll(the.end[!from], ms), 1, ms);
    CALL(sysvmp_conn_next_len(the.end[!from]), INT64_MAX, 0);
    look_at_payload(buf,
        CALL(sysvmp_conn_recv(the.end[!from], buf, size, ms), (int64_t)size,
            ms));
    free(buf);
}

static void
use_several(struct sysvmp_queue *q)
{
    struct sysvmp_item items[ITEMS];
    int ms = some_timeout();

    for (int i = 0; i < ITEMS; i++)
        items[i].len = items[i].size = some_buffer(&items[i].data);
    CALL(sysvmp_queue_put_many(q, items, ITEMS, ms), ITEMS, ms);
    CALL(sysvmp_queue_get_many(q, items, ITEMS, ms), ITEMS, ms);
    for (int i = 0; i < ITEMS; i++)
        free(items[i].data);
}

/* All of it is there to be read. */
static void
touch(struct sysvmp_msg *m)
{
    const volatile char *data = sysvmp_msg_data(m);
    size_t len = sysvmp_msg_len(m);

    if (data && len > 0)
        (void)(data[0] + data[len - 1]);
}

static struct sysvmp_msg *
taken(struct sysvmp_queue *q, int ms)
{
    struct sysvmp_msg *m = NULL;

    CALL(sysvmp_queue_get_msg(q, &m, ms), 0, ms);
    if (m)
        touch(m);
    return m;
}

static void
use_in_place(void)
{
    struct sysvmp_msg *m = NULL;
    size_t len = chance(&chances, LARGE);
    int ms = some_timeout();

    WAIT(sysvmp_msg_create(&m, len));
    if (m) {
        touch(m);
        memset(sysvmp_msg_data(m), 'x', len);
        if (CALL(sysvmp_queue_put_msg(the.q, m, ms), 0, ms) != 0)
            WAIT_VOID(sysvmp_msg_destroy(m));
    }
    m = taken(the.q, ms);
    WAIT_VOID(sysvmp_msg_destroy(m));
}

static void
use_joinable(void)
{
    struct sysvmp_queue *q = the.joinable;
    struct sysvmp_msg *m;
    int ms = some_timeout();

    if (chance(&chances, 2))
        use_queue(q);
    else
        use_several(q);
    CALL(sysvmp_queue_redelivered(q), 1, 0);
    if (chance(&chances, 2))
        WAIT(sysvmp_queue_task_return(q));
    while (chance(&chances, 4) != 0)
        WAIT(sysvmp_queue_task_done(q));
    m = taken(q, ms);
    if (m && chance(&chances, 2))
        WAIT_VOID(sysvmp_msg_destroy(m));
    else if (m)
        WAIT(sysvmp_queue_task_done_msg(q, m));
    CALL(sysvmp_queue_join(q, ms), 0, ms);
}

/* What one process allocates, the other may free; or none of ours, or what is
 * free already. */
static void
use_shared(void)
{
    static char *mine;
    size_t size = 1 + chance(&chances, chance(&chances, 4) ? 3000 : LARGE);
    unsigned i = chance(&chances, SHARED);
    char *p, *old;
    int64_t start = now_ns();

    begin_call("shared_alloc", 1);
    p = sysvmp_shared_alloc(size);
    end_call();
    (void)answered("shared_alloc", p ? 0 : -ENOMEM, 0, start, 0);
    if (p)
        memset(p, 'x', size);
    old = atomic_exchange(&board->block[i], p);
    if (chance(&chances, 4) == 0 && mine)
        old = mine + chance(&chances, 2) * chance(&chances, LARGE);
    mine = p;
    WAIT_VOID(sysvmp_shared_free(old));
}

/* What poll(2) says may be wrong, but there is nobody it kills. */
static void
use_told(void)
{
    int fd = (int)CALL(sysvmp_queue_fileno(the.told), INT32_MAX, 0);

    if (chance(&chances, 2))
        use_queue(the.told);
    else
        use_several(the.told);
    if (fd >= 0)
        (void)readiness(fd, some_timeout());
}

static void
use_semaphore(struct sysvmp_semaphore *s)
{
    int ms = some_timeout();

    if (CALL(sysvmp_semaphore_acquire(s, ms), 0, ms) == 0)
        CALL(sysvmp_semaphore_release(s, 1), 0, 0);
    else if (chance(&chances, 4) == 0)
        CALL(sysvmp_semaphore_release(s, 1 + chance(&chances, 5)), 0, 0);
    CALL(sysvmp_semaphore_value(s), INT32_MAX, 0);
}

static void
use_event(void)
{
    int ms = some_timeout();

    if (chance(&chances, 2))
        CALL(sysvmp_event_set(the.event), 0, 0);
    CALL(sysvmp_event_wait(the.event, ms), 0, ms);
    CALL(sysvmp_event_is_set(the.event), 1, 0);
    if (chance(&chances, 4))
        CALL(sysvmp_event_clear(the.event), 0, 0);
}

static void
wait_for_any(void)
{
    struct sysvmp_waitable any[] = {
        {.kind = SYSVMP_WAIT_EVENT, .of.event = the.event},
        {.kind = SYSVMP_WAIT_CONN, .of.conn = the.end[chance(&chances, 2)]},
        {.kind = SYSVMP_WAIT_QUEUE, .of.queue = the.q},
        {.kind = SYSVMP_WAIT_QUEUE, .of.queue = the.bounded},
        {.kind = SYSVMP_WAIT_QUEUE, .of.queue = the.joinable},
        {.kind = SYSVMP_WAIT_QUEUE, .of.queue = the.told},
        {.kind = SYSVMP_WAIT_PROCESS, .of.process = who == 0 ? the.peer
                                          : sysvmp_parent_process()},
    };
    size_t n = sizeof(any) / sizeof(any[0]);
    int ms = (int)chance(&chances, 3);

    if (who == 0)
        n -= chance(&chances, 2);
    CALL(sysvmp_wait(any, n, ms), (int64_t)n, ms);
}

static void
make_more(void)
{
    struct sysvmp_lock *lock = NULL;
    struct sysvmp_queue *q = NULL;

    CALL(sysvmp_lock_create(&lock), 0, 0);
    CALL(sysvmp_queue_create(&q, 2, SYSVMP_EOF), 0, 0);
    if (q)
        use_queue(q);
    WAIT_VOID(sysvmp_queue_destroy(q));
    sysvmp_lock_destroy(lock);
}

static void
use(void)
{
    switch (chance(&chances, 18)) {
    case 0:
        use_locks();
        break;
    case 1:
        use_queue(the.q);
        break;
    case 2:
        use_queue(the.bounded);
        break;
    case 3:
        use_pipe();
        break;
    case 4:
        use_several(chance(&chances, 2) ? the.q : the.bounded);
        break;
    case 5:
        use_in_place();
        break;
    case 6:
    case 7:
        use_joinable();
        break;
    case 8:
    case 9:
        use_shared();
        break;
    case 10:
        use_told();
        break;
    case 11:
        use_condition();
        break;
    case 12:
        use_barriers();
        break;
    case 13:
        use_semaphore(chance(&chances, 2) ? the.semaphore : the.permits);
        break;
    case 14:
        use_event();
        break;
    case 15:
    case 16:
        wait_for_any();
        break;
    default:
        make_more();
    }
}

static int
peer(void *arg)
{
    (void)arg;
    who = 1;
    alarm(HANG_S);
    chances = board->round_seed + 1;
    while (!atomic_load(&board->over))
        use();
    return 0;
}

/*
 * Mutations.
 */

static uint64_t
some_bits(void)
{
    uint64_t bits = 0;

    for (int i = 0; i < 4; i++)
        bits = bits << 16 | chance(&chances, 1 << 16);
    return bits;
}

/* Small, near a limit, or anything. */
static uint64_t
some_value(uint64_t old)
{
    switch (chance(&chances, 7)) {
    case 0:
        return chance(&chances, 64);
    case 1:
        return old + chance(&chances, 5) - 2;
    case 2:
        return old ^ UINT64_C(1) << chance(&chances, 64);
    case 3:
        return UINT64_MAX >> chance(&chances, 64);
    case 4:
        return own_load(&self.me);
    case 5:
        return (uint64_t)the.foreign;
    default:
        return some_bits();
    }
}

static struct message_header
some_header(size_t length)
{
    struct message_header header = {.kind = MESSAGE_INLINE,
        .version = MESSAGE_VERSION,
        .length = (uint32_t)(length - sizeof(header))};

    if (chance(&chances, 2))
        header.kind = (uint8_t)some_value(header.kind);
    if (chance(&chances, 4) == 0)
        header.version = (uint8_t)some_value(header.version);
    if (chance(&chances, 4) == 0)
        header.flags = (uint16_t)some_value(0);
    if (chance(&chances, 2))
        header.length = (uint32_t)some_value(header.length);
    header.generation = (uint32_t)some_value(0);
    header.block = (uint32_t)some_value(0);
    return header;
}

/* By chance it may be one of ours. */
static int
is_ours(const struct message_header *header, size_t length)
{
    return header->kind == MESSAGE_INLINE && header->flags == 0 &&
        header->version == MESSAGE_VERSION && length >= sizeof(*header) &&
        header->length == length - sizeof(*header);
}

static void
put_message(void)
{
    size_t length = chance(&chances, 3) ? chance(&chances, 64)
                                        : chance(&chances, BODY_MAX);
    struct message_header header = some_header(length);
    struct {
        long type;
        unsigned char body[BODY_MAX];
    } raw = {.type = 1 + (long)chance(&chances, 3)};

    memset(raw.body, is_ours(&header, length) ? 'x' : 'y', sizeof(raw.body));
    memcpy(raw.body, &header, sizeof(header));
    snprintf(board->what[board->at], sizeof(board->what[0]),
        "%zu bytes, kind %d, version %d, flags %d, length %u", length,
        header.kind, header.version, header.flags, header.length);
    if (msgsnd(the.ids[chance(&chances, CHANNELS)], &raw, length,
            IPC_NOWAIT) == 0)
        board->messages++;
}

struct area {
    const char *name;
    char *start;
    size_t size;
};

static struct area
entry_of(const char *name, const struct arena_table *table, unsigned most,
    size_t from, size_t to)
{
    char *entry = arena_entry(arena_current, table, chance(&chances, most));

    return (struct area){name, entry + from, to - from};
}

/* Of the heap: what is known of a page, or what begins in it. */
static struct area
area_of_unit(void)
{
    uint32_t i = chance(&chances, UNITS);
    char *page = heap_address(arena_current, i);

    switch (chance(&chances, 4)) {
    case 0:
        return (struct area){"unit", (char *)heap_unit(arena_current, i),
            sizeof(struct unit)};
    case 1:
        return (struct area){"prefixes", page + LIST_HEADER, LIST_HEADER};
    default:
        return (struct area){"header", page, sizeof(struct list_block)};
    }
}

/* Tables hold few entries here, and the first ones are in use. */
static struct area
some_area(void)
{
    struct arena_head *head = arena_current->head;

    switch (chance(&chances, 15)) {
    case 0:
        return entry_of("member", &head->members, 3, 0,
            sizeof(struct member));
    case 1:
        return (struct area){"record",
            (char *)&head->records_first[chance(&chances, 2)],
            sizeof(struct record)};
    case 2:
        return entry_of("block", &head->blocks, 2, 0, sizeof(struct block));
    case 3:
        return entry_of("object", &head->objects, OBJECTS, 0,
            offsetof(struct object, lock));
    case 4:
        return (struct area){"head", (char *)&head->registrations,
            offsetof(struct arena_head, records_first) -
                offsetof(struct arena_head, registrations)};
    case 5:
        return (struct area){"heap", (char *)&head->heap_words,
            sizeof(head->heap_words)};
    case 6:
    case 7:
        return entry_of("list", &head->objects, OBJECTS,
            offsetof(struct object, channel.list),
            offsetof(struct object, channel.join));
    case 8:
    case 9:
    case 10:
        return area_of_unit();
    case 11:
        return (struct area){"lanes", (char *)head->watch,
            sizeof(head->watch)};
    default:
        return entry_of("words", &head->objects, OBJECTS,
            offsetof(struct object, lock), sizeof(struct object));
    }
}

static void
overwrite(void)
{
    struct area area = some_area();
    size_t width = (size_t)1 << chance(&chances, 4);
    size_t at = chance(&chances, (unsigned)(area.size / width)) * width;
    uint64_t value = 0;

    memcpy(&value, area.start + at, width);
    value = some_value(value);
    snprintf(board->what[board->at], sizeof(board->what[0]),
        "%s, %zu bytes at %zu (%td of the segment): %#" PRIx64, area.name,
        width, at, area.start + at - (char *)arena_current->head, value);
    memcpy(area.start + at, &value, width);
    board->words++;
    board->overwritten = 1;
}

/*
 * A round: one program.
 */

static void
make_objects(void)
{
    struct arena_head *head;
    int n = 0;

    must(sysvmp_lock_create(&the.lock), "lock_create");
    must(sysvmp_rlock_create(&the.rlock), "rlock_create");
    must(sysvmp_condition_create(&the.condition, NULL), "condition_create");
    must(sysvmp_barrier_create(&the.two, 2, NULL, NULL), "barrier_create");
    must(sysvmp_barrier_create(&the.alone, 1, NULL, NULL), "barrier_create");
    must(sysvmp_queue_create(&the.q, 0, SYSVMP_EOF), "queue_create");
    must(sysvmp_queue_create(&the.bounded, 2, 0), "queue_create");
    must(sysvmp_pipe_create(the.end, 0), "pipe_create");
    must(sysvmp_queue_create(&the.joinable, 0, SYSVMP_JOINABLE),
        "queue_create");
    must(sysvmp_queue_create(&the.told, 0, SYSVMP_FILENO | SYSVMP_EOF),
        "queue_create");
    must(sysvmp_semaphore_create(&the.semaphore, 2, 0, 0), "create");
    must(sysvmp_semaphore_create(&the.permits, 2, 0, SYSVMP_PERMITS),
        "create");
    must(sysvmp_event_create(&the.event), "create");
    the.foreign = semget(IPC_PRIVATE, FOREIGN, 0600);
    if (the.foreign < 0)
        the.foreign = (int)must(semget(IPC_PRIVATE, FEWER, 0600), "semget");
    head = arena_current->head;
    for (uint32_t i = 0; i < shm_load(&head->objects_high); i++) {
        const struct object *object =
            arena_entry(arena_current, &head->objects, i);

        if (shm_load(&object->queue) >= 0 && n < CHANNELS)
            the.ids[n++] = shm_load(&object->queue);
    }
}

/* A queue that is broken here can be replaced by one that is not. */
static void
renew(void)
{
    struct sysvmp_queue *q = NULL;

    if (CALL(sysvmp_queue_next_len(the.q), INT64_MAX, 0) != -EBADMSG)
        return;
    if (CALL(sysvmp_queue_create(&q, 0, SYSVMP_EOF), 0, 0) == 0) {
        WAIT_VOID(sysvmp_queue_destroy(the.q));
        the.q = q;
    }
}

/* Its exit code, of which it can't be known what is noted in our words. */
static void
judge_end(int whose, int code)
{
    if (code == -SIGALRM && atomic_load(&board->waits[whose]))
        atomic_fetch_add(&board->stuck, 1);
    else if (code < 0)
        wrong("%s ended with %d, in %s; the peer was in %s",
            whose == 0 ? "the program" : "the peer", code, board->under[0],
            board->under[1]);
}

static void
end_all(void)
{
    int code = 0;

    atomic_store(&board->over, 1);
    CALL(sysvmp_process_join(the.peer, HANG_S * 1000), 0, HANG_S * 1000);
    CALL(sysvmp_process_exitcode(the.peer, &code), 0, 0);
    judge_end(1, code);
    CALL(sysvmp_process_destroy(the.peer), 0, 0);
    sysvmp_conn_destroy(the.end[0]);
    sysvmp_conn_destroy(the.end[1]);
    WAIT_VOID(sysvmp_queue_destroy(the.q));
    WAIT_VOID(sysvmp_queue_destroy(the.bounded));
    WAIT_VOID(sysvmp_queue_destroy(the.joinable));
    WAIT_VOID(sysvmp_queue_destroy(the.told));
    WAIT_VOID(sysvmp_condition_destroy(the.condition));
    WAIT_VOID(sysvmp_barrier_destroy(the.two));
    WAIT_VOID(sysvmp_barrier_destroy(the.alone));
    sysvmp_semaphore_destroy(the.semaphore);
    sysvmp_semaphore_destroy(the.permits);
    sysvmp_event_destroy(the.event);
    sysvmp_rlock_destroy(the.rlock);
    sysvmp_lock_destroy(the.lock);
    WAIT(sysvmp_leave());
}

static int
program(void *arg)
{
    int mutations = *(int *)arg;

    alarm(HANG_S);
    chances = board->round_seed;
    make_objects();
    the.peer = created(peer, NULL);
    must(sysvmp_process_set_die_with_parent(the.peer, 1), "die");
    must(sysvmp_process_start(the.peer), "process_start");
    for (board->at = 1; board->at <= mutations; board->at++) {
        if (chance(&chances, 2))
            put_message();
        else
            overwrite();
        use();
        renew();
    }
    end_all();
    return 0;
}

/* What a corrupted table names can't be removed: we do it. */
static void
one_round(unsigned seed)
{
    int each = EACH, end;

    atomic_store(&board->over, 0);
    board->round_seed = seed;
    board->overwritten = 0;
    for (int i = 0; i < SHARED; i++)
        atomic_store(&board->block[i], NULL);
    board->at = 0;
    for (int i = 0; i < 2; i++) {
        atomic_store(&board->under[i], "nothing");
        atomic_store(&board->waits[i], 0);
    }
    end = reap(child(program, &each));
    judge_end(0, end);
    if (end > 0)
        wrong("the program ended with %d", end);
    atomic_store(&board->over, 1);
    ipc_remove();
}

static int
enough(long wanted, int64_t start)
{
    if (wanted > 0)
        return board->words + board->messages >= wanted;
    return now_ns() - start > QUICK_MS * INT64_C(1000000);
}

static void
mutate(long wanted)
{
    unsigned seed = first_seed();
    int64_t start = now_ns();
    int rounds = 0;

    while (!enough(wanted, start) && board->wrongs < TELL_MAX) {
        one_round(seed + (unsigned)rounds);
        rounds++;
    }
    is_int(0, board->wrongs,
        "mutate: %d malformed messages and %d overwritten words in %d "
        "programs: nobody crashes or hangs", board->messages, board->words,
        rounds);
    ok(board->refused > 0, "... and was told so %d times, -EBADMSG %d times",
        board->refused, board->broken);
    diag("%d times a call without a timeout waited for a lock",
        board->stuck);
}

int
main(int argc, char **argv)
{
    long wanted = 0;

    if (long_form(argc, argv))
        wanted = argc > 2 ? strtol(argv[2], NULL, 10) : MILLION;
    plan(2);
    board = shared(sizeof(*board));
    if (!ipc_is_private())
        skip(2, "a word overwritten may name objects of others");
    else
        mutate(wanted);
    return done();
}
