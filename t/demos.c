/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * demos.c: the demos print what they promise: within one process in order,
 * whatever the order between processes, and nothing else.  What those from 10
 * on print is looked at by reference.t.
 */
#include <config.h>

#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUNS = 10, OUTPUT_MAX = 4096 };

static const char sent[] =
    "Event Sent: get up\n"
    "Event Sent: brush your teeth\n"
    "Event Sent: shower\n"
    "Event Sent: work\n"
    "Event Sent: eod\n";

static const char received[] =
    "Event Received: get up\n"
    "Event Received: brush your teeth\n"
    "Event Received: shower\n"
    "Event Received: work\n"
    "Event Received: End of Day\n";

static const char critical[] =
    "CRITICAL SECTION\n"
    "Only One Process has to access at a given time\n"
    "CRITICAL SECTION\n"
    "Only One Process has to access at a given time\n";

static const char owner_dead[] =
    "holder: I have the lock\n"
    "main: I kill the holder\n"
    "next: I have the lock, and am told that its owner died\n"
    "next: I mend what it left\n"
    "main: I have the lock\n";

static const char value[] =
    "one: I have the lock, and am killed\n"
    "next: I have the lock, and am told that its owner died\n"
    "next: I undo what it did not finish\n"
    "main: 3 times 1000 and once 500 are 3500\n";

static const char poll_0[] =
    "worker 0 reports: 1 of 3\n"
    "worker 0 reports: 2 of 3\n"
    "worker 0 reports: 3 of 3\n"
    "worker 0 has ended with 0\n";

static const char poll_1[] =
    "worker 1 reports: 1 of 3\n"
    "worker 1 reports: 2 of 3\n"
    "worker 1 was killed by signal 9\n";

static const char libuv[] =
    "10 results of 3 workers, one of which was killed\n"
    "the timer ran, too\n";

/* After Python's reference. */
static const char *const reference[] = {
    "10-process", "11-info", "12-exchange-queue", "13-exchange-pipe",
    "14-lock-ten", "15-value-array", "16-terminate", "17-recv-into", "18-wait",
    "19-point", "20-workers", "21-log"
};

enum { REFERENCE = sizeof(reference) / sizeof(reference[0]) };

/* Runs the demo with stderr in its output, too; its exit status, -1 if it did
 * not exit. */
static int
run(const char *name, char *output)
{
    const char *builddir = getenv("builddir");
    char command[4096];
    size_t n;
    FILE *f;
    int status;

    snprintf(command, sizeof(command), "'%s/demos/%s' 2>&1",
        builddir ? builddir : ".", name);
    f = popen(command, "r");
    if (!f)
        bail("popen failed");
    n = fread(output, 1, OUTPUT_MAX - 1, f);
    output[n] = '\0';
    status = pclose(f);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The lines of output that begin with start, in their order. */
static char *
lines(const char *output, const char *start, char *picked)
{
    const char *line = output;
    char *end = picked;

    while (*line) {
        size_t len = strcspn(line, "\n");

        len += line[len] == '\n';
        if (strncmp(line, start, strlen(start)) == 0) {
            memcpy(end, line, len);
            end += len;
        }
        line += len;
    }
    *end = '\0';
    return picked;
}

static int
events_told(const char *output)
{
    char picked[OUTPUT_MAX];

    return strlen(output) == strlen(sent) + strlen(received) &&
        strcmp(sent, lines(output, "Event Sent: ", picked)) == 0 &&
        strcmp(received, lines(output, "Event Received: ", picked)) == 0;
}

static int
critical_told(const char *output)
{
    return strcmp(output, critical) == 0;
}

static int
death_told(const char *output)
{
    return strcmp(output, owner_dead) == 0;
}

static int
value_told(const char *output)
{
    return strcmp(output, value) == 0;
}

static int
reports_told(const char *output)
{
    char picked[OUTPUT_MAX];

    return strlen(output) == strlen(poll_0) + strlen(poll_1) &&
        strcmp(poll_0, lines(output, "worker 0", picked)) == 0 &&
        strcmp(poll_1, lines(output, "worker 1", picked)) == 0;
}

static int
results_told(const char *output)
{
    return strcmp(output, libuv) == 0;
}

/* Was it built, as what it needs was found? */
static int
is_there(const char *name)
{
    const char *builddir = getenv("builddir");
    char path[4096];

    snprintf(path, sizeof(path), "%s/demos/%s", builddir ? builddir : ".",
        name);
    return access(path, X_OK) == 0;
}

static int
something_told(const char *output)
{
    return output[0] != '\0';
}

static void
try(const char *name, int (*told)(const char *), const char *what)
{
    char output[OUTPUT_MAX];
    int good = 0;

    for (int i = 0; i < RUNS; i++) {
        int status = run(name, output);

        if (status == 0 && told(output))
            good++;
        else
            diag("exit status %d, and printed:\n%s", status, output);
    }
    is_int(RUNS, good, "demos: %s prints %s, each time", name, what);
    is_int(0, ipc_left(), "... and leaves nothing in the kernel");
}

int
main(void)
{
    plan(14 + REFERENCE * 2);
    try("01-pipe", events_told, "each event as sent and as received");
    try("02-queue", events_told, "each event as sent and as received");
    try("03-lock", critical_told, "the section twice, unmixed");
    try("04-owner-dead", death_told, "that the next one is told");
    try("05-value", value_told, "that a killed one's change is undone");
    try("06-poll", reports_told, "each report, and how each worker ended");
    if (is_there("07-libuv"))
        try("07-libuv", results_told, "all results");
    else
        skip(2, "no libuv");
    for (int i = 0; i < REFERENCE; i++)
        try(reference[i], something_told, "something");
    return done();
}
