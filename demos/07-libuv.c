/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 07-libuv.c: a queue in an event loop of libuv, beside a timer: workers put
 * results, one of them is killed, and the loop ends when nobody is left who
 * could put any more.
 *
 * It is built where libuv is found (Debian: libuv1-dev).
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sysvmp.h>
#include <unistd.h>
#include <uv.h>

enum { WORKERS = 3, RESULTS = 4, KILLED = 1 };

static struct sysvmp_queue *queue;
static int results;
static int ticks;

static void
check(const char *what, ssize_t result)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", what, sysvmp_last_error());
        sysvmp_process_exit(EXIT_FAILURE);
    }
}

static int
work(void *arg)
{
    int number = *(int *)arg;

    for (int i = 0; i < RESULTS; i++) {
        check("put", sysvmp_queue_put(queue, &i, sizeof(i), SYSVMP_FOREVER));
        if (number == KILLED && i == 1)
            kill(getpid(), SIGKILL);
    }
    return EXIT_SUCCESS;
}

static void
on_tick(uv_timer_t *timer)
{
    (void)timer;
    ticks++;
}

/* The queue's descriptor is readable: all that is there is taken. */
static void
on_readable(uv_poll_t *handle, int status, int events)
{
    ssize_t len;
    int result;

    (void)status; /* whatever it was, get knows better */
    (void)events;
    do {
        len = sysvmp_queue_get(queue, &result, sizeof(result),
            SYSVMP_NOWAIT);
        results += len >= 0;
    } while (len >= 0);
    if (len == -EPIPE)
        uv_stop(handle->loop); /* the end of file */
    else if (len != -EAGAIN)
        check("get", len);
}

static void
run_loop(void)
{
    uv_loop_t *loop = uv_default_loop();
    uv_timer_t timer;
    uv_poll_t poll;

    uv_timer_init(loop, &timer);
    uv_timer_start(&timer, on_tick, 0, 1);
    uv_poll_init(loop, &poll, sysvmp_queue_fileno(queue));
    uv_poll_start(&poll, UV_READABLE, on_readable);
    uv_run(loop, UV_RUN_DEFAULT);

    /* libuv lets go of the descriptor before the queue closes it. */
    uv_close((uv_handle_t *)&poll, NULL);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    uv_loop_close(loop);
}

int
main(void)
{
    struct sysvmp_process *workers[WORKERS];
    int numbers[WORKERS];

    setvbuf(stdout, NULL, _IOLBF, 0);
    check("queue", sysvmp_queue_create(&queue, 0,
        SYSVMP_EOF | SYSVMP_FILENO));
    for (int i = 0; i < WORKERS; i++) {
        numbers[i] = i;
        check("process", sysvmp_process_create(&workers[i], work,
            &numbers[i]));
        check("start", sysvmp_process_start(workers[i]));
    }
    check("close", sysvmp_queue_close(queue)); /* we put nothing */
    run_loop();
    printf("%d results of %d workers, one of which was killed\n", results,
        WORKERS);
    printf("the timer ran%s\n", ticks > 0 ? ", too" : " never");
    for (int i = 0; i < WORKERS; i++) {
        check("join", sysvmp_process_join(workers[i], SYSVMP_FOREVER));
        sysvmp_process_destroy(workers[i]);
    }
    sysvmp_queue_destroy(queue);
    return EXIT_SUCCESS;
}
