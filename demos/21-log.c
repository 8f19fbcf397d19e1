/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 21-log.c: a log on stderr: what the library has to say, and what two
 * processes say, a manager and the one that has it shut down.
 *
 * In Python: demos/python/21-log.py.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysvmp.h>

/* Who we are: the log function must not ask the library. */
static const char *our_name = "MainProcess";

/* Graver ones are smaller. */
static const int log_level = SYSVMP_LOG_INFO;

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

/* The library calls it for what goes wrong and is no failure of a call; the
 * program, for its own lines. */
static void
log_to_stderr(int level, const char *line, void *arg)
{
    static const char *const names[] = {
        [SYSVMP_LOG_ERROR] = "ERROR", [SYSVMP_LOG_WARNING] = "WARNING",
        [SYSVMP_LOG_INFO] = "INFO", [SYSVMP_LOG_DEBUG] = "DEBUG"
    };

    (void)arg;
    if (level <= log_level)
        fprintf(stderr, "[%s/%s] %s\n", names[level], our_name, line);
}

static void
info(const char *line)
{
    log_to_stderr(SYSVMP_LOG_INFO, line, NULL);
}

/* Runs in the child, which has inherited the log; what it returns is the
 * child's exit code. */
static int
manage(void *arg)
{
    struct sysvmp_conn *conn = arg;
    char message[16];

    our_name = sysvmp_process_name(sysvmp_current_process());
    info("child process calling self.run()");
    do
        check("recv", sysvmp_conn_recv(conn, message, sizeof(message),
            SYSVMP_FOREVER));
    while (strcmp(message, "shutdown") != 0);
    info("process shutting down");
    info("process exiting with exitcode 0");
    return EXIT_SUCCESS;
}

int
main(void)
{
    struct sysvmp_conn *conn[2];
    struct sysvmp_process *m;
    int code;

    /* Before anything else of the library: without it that is silent. */
    sysvmp_set_log(log_to_stderr, NULL);
    log_to_stderr(SYSVMP_LOG_WARNING, "doomed", NULL);

    check("pipe", sysvmp_pipe_create(conn, 0));
    check("process", sysvmp_process_create(&m, manage, conn[1]));
    check("set_name", sysvmp_process_set_name(m, "SyncManager-1"));
    check("give", sysvmp_process_give(m, conn[1]));
    check("start", sysvmp_process_start(m));

    info("sending shutdown message to manager");
    check("send", sysvmp_conn_send(conn[0], "shutdown", sizeof("shutdown"),
        SYSVMP_FOREVER));
    check("join", sysvmp_process_join(m, SYSVMP_FOREVER));
    check("exitcode", sysvmp_process_exitcode(m, &code));
    info("process shutting down");

    sysvmp_process_destroy(m);
    sysvmp_conn_destroy(conn[0]);
    sysvmp_conn_destroy(conn[1]);
    return code;
}
