/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sysv.c: every call of the kernel's System V IPC, and nothing else.
 *
 * It keeps errno, retries EINTR (against the deadline, where there is one),
 * and translates errno into the library's codes.
 */
#include "internal.h"

#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/msg.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error.h"
#include "hooks.h"
#include "seam.h"
#include "sysv.h"

#ifndef SHM_NORESERVE
#    define SHM_NORESERVE 0
#endif
#if defined(__linux__) && !defined(MSG_COPY) /* musl's headers lack it */
#    define MSG_COPY 040000
#endif

union semun {
    int val;
    struct semid_ds *buf;
    unsigned short *array;
    struct seminfo *info;
};

static int
removed_or(int error, int otherwise)
{
    return error == -EINVAL || error == -EIDRM ? -EIDRM : otherwise;
}

/* ---- errors of the three get calls ---- */

static int
not_created(int error)
{
    switch (error) {
    case -ENOSPC:
    case -ENOMEM:
    case -EEXIST:
    case -EINVAL: /* over a limit on the size: the caller may try less */
        return error;
    case -EPERM:
    case -EACCES:
        return -EACCES;
    default:
        return error_detail(-ENOSYS,
            "System V IPC can't be used here (%s): the kernel lacks it, or a "
            "sandbox forbids it",
            strerror(-error));
    }
}

static int
not_opened(int error)
{
    return error == -EPERM ? -EACCES : error;
}

/* ---- whose it is ---- */

uid_t
sysv_user(void)
{
#if defined(SYS_geteuid32) /* SYS_geteuid has 16 bits there */
    return (uid_t) syscall(SYS_geteuid32);
#elif defined(SYS_geteuid)
    return (uid_t) syscall(SYS_geteuid);
#else
    return geteuid();
#endif
}

static bool
absent(long result)
{
    return result == -EINVAL || result == -EIDRM;
}

/*
 * Is the maker of the arena's segment the maker of what has these permissions?
 * 1, 0, or a code.  The two numbers are read at the same moment: another user
 * namespace would have other numbers, so none is kept.
 */
static int
same_maker(const struct sysv_identity *which, const struct ipc_perm *now)
{
    struct shmid_ds segment;
    long result;

    CALL(result, SEAM_SHMCTL, shmctl(which->segment, IPC_STAT, &segment));
    if (result < 0)
        return (int) result;
    return segment.shm_perm.cuid == now->cuid;
}

/*
 * Is what has that id what was to be removed?  1; 0: that one is gone, or a
 * code: the kernel does not let us know.  stat: what IPC_STAT returned, and
 * now what it told.  Who may not look at an id may still ask which id has the
 * key.
 */
static int
still_there(const struct sysv_identity *which, long stat,
    const struct ipc_perm *now, int (*open_key)(key_t key))
{
    int found;

    if (which->key == IPC_PRIVATE || absent(stat))
        return 0; /* nothing of ours is without a key */
    if (stat == -EACCES) {
        found = open_key(which->key);
        return found == -ENOENT || (found >= 0 && found != which->id)
            ? 0 : -EACCES;
    }
    if (stat < 0)
        return (int) stat;
    return now->__key == which->key ? same_maker(which, now) : 0;
}

static bool
removed(long result)
{
    return result >= 0 || absent(result);
}

/* ---- semaphores ---- */

int
sysv_sem_create(key_t key, int semaphores)
{
    long id;

    CALL(id, SEAM_SEMGET,
        semget(key, semaphores, IPC_CREAT | IPC_EXCL | 0600));
    if (id == -EINVAL) /* more in a set than the system allows */
        return -ENOSPC;
    return id >= 0 ? (int) id : not_created((int) id);
}

int
sysv_sem_open(key_t key)
{
    long id;

    CALL(id, SEAM_SEMGET, semget(key, 0, 0));
    return id >= 0 ? (int) id : not_opened((int) id);
}

bool
sysv_sem_remove(const struct sysv_identity *which)
{
    struct semid_ds now;
    long result;
    int there;

    CALL(result, SEAM_SEMCTL,
        semctl(which->id, 0, IPC_STAT, (union semun){ .buf = &now }));
    there = still_there(which, result, &now.sem_perm, sysv_sem_open);
    if (there != 1)
        return there == 0;
    CALL(result, SEAM_SEMCTL, semctl(which->id, 0, IPC_RMID));
    return removed(result);
}

int
sysv_sem_value(int id, int semaphore)
{
    long value;

    CALL(value, SEAM_SEMCTL, semctl(id, semaphore, GETVAL));
    return value >= 0 ? (int) value : removed_or((int) value, -EACCES);
}

