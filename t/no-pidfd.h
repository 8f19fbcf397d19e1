/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * no-pidfd.h: a process, and its children, for which the kernel has no pidfds,
 * as a filter of system calls refuses them.
 */
#ifndef NO_PIDFD_H
#define NO_PIDFD_H

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#ifdef SYS_pidfd_open
#    define REFUSE_CALL(number) \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), \
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)

/* 0 where that is not allowed. */
static inline int
refuse_pidfds(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        REFUSE_CALL(SYS_pidfd_open),
        REFUSE_CALL(SYS_pidfd_send_signal),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}
#else
static inline int
refuse_pidfds(void)
{
    return 1;
}
#endif

#endif /* NO_PIDFD_H */
