/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process-start.c: a process runs its target, under its name, with its pid,
 * an empty stdin, and stdout flushed once; its return is the exit code.
 */
#include <config.h>

#include "child.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct told {
    _Atomic int go;
    pid_t pid, ppid;
    char name[64], grandchild[64];
};

static struct told *told;
static int ours = 1;

static int
give_back(void *arg)
{
    return *(int *)arg;
}

static int
exit_code(int returned)
{
    return end_of(started(give_back, &returned));
}

static int
exit_from_below(void *arg)
{
    (void)arg;
    ours = 2;
    sysvmp_process_exit(9);
}

static void
codes(void)
{
    is_int(0, exit_code(0), "process-start: the target's return is the code");
    is_int(7, exit_code(7), "... 7");
    is_int(255, exit_code(255), "... 255");
    is_int(44, exit_code(300), "... of which the system keeps 8 bits");
    is_int(9, end_of(started(exit_from_below, NULL)),
        "... and so is sysvmp_process_exit()'s argument");
    is_int(1, ours, "... a child changes its own copy of our memory");
}

static int
tell_name(void *arg)
{
    char *name = arg;

    snprintf(name, 64, "%s", sysvmp_process_name(sysvmp_current_process()));
    return 0;
}

static int
tell(void *arg)
{
    (void)arg;
    tell_name(told->name);
    told->pid = getpid();
    told->ppid = getppid();
    if (end_of(started(tell_name, told->grandchild)) != 0)
        return 1;
    until(&told->go, 1);
    return sysvmp_process_pid(sysvmp_current_process()) == getpid() ? 0 : 2;
}

static int
ends_up(struct sysvmp_process *p)
{
    struct pollfd end = {.fd = sysvmp_process_sentinel(p), .events = POLLIN};

    return poll(&end, 1, 0);
}

static void
identity(struct sysvmp_process *p)
{
    int code = -1;

    is_str("Process-1", sysvmp_process_name(p), "the first is Process-1");
    is_int(0, sysvmp_process_is_alive(p), "not alive before its start");
    must(sysvmp_process_start(p), "start");
    is_int(1, sysvmp_process_is_alive(p), "... alive after it");
    if (sysvmp_process_sentinel(p) == -ENOSYS)
        skip(2, "this kernel has no pidfds");
    else {
        is_int(0, ends_up(p), "... its sentinel is not readable");
        is_int(FD_CLOEXEC, fcntl(sysvmp_process_sentinel(p), F_GETFD),
            "... and is closed by exec");
    }
    atomic_store(&told->go, 1);
    must(sysvmp_process_join(p, SYSVMP_FOREVER), "join");
    is_int(0, sysvmp_process_is_alive(p), "... not alive after its end");
    if (sysvmp_process_sentinel(p) == -ENOSYS)
        skip(1, "this kernel has no pidfds");
    else
        is_int(1, ends_up(p), "... its sentinel is readable");
    is_int(0, sysvmp_process_exitcode(p, &code), "... there is an exit code");
    is_int(0, code, "... its own current process had its pid");
    is_int(told->pid, sysvmp_process_pid(p), "its pid is known, still");
    is_int(getpid(), told->ppid, "... and it was our child");
    is_str("Process-1", told->name, "its name is the same there");
    is_str("Process-1:1", told->grandchild, "its first child: Process-1:1");
    must(sysvmp_process_destroy(p), "destroy");
}

static void
names(void)
{
    struct sysvmp_process *p;

    is_str("MainProcess", sysvmp_process_name(sysvmp_current_process()),
        "the main program is MainProcess");
    is_int(getpid(), sysvmp_process_pid(sysvmp_current_process()),
        "... with our pid");
    must(sysvmp_process_create(&p, tell, NULL), "create");
    identity(p);

    must(sysvmp_process_create(&p, tell_name, told->name), "create");
    is_str("Process-2", sysvmp_process_name(p), "the second is Process-2");
    is_int(0, sysvmp_process_set_name(p, "worker of ours"), "named anew");
    must(sysvmp_process_start(p), "start");
    end_of(p);
    is_str("worker of ours", told->name, "... it is so there");
}

static int
stdin_is_null(void *arg)
{
    struct stat in, null;
    char c;

    (void)arg;
    return fstat(STDIN_FILENO, &in) == 0 && stat("/dev/null", &null) == 0 &&
        in.st_rdev == null.st_rdev && read(STDIN_FILENO, &c, 1) == 0 &&
        getchar() == EOF ? 0 : 1;
}

