/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * peers.c: the program of the C peers. It is not linked with libsysvmp: what
 * it measures is a program that has never heard of it.
 */
#include <stddef.h>

#include "carry.h"
#include "flow-cell.h"
#include "peers.h"

static void
flow_sysv(struct cell *cell)
{
    flow_measure(cell, &carry_sysv);
}

static void
flow_mq(struct cell *cell)
{
    flow_measure(cell, &carry_mq);
}

static void
flow_pipe(struct cell *cell)
{
    flow_measure(cell, &carry_pipe);
}

static void
flow_socketpair(struct cell *cell)
{
    flow_measure(cell, &carry_socketpair);
}

static void
flow_ring(struct cell *cell)
{
    flow_measure(cell, &carry_ring);
}

static const struct cell_entry entries[] = {
    { "lock-1", "pthread", lock_1_pthread },
    { "lock-1", "semop", lock_1_semop },
    { "lock-1", "cas", lock_1_cas },
    { "lock-2", "pthread", lock_2_pthread },
    { "lock-2", "semop", lock_2_semop },
    { "lock-2", "cas-alone", lock_1_cas },
    { "queue", "sysv", queue_sysv },
    { "queue", "pipe(2)", queue_pipe },
    { "pipe-2cpu", "sysv", pipe_2cpu_sysv },
    { "pipe-2cpu", "sysv-spin", pipe_2cpu_spin },
    { "pipe-2cpu", "pipe(2)", pipe_2cpu_pipe },
    { "pipe-2cpu", "socketpair", pipe_2cpu_socketpair },
    { "pipe-1cpu", "sysv", pipe_1cpu_sysv },
    { "pipe-1cpu", "pipe(2)", pipe_1cpu_pipe },
    { "pipe-1cpu", "socketpair", pipe_1cpu_socketpair },
    { "flow", "sysv", flow_sysv },
    { "flow", "posix-mq", flow_mq },
    { "flow", "pipe(2)", flow_pipe },
    { "flow", "socketpair", flow_socketpair },
    { "flow", "ring", flow_ring },
    { "handover", "sysv-spin", handover_spin },
    { "process", "bare-fork", process_fork },
    { "idle", "sysv", idle_sysv },
    { "event", "pthread", event_pthread },
    { "event", "sem_t", event_posix },
    { "event", "semop", event_semop },
    { "event", "futex", event_futex },
    { "event", "spin", event_spin },
    { "condition", "pthread", condition_pthread },
    { "condition", "futex", condition_futex },
    { "barrier-2", "pthread", barrier_2_pthread },
    { "barrier-2", "futex", barrier_2_futex },
    { "barrier-2", "spin", barrier_2_spin },
    { "barrier-8", "pthread", barrier_8_pthread },
    { "barrier-8", "futex", barrier_8_futex },
    { "semaphore-1", "sem_t", semaphore_1_posix },
    { "semaphore-1", "semop", lock_1_semop },
    { "semaphore-1", "cas", lock_1_cas },
    { "semaphore-2", "sem_t", semaphore_2_posix },
    { "semaphore-2", "semop", lock_2_semop },
    { "semaphore-2", "cas-alone", lock_1_cas },
    { "wait-1", "poll", wait_1_poll },
    { "wait-1", "epoll", wait_1_epoll },
    { "wait-64", "poll", wait_64_poll },
    { "wait-64", "epoll", wait_64_epoll },
    { NULL, NULL, NULL }
};

int
main(int argc, char **argv)
{
    return cell_main(entries, argc, argv);
}
