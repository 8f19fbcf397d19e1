/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * queue-many.c: several threads of several processes put and get at once:
 * each message goes to exactly one, whole, and those of one thread in order.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

enum { PROCESSES = 2, THREADS = 3, SENDERS = PROCESSES * THREADS,
    EACH = 2000, LONGEST = 600 };

struct item {
    uint32_t sender;
    uint32_t number;
    uint32_t len;
    unsigned char bytes[LONGEST];
};

static struct {
    _Atomic int seen[SENDERS][EACH];
    _Atomic int torn, disorder, failed, got;
} *stage;

static struct sysvmp_queue *q;
static int process; /* its number */

static unsigned char
byte_of(uint32_t sender, uint32_t number, uint32_t i)
{
    return (unsigned char)(sender * 31 + number * 7 + i);
}

static void *
put_all(void *arg)
{
    uint32_t sender = (uint32_t)(process * THREADS + *(const int *)arg);
    struct item item = {.sender = sender};

    for (uint32_t n = 0; n < EACH; n++) {
        item.number = n;
        item.len = (n * 13 + sender * 101) % LONGEST;
        for (uint32_t i = 0; i < item.len; i++)
            item.bytes[i] = byte_of(sender, n, i);
        if (sysvmp_queue_put(q, &item, offsetof(struct item, bytes) +
                    item.len, SYSVMP_FOREVER) != 0)
            stage->failed = 1;
    }
    return NULL;
}

static int
whole(const struct item *item, ssize_t len)
{
    if (len < (ssize_t)offsetof(struct item, bytes) ||
        item->sender >= SENDERS || item->number >= EACH ||
        len != (ssize_t)(offsetof(struct item, bytes) + item->len))
        return 0;
    for (uint32_t i = 0; i < item->len; i++)
        if (item->bytes[i] != byte_of(item->sender, item->number, i))
            return 0;
    return 1;
}

static void *
get_all(void *arg)
{
    int64_t last[SENDERS];
    struct item item;
    ssize_t len;

    (void)arg;
    for (int i = 0; i < SENDERS; i++)
        last[i] = -1;
    while ((len = sysvmp_queue_get(q, &item, sizeof(item),
                SYSVMP_FOREVER)) >= 0) {
        if (!whole(&item, len)) {
            stage->torn++;
            continue;
        }
        stage->got++;
        stage->seen[item.sender][item.number]++;
        if (item.number <= last[item.sender])
            stage->disorder++;
        last[item.sender] = item.number;
    }
    if (len != -EPIPE)
        stage->failed = 1;
    return NULL;
}

static void
in_threads(void *(*fn)(void *))
{
    pthread_t thread[THREADS];
    int index[THREADS];

    for (int i = 0; i < THREADS; i++) {
        index[i] = i;
        if (pthread_create(&thread[i], NULL, fn, &index[i]) != 0)
            bail("pthread_create");
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
}

static int
producer(void *arg)
{
    process = *(const int *)arg;
    in_threads(put_all);
    return 0;
}

static int
consumer(void *arg)
{
    (void)arg;
    if (sysvmp_queue_close(q) < 0)
        return 1;
    in_threads(get_all);
    return 0;
}

static void
exchange(size_t maxsize)
{
    pid_t pid[2 * PROCESSES];
    int good = 0, once = 0;

    memset(stage, 0, sizeof(*stage));
    must(sysvmp_queue_create(&q, maxsize, SYSVMP_EOF), "queue_create");
    for (int i = 0; i < PROCESSES; i++) {
        pid[i] = child(consumer, NULL);
        pid[PROCESSES + i] = child(producer, &i);
    }
    must(sysvmp_queue_close(q), "close");
    for (int i = 0; i < 2 * PROCESSES; i++)
        good += reap(pid[i]) == 0;
    is_int(2 * PROCESSES, good,
        "queue-many: maxsize %d: %d processes of %d threads put, %d get",
        (int)maxsize, PROCESSES, THREADS, PROCESSES);
    for (int i = 0; i < SENDERS; i++)
        for (int k = 0; k < EACH; k++)
            once += stage->seen[i][k] == 1;
    is_int(SENDERS * EACH, once, "... each message goes to exactly one");
    is_int(SENDERS * EACH, stage->got, "... and nothing else");
    is_int(0, stage->torn, "... all are whole");
    is_int(0, stage->disorder, "... and of each thread in order");
    is_int(0, stage->failed, "... no call has failed");
    sysvmp_queue_destroy(q);
}

int
main(void)
{
    plan(3 * 6);
    stage = shared(sizeof(*stage));
    exchange(0);
    exchange(1);
    exchange(20);
    return done();
}
