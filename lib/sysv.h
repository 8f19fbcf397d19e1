/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sysv.h: the one seam to the kernel's System V IPC.
 *
 * Every msg*, sem* and shm* call of the library is in sysv.c.  All answer a
 * count, an id or 0, or a negative code; none changes errno.  EINTR is
 * handled here.  Beside the closed list of codes these stay inside the
 * library: -EEXIST and -ENOENT (keys), -ENOMSG (nothing there), -E2BIG (the
 * buffer is too small), -ERANGE (a semaphore or its undo would overflow).
 */
#ifndef SYSVMP_SYSV_H
#define SYSVMP_SYSV_H

#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/types.h>

#include "deadline.h"

/* What can be asked of a message queue. */
struct sysv_queue_state {
    size_t messages;
    size_t bytes;
    size_t capacity; /* bytes */
};

/* What can be asked of a segment. */
struct sysv_segment_state {
    pid_t creator; /* 0: in another pid namespace */
    int attached;
    uint64_t size;
};

/* Limits of the system, and what is in use of them. */
struct sysv_limits {
    int queues, queues_used;
    int message; /* bytes of one */
    int sets, sets_used;
    int semaphores, semaphores_used;
    int set_size; /* semaphores in a set */
    unsigned long segments, segments_used;
    unsigned long pages, pages_used;
};

/* 0 where the kernel does not say. */
void sysv_limits(struct sysv_limits *limits);

/*
 * What is about to be removed.  An id alone may be somebody else's by now, so
 * two facts are asked for, which the kernel keeps and nobody can change: its
 * key, which was drawn by lot and was nobody's when it was made (IPC_EXCL);
 * and that the user who made it has also made the arena's segment.  Both
 * users are read at the same moment.  Nothing depends on who this process is
 * now, or thinks it is (seteuid, fakeroot), nor on any clock.
 */
struct sysv_identity {
    int id;
    key_t key;
    int segment; /* of its arena, which the caller has attached; for what the
                  * caller has itself attached or just made: its own id */
};

/*
 * The user that the kernel takes this process for: its effective user id,
 * asked of the kernel itself.  geteuid() may be another's answer (fakeroot).
 */
uid_t sysv_user(void);

int sysv_sem_create(key_t key, int semaphores);
int sysv_sem_open(key_t key);
/*
 * These three return true if the object is not there any more, whoever has
 * removed it, or if what has its id now is another one, which stays.  They
 * return false if the kernel refuses to remove it, or to say what it is: then
 * it must not be forgotten.
 */
bool sysv_sem_remove(const struct sysv_identity *which);
bool sysv_msg_remove(const struct sysv_identity *which);
bool sysv_shm_remove(const struct sysv_identity *which);
int sysv_sem_value(int id, int semaphore);
/* Has the kernel do now what it would do with SEM_UNDO at our death; for all
 * sets, and only in a process with one thread.  It asks for no permission. */
bool sysv_sem_undo_all(void);
/* Whose operation on it was the last: a pid as this process sees it. */
int sysv_sem_pid(int id, int semaphore);
/* All n of them; -EIDRM, also where that set has not so many. */
int sysv_sem_values(int id, unsigned short *values, size_t n);
/* Does not sleep where its operations don't; ends by itself where they do. */
int sysv_semop(int id, struct sembuf *operations, size_t n);
/* Would the kernel let this process raise that semaphore?  0, or a code.  It
 * changes nothing, and does not sleep. */
int sysv_sem_may(int id, int semaphore);
/* May sleep until the deadline: -EAGAIN then, or by an IPC_NOWAIT of its
 * operations; -EINTR where the interrupt function asks for it. */
int sysv_semwait(int id, struct sembuf *operations, size_t n,
    struct deadline *deadline);

int sysv_msg_create(key_t key);
int sysv_msg_open(key_t key);
int sysv_msg_state(int id, struct sysv_queue_state *state);
/* Neither sleeps.  message begins with a long, which length leaves out. */
int sysv_msgsnd(int id, const void *message, size_t length);
ssize_t sysv_msgrcv(int id, void *message, size_t size);
/* The first of that type alone. */
ssize_t sysv_msgrcv_type(int id, void *message, size_t size, long type);
/* A copy of the first message, which stays.  -ENOSYS: this kernel can't. */
ssize_t sysv_msgpeek(int id, void *message, size_t size);

int sysv_shm_create(key_t key, size_t size);
int sysv_shm_open(key_t key);
void *sysv_shm_attach(int id, int *error);
void sysv_shm_detach(const void *address);
/* How many processes are attached. */
int sysv_shm_attached(int id);
/* Who made it, and how large it is: 0, -EIDRM, or -EACCES, also where it is
 * not that user's alone. */
int sysv_shm_state(int id, uid_t user, struct sysv_segment_state *state);
/* 1 if it was made by the user that this process is now; 0; or a code. */
int sysv_shm_ours(int id);

static inline struct sembuf
sem_operation(int semaphore, int value, int flags)
{
    return (struct sembuf){ .sem_num = (unsigned short) semaphore,
        .sem_op = (short) value,
        .sem_flg = (short) flags };
}

#endif /* SYSVMP_SYSV_H */
