/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nouns-plan.c: the rows of events, conditions, barriers, semaphores, and the
 * wait for any of several. What is to be reached is not to be slower than
 * POSIX, which does not notice when a process dies; where both do the same (a
 * compare-and-swap; eight that sleep), not by more than a quarter.
 */
#include <stddef.h>
#include <string.h>

#include "nouns-plan.h"

#define ROUNDS 5
#define PART   2

static const struct experiment experiments[] = {
    { "event", 2, ROUNDS, { "ns", "us-wake" }, .part = PART, .subjects = {
        { "sysvmp", OURS }, { "pthread", PEERS }, { "sem_t", PEERS },
        { "semop", PEERS }, { "futex", PEERS }, { "spin", PEERS },
        { "cpython", CPYTHON } } },
    { "condition", 2, ROUNDS, { "ns" }, .part = PART, .subjects = {
        { "sysvmp", OURS }, { "pthread", PEERS }, { "futex", PEERS },
        { "cpython", CPYTHON } } },
    { "barrier-2", 2, ROUNDS, { "ns" }, .part = PART, .subjects = {
        { "sysvmp", OURS }, { "pthread", PEERS }, { "futex", PEERS },
        { "spin", PEERS }, { "cpython", CPYTHON } } },
    { "barrier-8", 2, ROUNDS, { "ns" }, .part = PART, .subjects = {
        { "sysvmp", OURS }, { "pthread", PEERS }, { "futex", PEERS },
        { "cpython", CPYTHON } } },
    { "semaphore-1", 1, ROUNDS, { "ns" }, .part = PART, .subjects = {
        { "sysvmp", OURS }, { "sysvmp-permits", OURS }, { "sem_t", PEERS },
        { "semop", PEERS }, { "cas", PEERS }, { "cpython", CPYTHON } } },
    { "semaphore-2", 2, ROUNDS, { "ns" }, .part = PART, .subjects = {
        { "sysvmp", OURS }, { "sysvmp-permits", OURS }, { "sem_t", PEERS },
        { "semop", PEERS }, { "cas-alone", PEERS },
        { "cpython", CPYTHON } } },
    { "wait-1", 2, ROUNDS, { "ns", "ns-ready" }, .part = PART, .subjects = {
        { "sysvmp", OURS }, { "recv", OURS }, { "poll", PEERS },
        { "epoll", PEERS }, { "cpython", CPYTHON } } },
    { "wait-64", 2, ROUNDS, { "ns", "ns-ready" }, .part = PART,
        .subjects = {
        { "sysvmp", OURS }, { "recv", OURS }, { "poll", PEERS },
        { "epoll", PEERS }, { "cpython", CPYTHON } } },
    { .name = NULL }
};

static const struct row rows[] = {
    { "event", "event, set there and back, 2 CPUs",
        "event", "ns", "ns", "spin", {
        { "pthread", RATIO_AT_MOST, 1.0 } } },
    { "event-wake", "event, set to the return of a wait that was asleep",
        "event", "us-wake", "us", "futex", {
        { "pthread", RATIO_AT_MOST, 1.0 } } },
    { "condition", "condition, notified there and back, 2 CPUs",
        "condition", "ns", "ns", "futex", {
        { "pthread", RATIO_AT_MOST, 1.0 } } },
    { "barrier-2", "barrier of 2, 2 CPUs, a round",
        "barrier-2", "ns", "ns", "spin", {
        { "pthread", RATIO_AT_MOST, 1.0 } } },
    { "barrier-8", "barrier of 8, 2 CPUs, a round",
        "barrier-8", "ns", "ns", "futex", {
        { "pthread", RATIO_AT_MOST, 1.25 } } },
    { "semaphore-1", "semaphore, uncontended, acquire + release",
        "semaphore-1", "ns", "ns", "cas", {
        { "sem_t", RATIO_AT_MOST, 1.25 } } },
    { "semaphore-2", "semaphore, 1 permit, 2 processes on 2 CPUs, a pair",
        "semaphore-2", "ns", "ns", "cas-alone", {
        { "sem_t", RATIO_AT_MOST, 1.0 } } },
    { "wait-1", "wait for 1 pipe, there and back, 2 CPUs",
        "wait-1", "ns", "ns", "recv", {
        { "poll", RATIO_AT_MOST, 1.0 } } },
    { "wait-1-ready", "send, wait for 1 pipe, receive",
        "wait-1", "ns-ready", "ns", "recv", {
        { "poll", RATIO_AT_MOST, 1.0 } } },
    { "wait-64", "wait for any of 64 pipes, there and back, 2 CPUs",
        "wait-64", "ns", "ns", "recv", {
        { "poll", RATIO_AT_MOST, 1.0 } } },
    { "wait-64-ready", "send, wait for any of 64 pipes, receive",
        "wait-64", "ns-ready", "ns", "recv", {
        { "poll", RATIO_AT_MOST, 1.0 } } },
    { .name = NULL }
};

const struct row *
nouns_row(int index)
{
    int n = sizeof(rows) / sizeof(*rows) - 1;

    return index < n ? &rows[index] : NULL;
}

const struct experiment *
nouns_experiment(const struct row *row)
{
    for (const struct experiment *e = experiments; e->name != NULL; e++)
        if (strcmp(e->name, row->experiment) == 0)
            return e;
    return NULL;
}
