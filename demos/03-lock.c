/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 03-lock.c: two processes, and a section of which only one at a time may be
 * in.
 *
 * In Python:
 *
 *     lock = Lock()
 *     p1 = Process(target=critical_section, args=(lock,))
 *     p2 = Process(target=critical_section, args=(lock,))
 *     p1.start(); p2.start()
 *     p1.join(); p2.join()
 */
#include <stdio.h>
#include <stdlib.h>
#include <sysvmp.h>

/* A call that fails answers a negative code.  This ends the process that made
 * it, be it the parent or a child. */
static void
check(const char *what, int result)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", what, sysvmp_last_error());
        sysvmp_process_exit(EXIT_FAILURE);
    }
}

/* Runs in both children; what it returns is the child's exit code. */
static int
critical_section(void *arg)
{
    struct sysvmp_lock *lock = arg;

    /* Were a holder killed, this would answer SYSVMP_OWNER_DEAD, not hang: see
     * 04-owner-dead.c. */
    check("acquire", sysvmp_lock_acquire(lock, SYSVMP_FOREVER));
    printf("CRITICAL SECTION\n");
    printf("Only One Process has to access at a given time\n");
    check("release", sysvmp_lock_release(lock));
    return EXIT_SUCCESS;
}

int
main(void)
{
    struct sysvmp_lock *lock;
    struct sysvmp_process *p1, *p2;
    int code1, code2;

    /* Each line is written at once: what is printed under the lock is out
     * before the lock is released. */
    setvbuf(stdout, NULL, _IOLBF, 0);

    check("lock", sysvmp_lock_create(&lock));
    check("process", sysvmp_process_create(&p1, critical_section, lock));
    check("process", sysvmp_process_create(&p2, critical_section, lock));
    check("start", sysvmp_process_start(p1));
    check("start", sysvmp_process_start(p2));
    check("join", sysvmp_process_join(p1, SYSVMP_FOREVER));
    check("join", sysvmp_process_join(p2, SYSVMP_FOREVER));
    check("exitcode", sysvmp_process_exitcode(p1, &code1));
    check("exitcode", sysvmp_process_exitcode(p2, &code2));

    sysvmp_process_destroy(p1);
    sysvmp_process_destroy(p2);
    sysvmp_lock_destroy(lock);
    return code1 == 0 && code2 == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
