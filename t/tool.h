/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tool.h: what the tests of the command sysvmp have in common: it is run, and
 * what it printed is looked at, in JSON, one member a line.
 */
#ifndef TOOL_H
#define TOOL_H

#include "stage.h"
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Not each test needs all of them. */
#define MAYBE_UNUSED __attribute__((__unused__))

enum { TOOL_OUTPUT = 64 * 1024 };

static char tool_output[TOOL_OUTPUT];

/* Runs it with those arguments, stderr in its output, too; its exit status,
 * -1 if it did not exit. */
MAYBE_UNUSED static int
tool(const char *arguments)
{
    const char *builddir = getenv("builddir");
    char command[4096];
    size_t n;
    FILE *f;
    int status;

    snprintf(command, sizeof(command), "'%s/tools/sysvmp' %s 2>&1",
        builddir ? builddir : ".", arguments);
    f = popen(command, "r");
    if (!f)
        bail("popen failed");
    n = fread(tool_output, 1, TOOL_OUTPUT - 1, f);
    tool_output[n] = '\0';
    status = pclose(f);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Where there is no libsmartcols there is no tool: then false, and so many
 * tests are skipped. */
MAYBE_UNUSED static int
have_tool(int tests)
{
    const char *builddir = getenv("builddir");
    char path[4096];

    snprintf(path, sizeof(path), "%s/tools/sysvmp", builddir ? builddir : ".");
    if (access(path, X_OK) == 0)
        return 1;
    skip(tests, "the command sysvmp was not built");
    return 0;
}

/* How often that is in the output. */
MAYBE_UNUSED static int
count_of(const char *text)
{
    int n = 0;

    for (const char *at = tool_output; (at = strstr(at, text)); at++)
        n++;
    return n;
}

/* The value of a member of one row of that array: of the row where some value
 * is `row`, or of the first if that is NULL.  Without quotes; "": there is no
 * such thing. */
MAYBE_UNUSED static const char *
member_of(const char *array, const char *row, const char *member)
{
    static char value[128];
    char text[128], *begin, *end;

    value[0] = '\0';
    snprintf(text, sizeof(text), "\"%s\": [", array);
    begin = strstr(tool_output, text);
    snprintf(text, sizeof(text), ": \"%s\"", row ? row : "");
    for (; begin && (end = strchr(begin, '}')); begin = end + 1) {
        *end = '\0';
        if (!row || strstr(begin, text))
            break;
        *end = '}';
    }
    if (!begin || !end)
        return value;
    snprintf(text, sizeof(text), "\"%s\": ", member);
    begin = strstr(begin, text);
    if (begin) {
        begin += strlen(text);
        begin += *begin == '"';
        snprintf(value, sizeof(value), "%.*s", (int)strcspn(begin, "\",\n"),
            begin);
    }
    *end = '}';
    return value;
}

#endif /* TOOL_H */
