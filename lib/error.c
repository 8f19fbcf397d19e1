/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * error.c: the closed set of codes, each with its one meaning, and the text
 * of this thread's last failure.
 */
#include "internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "hooks.h"

#define STRING(x)  #x
#define VERSION(x) STRING(x)

struct failure {
    int code;
    bool detailed; /* text is about code */
    bool fresh;    /* text was made by the call under way */
    char text[320];
};

static _Thread_local struct failure last;

static const struct {
    int code;
    const char *text;
} codes[] = {
    { 0, "success" },
    { SYSVMP_OWNER_DEAD,
        "the lock is yours, but a holder ended with it: check what it "
        "protects" },
    { -EAGAIN, "the call would have to wait" },
    { -ETIMEDOUT, "the time ran out" },
    { -EINTR, "the interrupt function asked for it" },
    { -EPIPE, "nobody holds the other end" },
    { -EMSGSIZE, "the message does not fit" },
    { -EBADMSG, "a malformed message arrived; this end is broken" },
    { -EIDRM,
        "the object was removed from the kernel under us (by ipcrm, or by "
        "systemd's RemoveIPC=yes at logout)" },
    { -EBADF, "closed in this process, or not open in this direction" },
    { -EPERM, "only its holder may do that" },
    { -EOVERFLOW, "released or acknowledged more often than taken" },
    { -ESRCH, "the process was not started" },
    { -EALREADY, "the process was started already" },
    { -EBUSY, "the process is still running" },
    { -ECHILD, "not a child of this process" },
    { -ECANCELED, "cancelled" },
    { -ENOSPC, "a table of the system or of the program is full" },
    { -ENOMEM, "out of memory" },
    { -ENOSYS, "this system has no System V IPC, or none with SEM_UNDO" },
    { -EACCES, "no permission" },
    { -EINVAL, "an argument makes no sense" },
};

const char *
sysvmp_strerror(int code)
{
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (codes[i].code == code)
            return codes[i].text;
    return code > 0 ? "a count" : "unknown code";
}

const char *
sysvmp_last_error(void)
{
    if (last.detailed)
        return last.text;
    return sysvmp_strerror(last.code);
}

const char *
sysvmp_version(void)
{
    return VERSION(SYSVMP_VERSION_MAJOR) "." VERSION(
        SYSVMP_VERSION_MINOR) "." VERSION(SYSVMP_VERSION_MICRO);
}

void
error_begin(void)
{
    last.fresh = false;
}

int
error_detail(int code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(last.text, sizeof(last.text), format, args);
    va_end(args);
    last.code = code;
    last.detailed = last.fresh = true;
    return code;
}

/* Not one of the closed set: no value of ours comes near a semaphore's range,
 * so it is a filter of system calls that says so. */
static ssize_t
within_set(ssize_t code)
{
    return code != -ERANGE ? code
        : error_detail(-ENOSYS,
              "semop says that a value is out of range which is not: something "
              "answers in the place of the kernel");
}

int
error_note(ssize_t code)
{
    if (code >= 0)
        return (int) code; /* success does not clear it */
    code = within_set(code);
    if (!last.fresh || last.code != (int) code) {
        last.code = (int) code;
        last.detailed = false;
    }
    last.fresh = false;
    return (int) code;
}

int
error_failed(ssize_t code)
{
    if (UNLIKELY(own_peek(&hooks_kept)))
        hooks_tell();
    return error_note(code);
}