static void
no_stdin(void)
{
    is_int(0, end_of(started(stdin_is_null, NULL)), "stdin is /dev/null");
    close(STDIN_FILENO);
    is_int(0, end_of(started(stdin_is_null, NULL)),
        "... also where the parent has none");
    ok(fcntl(STDIN_FILENO, F_GETFD) < 0, "... which it still has not");
    if (open("/dev/null", O_RDONLY) != STDIN_FILENO)
        bail("no stdin");
}

/* What stdio has read ahead is the parent's. */
static void
stdin_read_ahead(void)
{
    int in[2];

    if (pipe(in) < 0 || write(in[1], "ab", 2) != 2 ||
        dup2(in[0], STDIN_FILENO) < 0)
        bail("pipe: errno %d", errno);
    close(in[1]);
    is_int('a', getchar(), "the parent reads from its stdin");
    is_int(0, end_of(started(stdin_is_null, NULL)), "... its child does not");
    is_int('b', getchar(), "... and the parent goes on");
    close(in[0]);
}

static int
print(void *arg)
{
    printf("%s", (const char *)arg);
    return 0;
}

static void
at_exit(void)
{
    printf("at exit\n");
}

/* In a process of its own: a program whose stdout is fully buffered. */
static void
buffered_program(int out)
{
    static char first[] = "child\n", then[] = "second";
    struct sysvmp_process *p;

    dup2(out, STDOUT_FILENO);
    setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
    atexit(at_exit);
    printf("before\n");
    end_of(started(print, first));
    must(sysvmp_process_create(&p, print, then), "create");
    printf("between\n");
    must(sysvmp_process_start(p), "start");
    end_of(p);
    printf("\nafter\n");
    exit(0);
}

static void
flushed_once(void)
{
    char output[256];
    size_t len = 0;
    ssize_t n;
    int fds[2];
    pid_t pid;

    if (pipe(fds) < 0)
        bail("pipe: errno %d", errno);
    pid = forked();
    if (pid == 0)
        buffered_program(fds[1]);
    close(fds[1]);
    while ((n = read(fds[0], output + len, sizeof(output) - 1 - len)) > 0)
        len += (size_t)n;
    output[len] = '\0';
    close(fds[0]);
    is_int(0, reap(pid), "a program with a buffered stdout ends well");
    is_str("before\nchild\nbetween\nsecond\nafter\nat exit\n", output,
        "... each line was written once, its atexit handlers ran once");
}

static int
write_kept(void *arg)
{
    return fputs("kept", arg) < 0;
}

/* A stream of the child's own, as exit() would treat it. */
static void
flushed_all(void)
{
    FILE *stream = tmpfile();
    struct stat now;

    if (stream == NULL)
        bail("tmpfile: errno %d", errno);
    is_int(0, end_of(started(write_kept, stream)),
        "a child writes to a stream and does not close it");
    is_int(0, fstat(fileno(stream), &now), "... it can be looked at");
    is_int(4, now.st_size, "... what was written is there");
    fclose(stream);
}

static void
like_fork(void)
{
    struct sysvmp_process *p;
    pid_t pid;

    must(sysvmp_process_create(&p, NULL, NULL), "create");
    pid = sysvmp_process_fork(p);
    if (pid == 0)
        sysvmp_process_exit(sysvmp_current_process() == p ? 5 : 6);
    ok(pid > 0, "process_fork returns in the parent");
    is_int(pid, sysvmp_process_pid(p), "... the pid");
    is_int(5, end_of(p), "... and 0 in the child, which is that process");
}

static void
cpus(void)
{
    cpu_set_t set;
    int n = sysvmp_cpu_count();

    ok(n >= 1, "cpu_count: there is a CPU");
    if (sched_getaffinity(0, sizeof(set), &set) < 0) {
        skip(2, "no affinity");
        return;
    }
    is_int(CPU_COUNT(&set), n, "... as many as this process may use");
    for (int cpu = 0, kept = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &set) && kept++)
            CPU_CLR(cpu, &set);
    sched_setaffinity(0, sizeof(set), &set);
    is_int(1, sysvmp_cpu_count(), "... which may be one");
}

int
main(void)
{
    plan(41);
    told = shared(sizeof(*told));
    names();
    codes();
    no_stdin();
    stdin_read_ahead();
    flushed_once();
    flushed_all();
    like_fork();
    cpus();
    return done();
}
