/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proc.c: what /proc says of a process, or of a thread: to wait for a state,
 * and to see that who sleeps costs nothing.
 */
#include <config.h>

#include "tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t
now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void
pause_ms(int ms)
{
    struct timespec t = {.tv_sec = ms / 1000,
        .tv_nsec = ms % 1000 * 1000000L};

    nanosleep(&t, NULL);
}

/* Reads /proc/ID/NAME; 0, or -1 if there is no such thing any more. */
static int
read_proc(pid_t id, const char *name, char *buf, size_t size)
{
    char path[64];
    ssize_t n;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)id, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    n = read(fd, buf, size - 1);
    close(fd);
    buf[n > 0 ? n : 0] = '\0';
    return n > 0 ? 0 : -1;
}

/* The state, and the ticks; the name before them may hold anything. */
static int
read_stat(pid_t id, char *state, int64_t *ticks)
{
    char buf[1024], *p;
    unsigned long user, system;

    if (read_proc(id, "stat", buf, sizeof(buf)) < 0 ||
        !(p = strrchr(buf, ')')) ||
        sscanf(p, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
            state, &user, &system) != 3)
        return -1;
    *ticks = (int64_t)(user + system);
    return 0;
}

int64_t
cpu_ticks(pid_t id)
{
    int64_t ticks;
    char state;

    return read_stat(id, &state, &ticks) < 0 ? -1 : ticks;
}

int64_t
voluntary_switches(pid_t id)
{
    static const char name[] = "\nvoluntary_ctxt_switches:";
    char buf[4096], *p;

    if (read_proc(id, "status", buf, sizeof(buf)) < 0 ||
        !(p = strstr(buf, name)))
        return -1;
    return strtoll(p + sizeof(name) - 1, NULL, 10);
}

char
state_of(pid_t id)
{
    int64_t ticks;
    char state;

    return read_stat(id, &state, &ticks) < 0 ? 'X' : state;
}

/* Asleep is who is in state S three times in a row, and has not been awake in
 * between: one that polls has switched. */
int
asleep(pid_t id)
{
    int64_t end = now_ns() + tap_timeout_s() * INT64_C(1000000000) / 6;
    int64_t ticks, switches, switches_before = -1;
    int looks = 0;
    char state;

    while (now_ns() < end) {
        if (read_stat(id, &state, &ticks) < 0)
            return 0;
        switches = voluntary_switches(id);
        looks = state == 'S' && switches == switches_before ? looks + 1 : 0;
        if (looks == 3)
            return 1;
        switches_before = switches;
        pause_ms(1);
    }
    return 0;
}
