#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# fork-constructor.t: a program that is linked with libsysvmp.a uses the
# library, and forks, in a constructor that runs before the library's own.  Its
# children hold what it holds, and so do theirs.
set -u
archive=${builddir-.}/lib/.libs/libsysvmp.a
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

if ! test -e "$archive"; then
    echo '1..0 # SKIP no static library was built'
    exit 0
fi
cat >"$tmp/early.c" <<'END'
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <sysvmp.h>

static struct sysvmp_queue *queue;
static struct sysvmp_process *process;
static int error;

static int
put(void)
{
    return sysvmp_queue_put(queue, "x", 1, 1000) != 0;
}

/* Its own fork, too; and that one knows that it is not the process. */
static int
child(void *arg)
{
    int status = 1;
    pid_t pid = fork();

    (void) arg;
    if (pid == 0)
        _exit(put() || strcmp(sysvmp_process_name(sysvmp_current_process()),
            "Process-1") != 0);
    waitpid(pid, &status, 0);
    return put() || status != 0;
}

__attribute__((__constructor__(101))) static void
early(void)
{
    error = sysvmp_queue_create(&queue, 0, 0);
    if (error == 0)
        error = sysvmp_process_create(&process, child, NULL);
    if (error == 0)
        error = sysvmp_process_start(process);
}

/* The library is still there. */
__attribute__((__destructor__)) static void
late(void)
{
    printf("%sok 5 - a destructor of the program can use it\n",
        put() ? "not " : "");
}

int
main(void)
{
    char text[4];
    int code = -1;

    puts("1..5");
    printf("%sok 1 - a process is started in a constructor\n",
        error == 0 ? "" : "not ");
    for (int i = 2; i <= 3; i++)
        printf("%sok %d - ... it, and its child, put to a queue\n",
            sysvmp_queue_get(queue, text, sizeof(text), 5000) == 1 ? ""
                : "not ", i);
    if (sysvmp_process_join(process, 5000) == 0)
        (void) sysvmp_process_exitcode(process, &code);
    printf("%sok 4 - ... and it ends with code 0\n", code == 0 ? "" : "not ");
    return 0;
}
END
# The library comes after the program, so its constructors do, too.
if ! ${CC-cc} ${CFLAGS-} ${LDFLAGS-} -I"${srcdir-.}/lib" "$tmp/early.c" \
    "$archive" -pthread -o "$tmp/early" 2>"$tmp/log"; then
    sed 's/^/# /' "$tmp/log"
    echo '1..0 # SKIP nothing can be linked with the static library'
    exit 0
fi
"$tmp/early"