bool
sysv_sem_undo_all(void)
{
#ifdef CLONE_SYSVSEM
    long result;

    CALL(result, SEAM_UNSHARE, unshare(CLONE_SYSVSEM));
    return result == 0;
#else
    return false;
#endif
}

int
sysv_sem_pid(int id, int semaphore)
{
    long pid;

    CALL(pid, SEAM_SEMCTL, semctl(id, semaphore, GETPID));
    return pid >= 0 ? (int) pid : removed_or((int) pid, -EACCES);
}

/*
 * Has it n semaphores?  The id may be the work of a wild pointer, and another's
 * values might not fit.  What was so once stays so: the kernel gives an id
 * again only after 65,536 sets.  (n is always the same.)  Plus one, by what it
 * ends with.
 */
static int
sem_sized(int id, size_t n)
{
    static _Atomic int known[16];
    _Atomic int *last = &known[id % 16];
    struct semid_ds now;
    long result;

    if (own_peek(last) == id + 1)
        return 0;
    CALL(result, SEAM_SEMCTL,
        semctl(id, 0, IPC_STAT, (union semun){ .buf = &now }));
    if (result >= 0 && now.sem_nsems != n)
        return -EIDRM;
    if (result >= 0)
        own_poke(last, id + 1);
    return (int) result;
}

int
sysv_sem_values(int id, unsigned short *values, size_t n)
{
    long result = id < 0 || id == INT_MAX ? -EINVAL : sem_sized(id, n);

    if (result >= 0)
        CALL(result, SEAM_SEMCTL,
            semctl(id, 0, GETALL, (union semun){ .array = values }));
    return result >= 0 ? 0 : removed_or((int) result, -EACCES);
}

static int
semop_failed(int error)
{
    switch (error) {
    case -EAGAIN:
    case -ENOMEM:
    case -ERANGE:
    case -ENOSPC:
        return error;
    case -EIDRM:
    case -EINVAL:
        return -EIDRM;
    case -EACCES:
    case -EPERM:
        return -EACCES;
    default:
        /* No strerror(): an event may be set by a signal handler. */
        return error_detail(-ENOSYS,
            "semop with SEM_UNDO does not work here (errno %d)", -error);
    }
}

int
sysv_semop(int id, struct sembuf *operations, size_t n)
{
    long result;

    do
        CALL(result, SEAM_SEMOP, semop(id, operations, n));
    while (result == -EINTR);
    return result >= 0 ? 0 : semop_failed((int) result);
}

/* Down and up again in one step: for that the kernel asks for the same right
 * as for a raise, and a value of 0 is no refusal.  (To wait for 0 would change
 * nothing either, but asks for the right to read.) */
int
sysv_sem_may(int id, int semaphore)
{
    struct sembuf nothing[2] = {
        sem_operation(semaphore, -1, IPC_NOWAIT),
        sem_operation(semaphore, 1, IPC_NOWAIT),
    };
    int error = sysv_semop(id, nothing, 2);

    return error == -EAGAIN ? 0 : error == -ERANGE ? -ENOSYS : error;
}

static bool
may_sleep(const struct sembuf *operations, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (operations[i].sem_flg & IPC_NOWAIT)
            return false; /* EAGAIN may be its answer, not the clock's */
    return true;
}

int
sysv_semwait(int id, struct sembuf *operations, size_t n,
    struct deadline *deadline)
{
    for (;;) {
        int64_t left = deadline_left(deadline);
        struct timespec time = { .tv_sec = (time_t) (left / 1000000000),
            .tv_nsec = (long) (left % 1000000000) };
        long result;

        if (left != 0 && !deadline->deaf && hooks_interrupted())
            return -EINTR;
        CALL(result, SEAM_SEMWAIT,
            semtimedop(id, operations, n, left == INT64_MAX ? NULL : &time));
        if (result == -EINTR)
            continue;
        if (result == -EAGAIN && may_sleep(operations, n) &&
            deadline_left(deadline) != 0)
            continue; /* never early, however coarse the kernel's clock */
        return result >= 0 ? 0 : semop_failed((int) result);
    }
}

/* ---- message queues ---- */

int
sysv_msg_create(key_t key)
{
    long id;

    CALL(id, SEAM_MSGGET, msgget(key, IPC_CREAT | IPC_EXCL | 0600));
    return id >= 0 ? (int) id : not_created((int) id);
}

