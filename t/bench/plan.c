/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan.c: the rows, their subjects, and the numbers to reach.
 *
 * A lock of CPython is measured in both ways that programs use it: "with
 * lock:" (the target's) and bare calls of methods looked up beforehand, which
 * run no Python function at all. Of its two queues the faster one counts.
 *
 * fork + waitpid is measured in the program that our own cells are in, before
 * any object exists, and in one that is not linked with the library.
 */
#include <stddef.h>
#include <string.h>

#include "grid.h"
#include "nouns-plan.h"
#include "plan.h"

static const struct experiment experiments[] = {
    { "lock-1", 1, 0, { "ns" }, .subjects = {
        { "sysvmp", OURS }, { "pthread", PEERS }, { "semop", PEERS },
        { "apr-sysvsem", APR }, { "cas", PEERS }, { "cpython-with", CPYTHON },
        { "cpython-calls", CPYTHON } } },
    { "lock-2", 2, 0, { "ns", "share" }, .subjects = {
        { "sysvmp", OURS }, { "pthread", PEERS }, { "semop", PEERS },
        { "apr-sysvsem", APR }, { "cas-alone", PEERS },
        { "cpython-with", CPYTHON }, { "cpython-calls", CPYTHON } } },
    { "queue", 2, 0, { "ns" }, .subjects = {
        { "sysvmp", OURS }, { "sysv", PEERS }, { "pipe(2)", PEERS },
        { "cpython-queue", CPYTHON }, { "cpython-simple", CPYTHON } } },
    { "pipe-2cpu", 2, 0, { "ns" }, .subjects = {
        { "sysvmp", OURS }, { "sysv", PEERS }, { "sysv-spin", PEERS },
        { "pipe(2)", PEERS }, { "socketpair", PEERS },
        { "cpython", CPYTHON } } },
    { "pipe-1cpu", 1, 0, { "ns" }, .subjects = {
        { "sysvmp", OURS }, { "sysv", PEERS }, { "pipe(2)", PEERS },
        { "socketpair", PEERS }, { "cpython", CPYTHON } } },
    { "process", 1, 0, { "us" }, .subjects = {
        { "sysvmp", OURS }, { "fork", OURS }, { "bare-fork", PEERS },
        { "cpython", CPYTHON } } },
    { "batch", 2, 0, { "ns", "mbps", "depth" }, .subjects = {
        { "sysvmp-many", OURS }, { "sysvmp", OURS }, { "ring", PEERS },
        { "sysv", PEERS }, { "posix-mq", PEERS }, { "boost", BOOST },
        { "zeromq", ZEROMQ }, { "nng", NNG } },
        .flow = { 64, 1, 1, 128 } },
    { "handover", 2, 0, { "us-4k", "us-64k", "us-1m", "us-64m", "growth" },
        .subjects = {
        { "sysvmp", OURS }, { "sysv-spin", PEERS } } },
    { "idle", 1, 1, { "queue-ticks", "queue-switches", "lock-ticks",
        "lock-switches", "pipe-ticks", "pipe-switches" },
        .subjects = {
        { "sysvmp", OURS }, { "sysv", PEERS } } },
    { .name = NULL }
};

