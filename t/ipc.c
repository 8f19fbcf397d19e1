/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ipc.c: an IPC namespace for each test, and what is left in it.  plan() asks
 * for the namespace, before there is any object.
 *
 * SYSVMP_TEST_LIMITS="msgmnb=2048 sem=250,32000,32,8" gives it these limits;
 * where that can't be done the test does not go on, as it would show nothing.
 */
#include <config.h>

#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <unistd.h>

static int private_ipc;
static int left_before;

static int
write_line(const char *path, const char *line)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return -1;
    n = write(fd, line, strlen(line));
    close(fd);
    return n < 0 ? -1 : 0;
}

/* As root, or else as the root of a user namespace, in which we are still who
 * we were.  Where neither is allowed (in many containers) the test runs in the
 * IPC namespace that there is, and counts what it leaves there. */
static void
enter_namespace(void)
{
    char uids[64], gids[64];

    snprintf(uids, sizeof(uids), "%u %u 1", getuid(), getuid());
    snprintf(gids, sizeof(gids), "%u %u 1", getgid(), getgid());
    if (unshare(CLONE_NEWIPC) == 0) {
        private_ipc = 1;
    } else if (unshare(CLONE_NEWUSER | CLONE_NEWIPC) == 0) {
        private_ipc = 1;
        write_line("/proc/self/setgroups", "deny");
        if (write_line("/proc/self/uid_map", uids) < 0 ||
            write_line("/proc/self/gid_map", gids) < 0)
            diag("in a user namespace without a map: %s", strerror(errno));
    } else {
        diag("no IPC namespace of our own: %s", strerror(errno));
    }
}

static void
limit_path(char path[64], const char *name)
{
    snprintf(path, 64, "/proc/sys/kernel/%s", name);
}

void
ipc_limit(const char *name, char *value, size_t size)
{
    char path[64];
    ssize_t n = 0;
    int fd;

    limit_path(path, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        n = read(fd, value, size - 1);
        close(fd);
    }
    value[n > 0 ? n : 0] = '\0';
}

int
ipc_set_limit(const char *name, const char *value)
{
    char path[64];

    limit_path(path, name);
    return private_ipc && write_line(path, value) == 0;
}

/* "NAME=VALUE" or "NAME=VALUE,VALUE..." */
static void
set_limit(char *limit)
{
    char *value = strchr(limit, '=');

    if (!value || !private_ipc)
        bail("SYSVMP_TEST_LIMITS: %s", value ? "no namespace" : "no value");
    *value++ = '\0';
    for (char *comma; (comma = strchr(value, ','));)
        *comma = ' ';
    if (!ipc_set_limit(limit, value))
        bail("kernel.%s: %s", limit, strerror(errno));
}

static void
set_limits(void)
{
    const char *limits = getenv("SYSVMP_TEST_LIMITS");
    char *copy = strdup(limits ? limits : ""), *limit, *rest = copy;

    while (copy && (limit = strtok_r(rest, " ", &rest)))
        set_limit(limit);
    free(copy);
}

int
ipc_is_private(void)
{
    return private_ipc;
}

/* In each line of a table the id is second; cuid is where it is told. */
static int
walk(const char *table, int cuid_field, void (*each)(int id))
{
    FILE *f = fopen(table, "re");
    char line[512];
    int count = 0;

    if (!f)
        return 0;
    if (!fgets(line, sizeof(line), f))
        line[0] = '\0';
    while (fgets(line, sizeof(line), f)) {
        char *field, *rest = line;
        unsigned long cuid = 0;
        int id = -1;

        for (int i = 0; (field = strtok_r(rest, " \n", &rest)); i++) {
            if (i == 1)
                id = atoi(field);
            else if (i == cuid_field)
                cuid = strtoul(field, NULL, 10);
        }
        if (!private_ipc && cuid != getuid())
            continue;
        count++;
        if (each)
            each(id);
    }
    fclose(f);
    return count;
}

static int
walk_all(void (*msg)(int), void (*sem)(int), void (*shm)(int))
{
    return walk("/proc/sysvipc/msg", 9, msg) +
        walk("/proc/sysvipc/sem", 6, sem) + walk("/proc/sysvipc/shm", 9, shm);
}

int
ipc_left(void)
{
    int more = walk_all(NULL, NULL, NULL) - left_before;

    return more > 0 ? more : 0;
}

static void
remove_msg(int id)
{
    msgctl(id, IPC_RMID, NULL);
}

static void
remove_sem(int id)
{
    semctl(id, 0, IPC_RMID);
}

static void
remove_shm(int id)
{
    shmctl(id, IPC_RMID, NULL);
}

void
ipc_remove(void)
{
    if (private_ipc)
        walk_all(remove_msg, remove_sem, remove_shm);
}

int64_t
ipc_memory(void)
{
    struct shm_info info;

    if (shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&info) < 0)
        bail("SHM_INFO: %s", strerror(errno));
    return (int64_t)(info.shm_rss + info.shm_swp) * sysconf(_SC_PAGESIZE);
}

void
ipc_enter(void)
{
    enter_namespace();
    set_limits();
    left_before = walk_all(NULL, NULL, NULL);
}
