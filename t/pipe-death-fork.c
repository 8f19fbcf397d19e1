/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pipe-death-fork.c: a sender asleep on a full pipe is told of its last
 * reader's death also when another process of the program forks meanwhile:
 * then nobody can say for a moment whether the child will be a reader.
 */
#include <config.h>

#include "child.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

enum {
    ROUNDS = 20,
    MEMORY = 64 << 20, /* of who forks, so that forks take long */
    HANGS_S = 15
};

static struct sysvmp_conn *end[2];

static int
reader(void *arg)
{
    (void)arg;
    sysvmp_conn_close(end[1]);
    while (pause() < 0) /* until it is killed */
        continue;
    return 1;
}

static int
sender(void *arg)
{
    char buf[512] = "";
    int result;

    (void)arg;
    sysvmp_conn_close(end[0]);
    do
        result = sysvmp_conn_send(end[1], buf, sizeof(buf), SYSVMP_FOREVER);
    while (result == 0);
    return result == -EPIPE ? 0 : 1;
}

static int
ends_at_once(void *arg)
{
    (void)arg;
    return 0;
}

static int
forker(void *arg)
{
    char *memory = malloc(MEMORY);

    (void)arg;
    sysvmp_conn_close(end[0]);
    sysvmp_conn_close(end[1]);
    if (memory == NULL)
        return 1;
    memset(memory, 1, MEMORY);
    for (;;)
        reap(child(ends_at_once, NULL));
}

/* How it ends: -1, it hangs. */
static int
end_in_time(pid_t pid)
{
    int64_t start = now_ns();
    int status;

    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (now_ns() - start > HANGS_S * INT64_C(1000000000)) {
            slay(pid);
            return -1;
        }
        pause_us(500);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -2;
}

static int
told(void)
{
    pid_t reading, sending, forking;
    int ended;

    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
    reading = child(reader, NULL);
    sending = child(sender, NULL);
    forking = child(forker, NULL);
    sysvmp_conn_close(end[0]);
    sysvmp_conn_close(end[1]);
    if (!asleep(sending))
        bail("the sender does not sleep");
    pause_ms(20); /* for the forks to begin */
    slay(reading);
    ended = end_in_time(sending);
    slay(forking);
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
    return ended == 0;
}

int
main(void)
{
    int good = 0;

    plan(1);
    for (int i = 0; i < ROUNDS; i++)
        good += told();
    is_int(ROUNDS, good,
        "pipe-death-fork: the sender is told, though somebody forks");
    return done();
}