int
sysv_msg_open(key_t key)
{
    long id;

    CALL(id, SEAM_MSGGET, msgget(key, 0));
    return id >= 0 ? (int) id : not_opened((int) id);
}

bool
sysv_msg_remove(const struct sysv_identity *which)
{
    struct msqid_ds now;
    long result;
    int there;

    CALL(result, SEAM_MSGCTL, msgctl(which->id, IPC_STAT, &now));
    there = still_there(which, result, &now.msg_perm, sysv_msg_open);
    if (there != 1)
        return there == 0;
    CALL(result, SEAM_MSGCTL, msgctl(which->id, IPC_RMID, NULL));
    return removed(result);
}

int
sysv_msg_state(int id, struct sysv_queue_state *state)
{
    struct msqid_ds now;
    long result;

    CALL(result, SEAM_MSGCTL, msgctl(id, IPC_STAT, &now));
    if (result < 0)
        return removed_or((int) result, -EACCES);
    state->messages = now.msg_qnum;
    state->bytes = now.__msg_cbytes;
    state->capacity = now.msg_qbytes;
    return 0;
}

void
sysv_limits(struct sysv_limits *limits)
{
    union {
        struct msginfo info;
        struct msqid_ds buf;
    } msg_limit, msg_use;
    union {
        struct shminfo info;
        struct shm_info use;
        struct shmid_ds buf;
    } shm_limit, shm_use;
    struct seminfo sem_limit, sem_use;
    long ignored;

    memset(&msg_limit, 0, sizeof(msg_limit));
    memset(&msg_use, 0, sizeof(msg_use));
    memset(&shm_limit, 0, sizeof(shm_limit));
    memset(&shm_use, 0, sizeof(shm_use));
    memset(&sem_limit, 0, sizeof(sem_limit));
    memset(&sem_use, 0, sizeof(sem_use));
    CALL(ignored, SEAM_MSGCTL, msgctl(0, IPC_INFO, &msg_limit.buf));
    CALL(ignored, SEAM_MSGCTL, msgctl(0, MSG_INFO, &msg_use.buf));
    CALL(ignored, SEAM_SHMCTL, shmctl(0, IPC_INFO, &shm_limit.buf));
    CALL(ignored, SEAM_SHMCTL, shmctl(0, SHM_INFO, &shm_use.buf));
    CALL(ignored, SEAM_SEMCTL,
        semctl(0, 0, IPC_INFO, (union semun){ .info = &sem_limit }));
    CALL(ignored, SEAM_SEMCTL,
        semctl(0, 0, SEM_INFO, (union semun){ .info = &sem_use }));
    (void) ignored;
    *limits = (struct sysv_limits){
        .queues = msg_limit.info.msgmni,
        .queues_used = msg_use.info.msgpool,
        .message = msg_limit.info.msgmax,
        .sets = sem_limit.semmni,
        .sets_used = sem_use.semusz,
        .semaphores = sem_limit.semmns,
        .semaphores_used = sem_use.semaem,
        .set_size = sem_limit.semmsl,
        .segments = shm_limit.info.shmmni,
        .segments_used = (unsigned long) shm_use.use.used_ids,
        .pages = shm_limit.info.shmall,
        .pages_used = shm_use.use.shm_tot,
    };
}

/*
 * Raw system calls where they exist: the C library's msgsnd and msgrcv are
 * cancellation points, also with IPC_NOWAIT, and a thread cancelled between
 * msgrcv and the copy would lose the message.
 */
#if defined(SYS_msgsnd) && defined(SYS_msgrcv)
#    define raw_msgsnd(id, message, length, flags) \
        syscall(SYS_msgsnd, id, message, length, flags)
#    define raw_msgrcv(id, message, size, type, flags) \
        syscall(SYS_msgrcv, id, message, size, type, flags)
#else
static long
raw_msgsnd(int id, const void *message, size_t length, int flags)
{
    struct guard guard = guard_enter();
    long result = msgsnd(id, message, length, flags);
    int error = errno;

    guard_leave(&guard);
    errno = error;
    return result;
}

static long
raw_msgrcv(int id, void *message, size_t size, long type, int flags)
{
    struct guard guard = guard_enter();
    long result = msgrcv(id, message, size, type, flags);
    int error = errno;

    guard_leave(&guard);
    errno = error;
    return result;
}
#endif

int
sysv_msgsnd(int id, const void *message, size_t length)
{
    long result;

    do
        CALL(result, SEAM_MSGSND, raw_msgsnd(id, message, length, IPC_NOWAIT));
    while (UNLIKELY(result == -EINTR));
    if (LIKELY(result >= 0))
        return 0;
    if (result == -EAGAIN || result == -ENOMEM)
        return (int) result;
    return removed_or((int) result, -EACCES);
}

