/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * peer-process.c: fork and waitpid, and processes asleep in the System V
 * calls themselves (the floor of the idle rows).
 */
#define _GNU_SOURCE

#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>

#include "idle.h"
#include "message.h"
#include "peers.h"
#include "process.h"

void
process_fork(struct cell *cell)
{
    process_measure(cell, process_fork_and_wait);
}

static bool
message_sleep(void *arg)
{
    struct message m;

    return msgrcv(*(int *)arg, &m, MESSAGE_SIZE, 0, 0)
        == (ssize_t)MESSAGE_SIZE;
}

static bool
message_wake(void *arg)
{
    struct message m;

    message_write(&m, 0, true);
    return msgsnd(*(int *)arg, &m, MESSAGE_SIZE, 0) == 0;
}

static bool
semaphore_sleep(void *arg)
{
    struct sembuf op = { 0, -1, SEM_UNDO };

    return semop(*(int *)arg, &op, 1) == 0;
}

static bool
semaphore_wake(void *arg)
{
    struct sembuf op = { 0, 1, 0 };

    return semop(*(int *)arg, &op, 1) == 0;
}

void
idle_sysv(struct cell *cell)
{
    int queue = msgget(IPC_PRIVATE, 0600), pipe = msgget(IPC_PRIVATE, 0600);
    int lock = semget(IPC_PRIVATE, 1, 0600);
    const struct sleeper sleepers[IDLE_SLEEPERS] = {
        { "queue", message_sleep, message_wake, &queue },
        { "lock", semaphore_sleep, semaphore_wake, &lock },
        { "pipe", message_sleep, message_wake, &pipe }
    };

    if (queue < 0 || pipe < 0 || lock < 0)
        fail("no System V IPC");
    idle_measure(cell, sleepers);
    msgctl(queue, IPC_RMID, NULL);
    msgctl(pipe, IPC_RMID, NULL);
    semctl(lock, 0, IPC_RMID);
}
