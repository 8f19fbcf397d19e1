/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stage.c: see stage.h.  A wait that is not over in a third of the test's time
 * is the end of the test: what was waited for will not come.
 */
#include <config.h>

#include "stage.h"

#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { YIELDS = 200 };

pid_t
child(int (*fn)(void *), void *arg)
{
    pid_t pid = fork();

    if (pid < 0)
        bail("fork: %s", strerror(errno));
    if (pid == 0)
        _exit(fn(arg));
    return pid;
}

int
reap(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            bail("waitpid: %s", strerror(errno));
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

int
slay(pid_t pid)
{
    kill(pid, SIGKILL);
    return reap(pid);
}

void *
shared(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        bail("mmap: %s", strerror(errno));
    return p;
}

void
pause_us(unsigned us)
{
    struct timespec t = {.tv_sec = us / 1000000,
        .tv_nsec = us % 1000000 * 1000L};

    nanosleep(&t, NULL);
}

void
until_true(int (*state)(void *), void *arg, const char *what)
{
    int64_t end = 0;

    for (int i = 0; !state(arg); i++) {
        if (i < YIELDS) {
            sched_yield();
            continue;
        }
        if (end == 0)
            end = now_ns() + tap_timeout_s() / 3 * INT64_C(1000000000);
        if (now_ns() > end)
            bail("waited %d s in vain for %s", tap_timeout_s() / 3, what);
        pause_us(100);
    }
}

struct wanted {
    _Atomic int *word;
    int value;
};

static int
reached(void *arg)
{
    const struct wanted *wanted = arg;

    return atomic_load(wanted->word) >= wanted->value;
}

void
until(_Atomic int *word, int value)
{
    struct wanted wanted = {word, value};

    until_true(reached, &wanted, "another process");
}

int64_t
must(int64_t code, const char *what)
{
    if (code < 0)
        bail("%s: %" PRId64 " (%s)", what, code, sysvmp_last_error());
    return code;
}

unsigned
chance(unsigned *state, unsigned below)
{
    *state = *state * 1103515245u + 12345u;
    return (*state >> 16) % below;
}

unsigned
first_seed(void)
{
    const char *wanted = getenv("SYSVMP_SEED");
    unsigned seed = wanted ? (unsigned)strtoul(wanted, NULL, 0)
                           : (unsigned)now_ns() ^ (unsigned)getpid() << 16;

    diag("SYSVMP_SEED=%u", seed);
    return seed;
}

int
long_form(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "long") != 0)
        return 0;
    setenv("SYSVMP_TEST_TIMEOUT", "86400", 0);
    return 1;
}
