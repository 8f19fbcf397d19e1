/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tap.c: TAP, and the process that watches over each test.
 *
 * Two things would spoil a whole `make check`: a process that hangs (whoever
 * reads our output waits for all who have stdout open), and what one test
 * leaves in the kernel for the next.  Hence the watcher, see plan() in tap.h:
 * it is not in the test's process group and has none of its objects, so it is
 * there however the test ends.
 */
#include <config.h>

#include "tap.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TIMEOUT_S = 180 };

/* Shared with the watcher, and with the children. */
struct tally {
    int planned;
    int run;
    int failed;
};

static struct tally *tally;
static pid_t planner;

/*
 * The watcher.
 */

static volatile sig_atomic_t caught;
static pid_t watched;

/* Kills here and not after waitpid(): the signal may come before that.  Not
 * with SA_RESTART: the thread sanitizer calls no handler inside waitpid(). */
static void
on_signal(int sig)
{
    int error = errno;

    caught = sig;
    kill(-watched, SIGKILL);
    errno = error;
}

int
tap_timeout_s(void)
{
    const char *s = getenv("SYSVMP_TEST_TIMEOUT");
    int seconds = s ? atoi(s) : 0;

    return seconds > 0 ? seconds : TIMEOUT_S;
}

static void
catch_signals(void)
{
    static const int signals[] = {SIGALRM, SIGHUP, SIGINT, SIGTERM};
    struct sigaction act = {.sa_handler = on_signal};

    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        sigaddset(&act.sa_mask, signals[i]);
        sigaction(signals[i], &act, NULL);
    }
}

/* A last member may still be on its way out, with its objects, and a janitor
 * at work: 10 s, unless the test has more. */
static int
wait_for_nothing_left(void)
{
    int64_t end = now_ns() + tap_timeout_s() * INT64_C(1000000000) / 6;
    int left;

    while ((left = ipc_left()) > 0 && now_ns() < end)
        pause_ms(5);
    return left;
}

static _Noreturn void
watch(pid_t pid)
{
    int status, left, seconds = tap_timeout_s();

    watched = pid;
    setpgid(pid, pid);
    catch_signals();
    alarm((unsigned)seconds);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    alarm(0);

    if (caught == SIGALRM)
        printf("Bail out! not done after %d s\n", seconds);
    else if (WIFSIGNALED(status))
        diag("the test was killed: %s", strsignal(WTERMSIG(status)));
    if (kill(-pid, SIGKILL) == 0 && !caught)
        diag("processes of the test still ran, and were killed");

    left = wait_for_nothing_left();
    if (caught != SIGALRM && tally->run == tally->planned) {
        tally->planned++;
        ok(left == 0, "nothing is left in the kernel");
    }
    if (left > 0)
        diag("%d IPC objects are left", left);
    fflush(stdout);
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        _exit(WEXITSTATUS(status));
    _exit(caught || !WIFEXITED(status) || tally->failed);
}

/* As nohup(1) and shells in the background ignore some for their children. */
static void
ignore_no_signal(void)
{
    struct sigaction act;
    sigset_t none;

    for (int sig = 1; sig < NSIG; sig++)
        if (sigaction(sig, NULL, &act) == 0 && act.sa_handler == SIG_IGN)
            signal(sig, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

void
plan(int tests)
{
    pid_t pid;

    setvbuf(stdout, NULL, _IOLBF, 0);
    tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE,
        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tally == MAP_FAILED)
        bail("mmap: %s", strerror(errno));
    tally->planned = tests;
    printf("1..%d\n", tests + 1);

    ignore_no_signal();
    tsan_enter();
    ipc_enter();
    fflush(stdout);
    pid = fork();
    if (pid < 0)
        bail("fork: %s", strerror(errno));
    if (pid > 0)
        watch(pid);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    planner = getpid();
}

int
done(void)
{
    if (getpid() != planner)
        return 0;
    if (tally->run != tally->planned)
        diag("%d tests were planned, %d run", tally->planned, tally->run);
    if (tally->failed)
        diag("%d of %d tests failed", tally->failed, tally->run);
    return tally->failed || tally->run != tally->planned;
}

/*
 * The lines.
 */

static void say(const char *start, const char *text, va_list args)
    TAP_PRINTF(2, 0);
static int line(int good, const char *text, va_list args) TAP_PRINTF(2, 0);

/* One write, not through stdio: of a line in the midst of which another thread
 * starts a child, the child would have the first half, and flush it. */
static void
say(const char *start, const char *text, va_list args)
{
    char buf[PIPE_BUF];
    size_t room = sizeof(buf) - 1, len = strlen(start);

    memcpy(buf, start, len);
    len += (size_t)vsnprintf(buf + len, room - len, text, args);
    if (len >= room)
        len = room - 1;
    buf[len++] = '\n';
    while (write(STDOUT_FILENO, buf, len) < 0 && errno == EINTR)
        continue;
}

static int
line(int good, const char *text, va_list args)
{
    int number = __atomic_add_fetch(&tally->run, 1, __ATOMIC_SEQ_CST);
    char start[32];

    if (!good)
        __atomic_add_fetch(&tally->failed, 1, __ATOMIC_SEQ_CST);
    snprintf(start, sizeof(start), "%sok %d - ", good ? "" : "not ", number);
    say(start, text, args);
    return good;
}

int
ok(int condition, const char *text, ...)
{
    va_list args;

    va_start(args, text);
    line(condition != 0, text, args);
    va_end(args);
    return condition != 0;
}

int
is_int(int64_t wanted, int64_t seen, const char *text, ...)
{
    va_list args;

    va_start(args, text);
    if (!line(wanted == seen, text, args)) {
        diag("  wanted: %" PRId64, wanted);
        diag("    seen: %" PRId64, seen);
    }
    va_end(args);
    return wanted == seen;
}

int
is_str(const char *wanted, const char *seen, const char *text, ...)
{
    int same = wanted && seen ? strcmp(wanted, seen) == 0 : wanted == seen;
    va_list args;

    va_start(args, text);
    if (!line(same, text, args)) {
        diag("  wanted: %s", wanted ? wanted : "(null)");
        diag("    seen: %s", seen ? seen : "(null)");
    }
    va_end(args);
    return same;
}

void
skip(int tests, const char *why, ...)
{
    char text[256];
    va_list args;

    va_start(args, why);
    vsnprintf(text, sizeof(text), why, args);
    va_end(args);
    while (tests-- > 0)
        ok(1, "# SKIP %s", text);
}

void
diag(const char *text, ...)
{
    va_list args;

    va_start(args, text);
    say("# ", text, args);
    va_end(args);
}

void
bail(const char *why, ...)
{
    va_list args;

    va_start(args, why);
    say("Bail out! ", why, args);
    va_end(args);
    if (planner)
        kill(-planner, SIGKILL);
    _exit(1);
}
