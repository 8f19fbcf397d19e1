/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 20-workers.c: four workers take tasks from one queue and put what they have
 * done into another.
 *
 * In Python: demos/python/20-workers.py.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysvmp.h>
#include <time.h>

enum {NUMBER_OF_PROCESSES = 4, TASKS1 = 20, TASKS2 = 10, TEXT = 80};

/* A worker is a fork of the program: a function is at the same address in it,
 * so that a pointer to it can be a message.  STOP is a task without one. */
struct task {
    int (*func)(int, int);
    const char *name;
    int a, b;
};

static struct sysvmp_queue *task_queue, *done_queue;

/* A call that fails answers a negative code.  This ends the process that made
 * it, be it the parent or a child. */
static void
check(const char *what, ssize_t result)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", what, sysvmp_last_error());
        sysvmp_process_exit(EXIT_FAILURE);
    }
}

/*
 * In the workers.
 */

static void
take_time(int a, int b)
{
    struct timespec time = {0, (7 * a + 3 * b) % 10 * 1000000L};

    nanosleep(&time, NULL);
}

static int
mul(int a, int b)
{
    take_time(a, b);
    return a * b;
}

static int
plus(int a, int b)
{
    take_time(a, b);
    return a + b;
}

static void
calculate(const struct task *task, char *text)
{
    int result = task->func(task->a, task->b);

    snprintf(text, TEXT, "%s says that %s(%d, %d) = %d",
        sysvmp_process_name(sysvmp_current_process()), task->name, task->a,
        task->b, result);
}

/* Runs in each worker; what it returns is the worker's exit code. */
static int
worker(void *arg)
{
    struct task task;
    char text[TEXT];

    (void)arg;
    for (;;) {
        /* Were a worker killed, it would take the task at hand with it, and
         * no other: see SYSVMP_JOINABLE for one that takes none. */
        check("get", sysvmp_queue_get(task_queue, &task, sizeof(task),
            SYSVMP_FOREVER));
        if (task.func == NULL)
            return EXIT_SUCCESS;
        calculate(&task, text);
        check("put", sysvmp_queue_put(done_queue, text, strlen(text) + 1,
            SYSVMP_FOREVER));
    }
}

/*
 * In the main program.
 */

static void
submit(struct task task, int n)
{
    for (task.a = 0; task.a < n; task.a++)
        check("put", sysvmp_queue_put(task_queue, &task, sizeof(task),
            SYSVMP_FOREVER));
}

static void
print_done(int n)
{
    char text[TEXT];

    while (n-- > 0) {
        check("get", sysvmp_queue_get(done_queue, text, sizeof(text),
            SYSVMP_FOREVER));
        printf("\t %s\n", text);
    }
}

static int
end_of(struct sysvmp_process *p)
{
    int code;

    check("join", sysvmp_process_join(p, SYSVMP_FOREVER));
    check("exitcode", sysvmp_process_exitcode(p, &code));
    sysvmp_process_destroy(p);
    return code;
}

int
main(void)
{
    struct sysvmp_process *workers[NUMBER_OF_PROCESSES];
    int failed = 0;

    check("queue", sysvmp_queue_create(&task_queue, 0, 0));
    check("queue", sysvmp_queue_create(&done_queue, 0, SYSVMP_EOF));

    submit((struct task){.func = mul, .name = "mul", .b = 7}, TASKS1);
    for (int i = 0; i < NUMBER_OF_PROCESSES; i++) {
        check("process", sysvmp_process_create(&workers[i], worker, NULL));
        check("start", sysvmp_process_start(workers[i]));
    }
    check("close", sysvmp_queue_close(done_queue)); /* they alone put */

    printf("Unordered results:\n");
    print_done(TASKS1);
    submit((struct task){.func = plus, .name = "plus", .b = 8}, TASKS2);
    print_done(TASKS2);

    submit((struct task){.func = NULL}, NUMBER_OF_PROCESSES); /* STOP */
    for (int i = 0; i < NUMBER_OF_PROCESSES; i++)
        failed += end_of(workers[i]) != 0;
    sysvmp_queue_destroy(task_queue);
    sysvmp_queue_destroy(done_queue);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