ssize_t
sysv_msgrcv(int id, void *message, size_t size)
{
    return sysv_msgrcv_type(id, message, size, 0);
}

ssize_t
sysv_msgrcv_type(int id, void *message, size_t size, long type)
{
    long result;

    do
        CALL(result, SEAM_MSGRCV,
            raw_msgrcv(id, message, size, type, IPC_NOWAIT));
    while (UNLIKELY(result == -EINTR));
    if (LIKELY(result >= 0) || result == -ENOMSG || result == -E2BIG)
        return (ssize_t) result;
    return removed_or((int) result, -EACCES);
}

ssize_t
sysv_msgpeek(int id, void *message, size_t size)
{
#ifdef MSG_COPY
    long result;

    do
        CALL(result, SEAM_MSGRCV,
            raw_msgrcv(id, message, size, 0L, IPC_NOWAIT | MSG_COPY));
    while (result == -EINTR);
    if (result >= 0 || result == -ENOMSG)
        return (ssize_t) result;
    if (result == -ENOSYS)
        return error_detail(-ENOSYS,
            "this kernel can't look at a message without taking it (it was "
            "built without CONFIG_CHECKPOINT_RESTORE)");
    if (result == -EINVAL) { /* longer than any of ours; or removed */
        struct sysv_queue_state state;
        int error = sysv_msg_state(id, &state);

        return error < 0 ? error : -E2BIG;
    }
    return removed_or((int) result, -EACCES);
#else
    (void) id, (void) message, (void) size;
    return -ENOSYS;
#endif
}

/* ---- shared memory ---- */

int
sysv_shm_create(key_t key, size_t size)
{
    long id;

    CALL(id, SEAM_SHMGET,
        shmget(key, size, IPC_CREAT | IPC_EXCL | SHM_NORESERVE | 0600));
    return id >= 0 ? (int) id : not_created((int) id);
}

int
sysv_shm_open(key_t key)
{
    long id;

    CALL(id, SEAM_SHMGET, shmget(key, 0, 0));
    return id >= 0 ? (int) id : not_opened((int) id);
}

bool
sysv_shm_remove(const struct sysv_identity *which)
{
    struct shmid_ds now;
    long result;
    int there;

    CALL(result, SEAM_SHMCTL, shmctl(which->id, IPC_STAT, &now));
    there = still_there(which, result, &now.shm_perm, sysv_shm_open);
    if (there != 1)
        return there == 0;
    CALL(result, SEAM_SHMCTL, shmctl(which->id, IPC_RMID, NULL));
    return removed(result);
}

void *
sysv_shm_attach(int id, int *error)
{
    long address;

    CALL(address, SEAM_SHMAT, (intptr_t) shmat(id, NULL, 0));
    /* No mapping is in the last page of the address space. */
    if (address < 0 && address > -4096) {
        *error = address == -ENOMEM ? -ENOMEM
                                    : removed_or((int) address, -EACCES);
        return NULL;
    }
    *error = 0;
    return (void *) (intptr_t) address;
}

void
sysv_shm_detach(const void *address)
{
    long ignored;

    CALL(ignored, SEAM_SHMDT, shmdt(address));
    (void) ignored;
}

int
sysv_shm_attached(int id)
{
    struct shmid_ds now;
    long result;

    CALL(result, SEAM_SHMCTL, shmctl(id, IPC_STAT, &now));
    return result >= 0 ? (int) now.shm_nattch
                       : removed_or((int) result, -EACCES);
}

int
sysv_shm_ours(int id)
{
    struct shmid_ds now;
    long result;

    CALL(result, SEAM_SHMCTL, shmctl(id, IPC_STAT, &now));
    if (result < 0)
        return removed_or((int) result, -EACCES);
    return now.shm_perm.cuid == sysv_user();
}

int
sysv_shm_state(int id, uid_t user, struct sysv_segment_state *state)
{
    struct shmid_ds now;
    long result;

    CALL(result, SEAM_SHMCTL, shmctl(id, IPC_STAT, &now));
    if (result < 0)
        return removed_or((int) result, -EACCES);
    if (now.shm_perm.cuid != user || (now.shm_perm.mode & 077) != 0)
        return -EACCES;
    *state = (struct sysv_segment_state){
        .creator = now.shm_cpid,
        .attached = (int) now.shm_nattch,
        .size = now.shm_segsz,
    };
    return 0;
}
