/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * child-unasked.c: a filter of system calls refuses waitid(), as one does that
 * allows what the C library's waitpid() needs.  A child that has left the
 * program, so that no bit tells of it, still runs, is waited for, and has its
 * code.
 */
#include <config.h>

#include "child.h"
#include "no-pidfd.h"

enum { CODE = 7 };

static struct {
    _Atomic int left, go;
} *stage;

static int
leave_and_wait(void *arg)
{
    (void)arg;
    must(sysvmp_leave(), "leave");
    stage->left = 1;
    until(&stage->go, 1);
    _exit(CODE);
}

static int
refuse(const long *calls, size_t n)
{
    struct sock_filter filter[16] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
        offsetof(struct seccomp_data, nr))};
    unsigned short length = 1;
    struct sock_fprog program;

    for (size_t i = 0; i < n; i++) {
        filter[length++] = (struct sock_filter)BPF_JUMP(
            BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i], 0, 1);
        filter[length++] = (struct sock_filter)BPF_STMT(
            BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    }
    filter[length++] =
        (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    program = (struct sock_fprog){length, filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* What of it is wrong, as bits. */
static int
program(void *arg)
{
    static const long calls[] = {SYS_waitid, SYS_pidfd_open};
    size_t n = *(size_t *)arg;
    struct sysvmp_process *p;
    int code = -1, wrong;

    if (n > 1 && !refuse(calls + 1, 1)) /* the child has no descriptor */
        return 99;
    p = started(leave_and_wait, NULL);
    until(&stage->left, 1);
    if (!refuse(calls, 1))
        return 99;
    wrong = (sysvmp_process_is_alive(p) != 1) |
        (sysvmp_process_join(p, SYSVMP_NOWAIT) != -EAGAIN) << 1 |
        (sysvmp_process_exitcode(p, &code) != -EBUSY) << 2 |
        (sysvmp_process_destroy(p) != -EBUSY) << 3;
    stage->go = 1;
    wrong |= (sysvmp_process_join(p, SYSVMP_FOREVER) != 0) << 4 |
        (sysvmp_process_exitcode(p, &code) != 0 || code != CODE) << 5 |
        (sysvmp_process_destroy(p) != 0) << 6;
    return wrong;
}

static void
unasked(size_t n, const char *what)
{
    int wrong;

    memset(stage, 0, sizeof(*stage));
    wrong = reap(child(program, &n));
    if (wrong == 99)
        skip(1, "a filter is not allowed");
    else
        is_int(0, wrong, "waitid is refused, %s: a child is what it is", what);
}

int
main(void)
{
    plan(2);
    stage = shared(sizeof(*stage));
    unasked(1, "and there is a descriptor");
    unasked(2, "and so is pidfd_open");
    return done();
}
