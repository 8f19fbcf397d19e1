/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 04-owner-dead.c: the holder of a lock is killed by SIGKILL.  The next one
 * gets the lock, is told, and goes on.
 *
 * In Python the second process would wait for ever.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysvmp.h>
#include <unistd.h>

static struct sysvmp_lock *lock;

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

/* Runs in the first child: takes the lock, says so, and never releases it. */
static int
hold(void *arg)
{
    struct sysvmp_conn *conn = arg;

    check("acquire", sysvmp_lock_acquire(lock, SYSVMP_FOREVER));
    printf("holder: I have the lock\n");
    check("send", sysvmp_conn_send(conn, "", 0, SYSVMP_FOREVER));
    pause();
    return EXIT_FAILURE; /* not reached: nobody sends a signal but SIGKILL */
}

/* Runs in the second, and here in main. */
static int
acquire(const char *who)
{
    int result = sysvmp_lock_acquire(lock, SYSVMP_FOREVER);

    check("acquire", result);
    if (result == SYSVMP_OWNER_DEAD) {
        printf("%s: I have the lock, and am told that its owner died\n", who);
        /* Here a program looks at what the lock protects: the dead may have
         * left it half changed. */
        printf("%s: I mend what it left\n", who);
    } else {
        printf("%s: I have the lock\n", who);
    }
    check("release", sysvmp_lock_release(lock));
    return EXIT_SUCCESS;
}

static int
next(void *arg)
{
    (void)arg;
    return acquire("next");
}

/* Waits for its end and answers its exit code: -N after death by signal N. */
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
    struct sysvmp_conn *conn[2];
    struct sysvmp_process *p1, *p2;
    int code1, code2;

    setvbuf(stdout, NULL, _IOLBF, 0);

    check("lock", sysvmp_lock_create(&lock));
    check("pipe", sysvmp_pipe_create(conn, SYSVMP_SIMPLEX));
    check("process", sysvmp_process_create(&p1, hold, conn[1]));
    check("process", sysvmp_process_create(&p2, next, NULL));
    check("give", sysvmp_process_give(p1, conn[1]));

    check("start", sysvmp_process_start(p1));
    check("recv", sysvmp_conn_recv(conn[0], NULL, 0, SYSVMP_FOREVER));
    check("start", sysvmp_process_start(p2)); /* waits for the lock */
    printf("main: I kill the holder\n");
    check("kill", sysvmp_process_kill(p1));
    code1 = end_of(p1);
    code2 = end_of(p2);
    acquire("main");

    sysvmp_conn_destroy(conn[0]);
    sysvmp_conn_destroy(conn[1]);
    sysvmp_lock_destroy(lock);
    return code1 == -SIGKILL && code2 == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
