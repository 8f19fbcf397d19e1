/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* peers.h: the cells of the C peers, one function a row and subject. */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include "cell.h"

/* peer-lock.c */
cell_fn lock_1_pthread, lock_2_pthread;
cell_fn lock_1_semop, lock_2_semop;
cell_fn lock_1_cas;

/* peer-sysv.c */
cell_fn queue_sysv;
cell_fn pipe_2cpu_sysv, pipe_1cpu_sysv;
cell_fn pipe_2cpu_spin, handover_spin;

/* peer-fd.c */
cell_fn queue_pipe;
cell_fn pipe_2cpu_pipe, pipe_1cpu_pipe;
cell_fn pipe_2cpu_socketpair, pipe_1cpu_socketpair;

/* peer-process.c */
cell_fn process_fork;
cell_fn idle_sysv;

/* nouns-pthread.c */
cell_fn event_pthread, event_posix;
cell_fn condition_pthread;
cell_fn barrier_2_pthread, barrier_8_pthread;
cell_fn semaphore_1_posix, semaphore_2_posix;

/* nouns-raw.c */
cell_fn event_semop, event_futex, event_spin;
cell_fn condition_futex;
cell_fn barrier_2_futex, barrier_2_spin, barrier_8_futex;

/* nouns-poll.c */
cell_fn wait_1_poll, wait_64_poll;
cell_fn wait_1_epoll, wait_64_epoll;

#endif /* BENCH_PEERS_H */