static const struct row rows[] = {
    { "lock-1", "lock, uncontended, acquire + release",
        "lock-1", "ns", "ns", "cas", {
        { "pthread", RATIO_AT_MOST, 0.7 },
        { "cpython-with", RATIO_AT_MOST, 0.1 } } },
    { "lock-2", "lock, 2 processes on 2 CPUs, a pair",
        "lock-2", "ns", "ns", "cas-alone", {
        { "pthread", RATIO_AT_MOST, 0.8 } } },
    { "lock-2-share", "lock, 2 processes, smaller share of the acquires",
        "lock-2", "share", "of 1", NULL, {
        { "sysvmp", VALUE_AT_LEAST, 1.0 / 3 } } },
    { "queue", "queue 64 B, 1 producer, 1 consumer, 2 CPUs, a message",
        "queue", "ns", "ns", "sysv", {
        { "sysv", RATIO_AT_MOST, 1.15 },
        { "cpython", RATIO_AT_MOST, 0.25 } } },
    { "pipe-2cpu", "pipe 64 B, there and back, 2 CPUs",
        "pipe-2cpu", "ns", "ns", "sysv-spin", {
        { "socketpair", RATIO_AT_MOST, 0.15 },
        { "cpython", RATIO_AT_MOST, 0.12 } } },
    { "pipe-1cpu", "pipe 64 B, there and back, 1 CPU",
        "pipe-1cpu", "ns", "ns", "sysv", {
        { "sysv", RATIO_AT_MOST, 1.25 } } },
    { "batch", "queue 64 B, 64 with each call, 1 to 1, depth 128, a message",
        "batch", "ns", "ns", "ring", {
        { "boost", RATIO_AT_MOST, 0.5 },
        { "zeromq", RATIO_AT_MOST, 0.3 } } },
    { "handover-4k", "4 KiB handed over without a copy, not touched",
        "handover", "us-4k", "us", "sysv-spin", {
        { "sysvmp", VALUE_AT_MOST, 10 } } },
    { "handover-64k", "64 KiB handed over without a copy, not touched",
        "handover", "us-64k", "us", "sysv-spin", {
        { "sysvmp", VALUE_AT_MOST, 10 } } },
    { "handover-1m", "1 MiB handed over without a copy, not touched",
        "handover", "us-1m", "us", "sysv-spin", {
        { "sysvmp", VALUE_AT_MOST, 10 } } },
    { "handover-64m", "64 MiB handed over without a copy, not touched",
        "handover", "us-64m", "us", "sysv-spin", {
        { "sysvmp", VALUE_AT_MOST, 10 } } },
    { "handover-growth", "64 MiB handed over, compared with 4 KiB",
        "handover", "growth", "times", NULL, {
        { "sysvmp", VALUE_AT_MOST, 2 } } },
    { "process", "process, start + join",
        "process", "us", "us", "bare-fork", {
        { "fork", RATIO_AT_MOST, 1.25 },
        { "cpython", RATIO_AT_MOST, 0.1 } } },
    { "idle-queue-ticks", "asleep 5 s in queue_get, CPU",
        "idle", "queue-ticks", "ticks", "sysv", {
        { "sysvmp", VALUE_AT_MOST, 0 } } },
    { "idle-queue-switches", "asleep 5 s in queue_get, voluntary switches",
        "idle", "queue-switches", "times", "sysv", {
        { "sysvmp", VALUE_AT_MOST, 2 } } },
    { "idle-lock-ticks", "asleep 5 s in lock_acquire, CPU",
        "idle", "lock-ticks", "ticks", "sysv", {
        { "sysvmp", VALUE_AT_MOST, 0 } } },
    { "idle-lock-switches", "asleep 5 s in lock_acquire, voluntary switches",
        "idle", "lock-switches", "times", "sysv", {
        { "sysvmp", VALUE_AT_MOST, 2 } } },
    { "idle-pipe-ticks", "asleep 5 s in conn_recv, CPU",
        "idle", "pipe-ticks", "ticks", "sysv", {
        { "sysvmp", VALUE_AT_MOST, 0 } } },
    { "idle-pipe-switches", "asleep 5 s in conn_recv, voluntary switches",
        "idle", "pipe-switches", "times", "sysv", {
        { "sysvmp", VALUE_AT_MOST, 2 } } },
    { .name = NULL }
};

const struct row *
plan_row(int index)
{
    int n = sizeof(rows) / sizeof(*rows) - 1;

    if (index < n)
        return &rows[index];
    for (index -= n, n = 0; nouns_row(n) != NULL; n++)
        if (n == index)
            return nouns_row(n);
    return grid_row(index - n);
}

const struct experiment *
plan_experiment(const struct row *row)
{
    const struct experiment *e;

    for (e = experiments; e->name != NULL; e++)
        if (strcmp(e->name, row->experiment) == 0)
            return e;
    e = nouns_experiment(row);
    return e != NULL ? e : grid_experiment(row);
}
