/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * beacon.c: the calls on descriptors.
 *
 * Whenever the list has a message there is a byte in the pipe: it is written
 * before the commit after which the list is not empty, and read after the one
 * after which it is, both with the list's lock.  A kill between the two steps
 * leaves a byte too many, which shines once too often: who comes to see finds
 * the list empty and reads what there is.  So no more bytes gather than
 * writers were killed in that step; should the pipe be full of them, it shines
 * all the same.
 *
 * It hangs up when the last descriptor to write is closed, which the kernel
 * does at a death (exit_files comes after exit_sem, so the count of senders is
 * down by then).  Who has one has inherited it, as its right to send; it goes
 * with that.  So when it has hung up and the list is empty, nobody will ever
 * put anything in: not a child that is just being forked, and not a program
 * that holds its right over exec, where the descriptor is closed.
 *
 * No SIGPIPE: each sender has a descriptor to read, too.
 *
 * A program may have closed all that it does not know (closefrom(3)) and have
 * opened something else in its place, so each time we look whether it is ours:
 * 145 ns, beside 320 for a write and a read.
 *
 * Raw system calls, as read() and write() are cancellation points.
 */
#include "internal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "beacon.h"
#include "error.h"
#include "seam.h"
#include "shortage.h"

static void
close_fd(int fd)
{
    long ignored;

    CALL(ignored, SEAM_CLOSE, syscall(SYS_close, fd));
    (void) ignored;
}

/* Not one of the first three: where these are closed, programs and we open
 * them again. */
static long
copy(int fd)
{
    long result;

    CALL(result, SEAM_FCNTL,
        fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    return result;
}

static long
lift(_Atomic int *file)
{
    long result;

    if (own_load(file) > STDERR_FILENO)
        return 0;
    result = copy(own_load(file));
    if (result < 0)
        return result;
    close_fd(own_load(file));
    own_store(file, (int) result);
    return 0;
}

static long
identify(int fd, struct stat *status)
{
    long result;

    do
        CALL(result, SEAM_FSTAT, fstat(fd, status));
    while (result == -EINTR);
    return result;
}

/* Is that the pipe which we have opened?  Where a filter of system calls does
 * not let us look, we believe so. */
static bool
ours(const struct beacon *beacon, int fd)
{
    struct stat status;
    long result = identify(fd, &status);

    if (result < 0)
        return result != -EBADF;
    return (uint64_t) status.st_dev == beacon->device &&
        (uint64_t) status.st_ino == beacon->inode;
}

static long
make_pipe(struct beacon *beacon)
{
    struct stat status;
    long result;
    int fd[2];

    CALL(result, SEAM_PIPE, pipe2(fd, O_CLOEXEC | O_NONBLOCK));
    if (result < 0)
        return result;
    beacon->made = true;
    own_store(&beacon->receive, fd[0]);
    own_store(&beacon->send, fd[1]);
    result = lift(&beacon->receive);
    if (result == 0)
        result = lift(&beacon->send);
    if (result == 0)
        result = identify(own_load(&beacon->receive), &status);
    if (result < 0)
        return result;
    beacon->device = (uint64_t) status.st_dev;
    beacon->inode = (uint64_t) status.st_ino;
    return 0;
}

/* The sender's own, with a descriptor to read beside it. */
static long
split(struct beacon *receiver, struct beacon *sender)
{
    long spare = copy(own_load(&receiver->receive));

    if (spare < 0)
        return spare;
    sender->made = true;
    sender->device = receiver->device;
    sender->inode = receiver->inode;
    own_store(&sender->receive, (int) spare);
    own_store(&sender->send, own_load(&receiver->send));
    own_store(&receiver->send, -1);
    return 0;
}

static void
unmake(struct beacon *beacon)
{
    if (!beacon->made)
        return;
    close_fd(own_load(&beacon->receive));
    close_fd(own_load(&beacon->send));
    beacon->made = false;
}

int
beacon_make(struct beacon *receiver, struct beacon *sender)
{
    long result = make_pipe(receiver);

    if (result == 0 && sender != receiver)
        result = split(receiver, sender);
    if (result == 0)
        return 0;
    unmake(receiver);
    switch (result) {
    case -ENOMEM:
    case -ENOSYS:
        return (int) result;
    case -EMFILE:
    case -ENFILE:
        return shortage_descriptors((int) result);
    default:
        return -EACCES; /* by a filter of system calls */
    }
}

int
beacon_light(const struct beacon *beacon)
{
    int fd = own_load(&beacon->send);
    long result;

    if (fd < 0 || !ours(beacon, fd))
        return error_detail(-EBADF,
            "the descriptor by which receivers are told of a message was "
            "closed in this process, which has closed all (closefrom?): it "
            "can send no more");
    do
        CALL(result, SEAM_WRITE, syscall(SYS_write, fd, "", 1));
    while (result == -EINTR);
    if (result == 1 || result == -EAGAIN) /* full of bytes, it shines */
        return 0;
    return result == -ENOMEM ? -ENOMEM : -EACCES; /* a filter forbids it */
}

int
beacon_darken(const struct beacon *beacon)
{
    int fd = own_load(&beacon->receive);
    char bytes[64];
    long result;

    if (fd < 0 || !ours(beacon, fd))
        return 0; /* it shines on until another one comes to see */
    do
        CALL(result, SEAM_READ,
            syscall(SYS_read, fd, bytes, sizeof(bytes)));
    while (result == -EINTR);
    return result == 0 ? -EPIPE : 0;
}

static void
close_file(const struct beacon *beacon, _Atomic int *file)
{
    int fd = own_load(file);

    if (fd < 0)
        return;
    own_store(file, -1);
    if (ours(beacon, fd))
        close_fd(fd);
}

void
beacon_close_sender(struct beacon *beacon)
{
    if (beacon != NULL && beacon->made)
        close_file(beacon, &beacon->send);
}

void
beacon_close(struct beacon *beacon)
{
    beacon_close_sender(beacon);
    if (beacon != NULL && beacon->made)
        close_file(beacon, &beacon->receive);
}

int
beacon_fileno(const struct beacon *beacon)
{
    int fd;

    if (beacon == NULL || !beacon->made)
        return -EINVAL;
    fd = own_load(&beacon->receive);
    return fd >= 0 ? fd : -EBADF;
}
