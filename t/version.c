/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * version.c: header, library and package are of one version; each code that a
 * call can answer has a text of its own.
 */
#include <config.h>

#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const int codes[] = {
    SYSVMP_OWNER_DEAD, -EAGAIN, -ETIMEDOUT, -EINTR, -EPIPE, -EMSGSIZE,
    -EBADMSG, -EIDRM, -EBADF, -EPERM, -EOVERFLOW, -ESRCH, -EALREADY, -EBUSY,
    -ECHILD, -ECANCELED, -ENOSPC, -ENOMEM, -ENOSYS, -EACCES, -EINVAL
};

enum { CODES = sizeof(codes) / sizeof(codes[0]) };

/* A text that is there, and not that of an earlier code. */
static int
has_its_own_text(int n)
{
    const char *text = sysvmp_strerror(codes[n]);

    if (!text || !*text)
        return 0;
    for (int i = 0; i < n; i++)
        if (strcmp(text, sysvmp_strerror(codes[i])) == 0)
            return 0;
    return 1;
}

int
main(void)
{
    char macros[64];

    plan(6 + CODES);
    snprintf(macros, sizeof(macros), "%d.%d.%d", SYSVMP_VERSION_MAJOR,
        SYSVMP_VERSION_MINOR, SYSVMP_VERSION_MICRO);
    is_str(macros, sysvmp_version(), "version: the library is the header's");
    is_str(macros, PACKAGE_VERSION, "... and so is configure (./bootstrap)");

    for (int i = 0; i < CODES; i++)
        ok(has_its_own_text(i), "strerror: %d has a text of its own: %s",
            codes[i], sysvmp_strerror(codes[i]));
    ok(sysvmp_strerror(0) && *sysvmp_strerror(0), "... 0 has one");
    ok(sysvmp_strerror(-9999) && *sysvmp_strerror(-9999),
        "... a code that is none of ours has one");

    errno = ERANGE;
    sysvmp_strerror(-EINVAL);
    sysvmp_last_error();
    sysvmp_version();
    is_int(ERANGE, errno, "errno is left alone");
    ok(sysvmp_last_error() != NULL, "last_error: before any, is not NULL");
    return done();
}
