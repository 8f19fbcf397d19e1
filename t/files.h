/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * files.h: for tests of descriptors: how many there are, and what poll(2) says
 * of one.
 */
#ifndef FILES_H
#define FILES_H

#include "tap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#define FILES_UNUSED __attribute__((__unused__))

/* POLLIN, POLLHUP; 0: neither in time. */
FILES_UNUSED static int
readiness(int fd, int timeout_ms)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};
    int n;

    do
        n = poll(&pollfd, 1, timeout_ms);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        bail("poll: %s", strerror(errno));
    return n > 0 ? pollfd.revents : 0;
}

/* How many this process has. */
FILES_UNUSED static int
files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    if (!dir)
        bail("/proc/self/fd: %s", strerror(errno));
    while (readdir(dir))
        n++;
    closedir(dir);
    return n - 3; /* itself, and the two dots */
}

FILES_UNUSED static int
lowest_free(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    close(fd);
    return fd;
}

#endif /* FILES_H */
