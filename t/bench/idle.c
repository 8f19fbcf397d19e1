/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * idle.c: CPU ticks and voluntary context switches of sleeping processes,
 * counted from right before the call to five seconds later: going to sleep,
 * with whatever spinning comes first, is in it (one switch at the least).
 * Waking them up and seeing them end well proves that they were asleep there.
 */
#define _GNU_SOURCE

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "idle.h"

#define IDLE_SECONDS 5

struct usage {
    long ticks;         /* utime + stime */
    long switches;      /* voluntary ones */
};

static void
read_file(pid_t pid, const char *name, char *buf, size_t size)
{
    char path[64];
    FILE *file;
    size_t n;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    file = fopen(path, "r");
    if (file == NULL)
        fail("cannot read %s", path);
    n = fread(buf, 1, size - 1, file);
    buf[n] = '\0';
    fclose(file);
}

/* Field 3 is the state, 14 and 15 the times; the second may hold spaces. */
static char
usage_read(pid_t pid, struct usage *usage)
{
    static const char label[] = "\nvoluntary_ctxt_switches:";
    char buf[4096];
    const char *at;
    char state;
    long user, sys;

    read_file(pid, "stat", buf, sizeof(buf));
    at = strrchr(buf, ')');
    if (at == NULL || sscanf(at, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u"
        " %*u %ld %ld", &state, &user, &sys) != 3)
        fail("cannot read /proc/%d/stat", (int)pid);
    read_file(pid, "status", buf, sizeof(buf));
    at = strstr(buf, label);
    if (at == NULL)
        fail("cannot read /proc/%d/status", (int)pid);
    usage->ticks = user + sys;
    usage->switches = strtol(at + sizeof(label) - 1, NULL, 10);
    return state;
}

static pid_t
sleeper_start(const struct sleeper *sleeper, struct usage *before,
    atomic_uint *ready)
{
    pid_t pid = fork_side();

    if (pid > 0)
        return pid;
    usage_read(getpid(), before);
    atomic_fetch_add(ready, 1);
    _exit(sleeper->sleep(sleeper->arg) ? 0 : 1);
}

static void
sleeper_report(const struct sleeper *sleeper, pid_t pid,
    const struct usage *before)
{
    struct usage after;
    char state = usage_read(pid, &after);

    if (state != 'S')
        fail("%s: not asleep, but %c", sleeper->name, state);
    printf("%s-ticks %ld\n", sleeper->name, after.ticks - before->ticks);
    printf("%s-switches %ld\n", sleeper->name,
        after.switches - before->switches);
}

static void
sleeper_wake(const struct sleeper *sleeper, pid_t pid)
{
    int status;

    if (!sleeper->wake(sleeper->arg) || waitpid(pid, &status, 0) != pid
        || status != 0)
        fail("%s: not woken", sleeper->name);
}

void
idle_measure(struct cell *cell, const struct sleeper *sleepers)
{
    struct usage *before = (struct usage *)(void *)cell->board->room;
    pid_t pid[IDLE_SLEEPERS];

    for (unsigned i = 0; i < IDLE_SLEEPERS; i++)
        pid[i] = sleeper_start(&sleepers[i], &before[i],
            &cell->board->ready);
    while (atomic_load(&cell->board->ready) < IDLE_SLEEPERS)
        usleep(1000);
    sleep(IDLE_SECONDS);
    for (unsigned i = 0; i < IDLE_SLEEPERS; i++)
        sleeper_report(&sleepers[i], pid[i], &before[i]);
    /* After all have been looked at: an end of one may wake others. */
    for (unsigned i = 0; i < IDLE_SLEEPERS; i++)
        sleeper_wake(&sleepers[i], pid[i]);
}
