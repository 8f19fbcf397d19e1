/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sysvmp.h: multiprocessing for C that survives kill -9.
 *
 * Processes, pipes, queues and locks after Python's module multiprocessing,
 * built on System V IPC.  What a process holds is known to the kernel, which
 * gives it back when the process ends, however it ends: nobody waits for the
 * dead.  What stands here holds for every call; the calls say the rest.
 *
 * Results.  A call returns 0, a count or a length, or a negative errno code;
 * it neither reads nor changes errno.  The codes are a closed set, each with
 * one meaning.  A constructor that fails stores NULL.  "Common codes", which
 * any call on an object may return:
 *   -EINVAL   a NULL handle, a NULL buffer with a length, a length over
 *             SSIZE_MAX, an unknown flag, a timeout below -1
 *   -EBADF    closed in this process or not given to it, not open in this
 *             direction, or older than this process's sysvmp_leave()
 *   -EIDRM    the kernel's object was removed under us: by ipcrm(1), or by
 *             systemd's RemoveIPC=yes at log-out; or this process has gone
 *             into another IPC namespace
 *   -EACCES   no permission: objects are for the user who created them, and
 *             this process has become another one; or a filter of system calls
 *             forbids what the call needs.  Nothing was done.  (What needs no
 *             wake-up works; a waiter that was killed counts as one who waits.)
 *             All that a
 *             program has are one user's: a process that has changed its
 *             effective user makes no more of them
 *   -ENOSYS   such a filter says that there is no such call.  Nothing was
 *             done
 *   -ENOSPC   this process has no seat (1,050 processes use one program's
 *             objects at most; it was forked by the program itself, holds
 *             nothing, and hands on nothing), or a table of the system is full
 *   -ENOMEM   no memory
 * "Creation codes", of calls that make something: -EINVAL, also when out is
 * NULL; -EACCES; -ENOMEM; -ENOSPC, ids of System V IPC, processes or
 * descriptors have run out, never the disk; -ENOSYS, no System V IPC here, or
 * none with SEM_UNDO; -EIDRM, what all objects share was removed under us.
 * sysvmp_last_error() names the limit and the cure.
 *
 * Time.  timeout_ms is SYSVMP_FOREVER, SYSVMP_NOWAIT, or milliseconds on
 * CLOCK_MONOTONIC: one deadline for the whole call, never early, whatever
 * signals arrive.  "Waiting codes", after which nothing has changed:
 *   -EAGAIN, -ETIMEDOUT   it would wait, with SYSVMP_NOWAIT; the time is up
 *   -EINTR                only where sysvmp_set_interrupt()'s function asks
 * A call without a timeout does not wait, unless it says so.
 *
 * Threads and signals.  Several threads and processes may make any call at
 * once on one handle, except create, destroy, set_*, give and start.  A close
 * wakes the threads of its process that sleep in the handle (-EBADF), and
 * waits for those that are in the middle of a send; so it is not for the
 * interrupt function of such a call.  No call is a cancellation point.  Of all
 * calls only sysvmp_strerror() and an event's set, clear and is_set are
 * async-signal-safe.  The library makes no thread, handles no signal, and
 * waits for no child but its own.
 *
 * The program's functions.  An action, a predicate, the interrupt and the log
 * function should return.  If one of them throws a C++ exception (or, with
 * glibc, calls pthread_exit()) it leaves the call as well: what had been done
 * is done, a wait is over as if it had been interrupted, and the thread can be
 * cancelled as before.  They and a child's target are called with cancellation
 * disabled.  With glibc an action and a predicate may also leave by longjmp().
 * A child that is forked in one of them must end there, or exec: one that
 * returns would go on in a call of its parent, and is ended by SIGABRT.
 *
 * The first object of a program starts its janitor: a process in a session of
 * its own, no child of ours, which sleeps until no process of the program is
 * left, and removes what there is in the kernel then.  Where it can't be had
 * the log is told and all else is as usual; the environment variable
 * SYSVMP_JANITOR is 0 for none, or its path.
 *
 * Who holds what.  A handle is memory of one process.  A forked child, however
 * forked, has its own copy at the same address and holds what its parent held
 * at the fork, as with descriptors; the parent may destroy its handle at once.
 * destroy frees the caller's copy and drops its reference; the kernel's object
 * goes with the last.  An object is for its creator and the processes forked
 * after its creation.  One exception: a child to which pipe ends were given
 * holds exactly these ends (sysvmp_process_give()).  Over exec everything
 * stays held until the new program ends, unless sysvmp_leave() came first.  A
 * child of vfork(), _Fork() or clone() must exec or _exit.  After fork() in a
 * threaded program the child may use what POSIX allows, and this library.
 */
#ifndef SYSVMP_H
#define SYSVMP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* This header's version; sysvmp_version() is the library's. */
#define SYSVMP_VERSION_MAJOR 0
#define SYSVMP_VERSION_MINOR 1
#define SYSVMP_VERSION_MICRO 0

/*
 * A result marked MUST_CHECK draws a warning when dropped.  No parameter is
 * marked nonnull: that would let the compiler delete the checks for NULL.
 */
#if defined(__GNUC__) || defined(__clang__)
#    define SYSVMP_MUST_CHECK __attribute__((__warn_unused_result__))
#    define SYSVMP_NORETURN   __attribute__((__noreturn__))
#else
#    define SYSVMP_MUST_CHECK
#    define SYSVMP_NORETURN
#endif

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__) || defined(__clang__)
#    pragma GCC visibility push(default)
#endif

/* Timeouts: wait without end; do not wait. */
#define SYSVMP_FOREVER (-1)
#define SYSVMP_NOWAIT  0

/* A lock was acquired, but a holder ended with it: sysvmp_lock_acquire(). */
#define SYSVMP_OWNER_DEAD 1

/* A message of so many bytes or less can travel in the kernel's queue; longer
 * ones take a block of the program's shared memory.  No limit. */
#define SYSVMP_INLINE_MAX 4048

/* Flags: of sysvmp_pipe_create(), sysvmp_queue_create() and
 * sysvmp_semaphore_create(). */
#define SYSVMP_SIMPLEX  0x1u
#define SYSVMP_EOF      0x2u
#define SYSVMP_JOINABLE 0x4u
#define SYSVMP_FILENO   0x8u
#define SYSVMP_PERMITS  0x10u

/* The nouns: made by their create, freed by their destroy. */
struct sysvmp_process;
struct sysvmp_lock;
struct sysvmp_rlock;
struct sysvmp_semaphore;
struct sysvmp_condition;
struct sysvmp_event;
struct sysvmp_barrier;
struct sysvmp_queue;
struct sysvmp_conn;
struct sysvmp_msg;

/* Text, hooks, version */

/*
 * The text of 0, SYSVMP_OWNER_DEAD or a negative code; any other number has a
 * text too.  Never NULL; static.  Async-signal-safe.
 */
const char *sysvmp_strerror(int code);

/*
 * This thread's last failure in one line: the limit, its value, its present
 * use, the cure; where there is no more to tell, the code's text.  Success
 * does not clear it.  Never NULL; valid until the thread's next failure.
 */
const char *sysvmp_last_error(void);

/* The version of the library in use, such as "0.1.0"; static. */
const char *sysvmp_version(void);

/* Levels of the log, the gravest first. */
enum { SYSVMP_LOG_ERROR = 1, SYSVMP_LOG_WARNING, SYSVMP_LOG_INFO,
    SYSVMP_LOG_DEBUG };

/*
 * Has fn called with each line that the library has to say, which has no
 * newline and is valid until fn returns.  NULL, the default, is silence.  It
 * runs in the thread that made the call and must not call the library.
 * Children inherit it.  Set it before other threads use the library.
 *
 * The library holds no lock of its own while it calls fn, and does not call it
 * within a fork.  What there is to say then is told at the end of that call,
 * or of the next one that this process makes.
 */
void sysvmp_set_log(void (*fn)(int level, const char *line, void *arg),
    void *arg);

/*
 * Has fn asked before each sleep and after each signal in it; NULL, the
 * default: no question.  Non-zero makes the call answer -EINTR, 0 lets it
 * sleep on to its old deadline.  A signal between the question and the sleep
 * is seen when the sleep ends.  Thread, children and setting as for
 * sysvmp_set_log().
 */
void sysvmp_set_interrupt(int (*fn)(void *), void *arg);

/* Processes */

/*
 * What a process runs; it returns the exit code, of which the system keeps 8
 * bits.  It may end its process, but not leave it to its parent's code: if it
 * is left by an exception, by pthread_exit() or (with glibc) by longjmp(), the
 * log is told, and the process ends by SIGABRT.
 */
typedef int sysvmp_target(void *arg);

/*
 * Makes a process object that is not started.  fn(arg) will run in a forked
 * child, which sees the memory of its parent as it was at the fork; fn NULL is
 * for sysvmp_process_fork().  Returns 0, or a creation code.
 */
SYSVMP_MUST_CHECK int sysvmp_process_create(struct sysvmp_process **out,
    sysvmp_target *fn, void *arg);

/*
 * Names it; the name is copied.  Else it is Process-N, the N-th of its
 * creator, or Process-N:M, the M-th of Process-N.  A child knows the name that
 * it was started with.  Returns 0; -ENOMEM; -EINVAL, p or name is NULL.
 */
int sysvmp_process_set_name(struct sysvmp_process *p, const char *name);

/*
 * Whether its parent's exit terminates it instead of waiting for it.  Unset,
 * it is what its creator is; the main program is none.  A daemon may have
 * children: they outlive its termination, unless they are to die with it (the
 * next call).  Returns 0; -EALREADY, it was started; -ECHILD, another process
 * created it; -EINVAL, p is NULL.
 */
int sysvmp_process_set_daemon(struct sysvmp_process *p, int daemon);

/*
 * Whether the kernel kills it by SIGKILL when its parent dies (Linux:
 * PR_SET_PDEATHSIG).  Linux ties this to the THREAD that started the child:
 * start it from one that lasts.  And Linux forgets it when the child changes
 * its user or group, or execs a program with other privileges: such a child
 * asks for it again by prctl(2), then looks whether its parent is alive.
 * Default: no; a child outlives its parent and
 * is told -EPIPE by its pipes.  Returns as sysvmp_process_set_daemon().
 */
int sysvmp_process_set_die_with_parent(struct sysvmp_process *p, int die);

/*
 * Gives it this end of a pipe, before its start: it will hold no other ends
 * than those given.  An end may be given to many; when the last of them has
 * started, the caller's copy is closed (and still wants its destroy), so that
 * the child's death is end of file for the peer.  The handle's address is the
 * same in the child: pass it in arg.  If start fails, nothing is given.
 * Returns 0, also when repeated; -EALREADY, it was started; -ECHILD, another
 * process created it; -EBADF, the end is closed here; -ENOMEM; -EINVAL, p or
 * conn is NULL.
 */
SYSVMP_MUST_CHECK int sysvmp_process_give(struct sysvmp_process *p,
    struct sysvmp_conn *conn);

/*
 * Forks, and runs the target in the child, whose stdin is /dev/null.  stdout
 * and stderr are flushed before, and only these: flush any other stream with
 * output pending, or the child's end, which flushes all, writes it again.
 *
 * When the target returns, the child's own daemons get SIGTERM, and SIGKILL
 * five seconds later; then its other children are joined, all streams flushed,
 * and it calls _exit(): the parent's atexit handlers do not run.  At the exit
 * of the main program its children fare the same, and then it leaves.
 *
 * Before a process waits for its children at its end, it gives up what they
 * may be waiting for, as its death would: its ends of pipes, its right to put
 * into queues with SYSVMP_EOF, the places of its threads at barriers; and, if
 * it has no other thread by then, its locks, its permits and what it took from
 * joinable queues.  From then on its calls answer -EBADF where it has closed.
 * Each of its own calls that is sending is let out before, with -EBADF if it
 * had to wait, so all that it sent comes before the end of file.  Where
 * children still do not end, the log is told after 5 seconds for whom it
 * waits, and again each minute.  A child that waits for its parent's death
 * itself, and is no daemon, waits for ever.
 *
 * Returns 0; -EALREADY, it was started before; -ECHILD, another process
 * created it; -EINVAL, p is NULL or has no target; -EBADF, an end that was
 * given to it has been closed here since; or a creation code, and then it was
 * not started and may be tried again.  -ENOSPC is also for want of a seat: 0
 * means that there was one for this process.
 *
 * No signal handler runs in the calling thread, nor in the child, while one of
 * them is not ready: the child's first one finds all that it inherits.  Both
 * have the signal mask of the call.  That also holds for a fork(2) of the
 * program's own.
 */
SYSVMP_MUST_CHECK int sysvmp_process_start(struct sysvmp_process *p);

/*
 * The same for a process without a target, as fork(2), for other run-times:
 * the child goes on from here, with its parent's stdin, and should end by
 * sysvmp_process_exit().  Returns the pid in the parent and 0 in the child;
 * codes as sysvmp_process_start(), -EINVAL for one that has a target.
 */
SYSVMP_MUST_CHECK pid_t sysvmp_process_fork(struct sysvmp_process *p);

/*
 * Ends this process as a return of code from its target does; in the main
 * program it is exit(code).  In a child, exit() itself would run the atexit
 * handlers of its parent.
 */
SYSVMP_NORETURN void sysvmp_process_exit(int code);

/*
 * Waits until it has ended, and reaps it: this process only, never its own
 * children or others of the caller.  Several threads may join it at once, and
 * an ended one any number of times.  The parent, sysvmp_parent_process(), may
 * be joined as well.  Returns 0; -ESRCH, it was not started; -ECHILD, neither
 * child nor parent of this process; -EINVAL; or a waiting code.
 */
int sysvmp_process_join(struct sysvmp_process *p, int timeout_ms);

/*
 * Returns 1 if it runs, 0 before its start and after its end; -ECHILD, neither
 * this process nor its child nor its parent; -EINVAL, p is NULL.
 */
int sysvmp_process_is_alive(struct sysvmp_process *p);

/*
 * Stores its exit code, 0 to 255, or -N if signal N killed it; without a join
 * as well, and right also when somebody else reaped the child and its pid is
 * another's now.  Returns 0; -ESRCH, it was not started; -EBUSY, it runs;
 * -ECHILD, not a child of this process, or somebody else reaped it and it left
 * no code (it was killed); -EINVAL, p or code is NULL.
 */
int sysvmp_process_exitcode(struct sysvmp_process *p, int *code);

/*
 * Its pid, also when it has ended; the system may use it anew after a join.
 * -ESRCH, it was not started, or it is the parent and has no pid here, as this
 * process is in a pid namespace of its own (unshare(2)); -EINVAL, p is NULL.
 */
pid_t sysvmp_process_pid(const struct sysvmp_process *p);

/* Its name, which is valid until set_name or destroy.  NULL for NULL. */
const char *sysvmp_process_name(const struct sysvmp_process *p);

/* 1 for a daemon, else 0; -EINVAL, p is NULL. */
int sysvmp_process_daemon(const struct sysvmp_process *p);

/*
 * A descriptor (a pidfd) that poll(2) finds readable when the child, or the
 * parent, has ended.  Ours: never close it; gone after destroy and exec.  One
 * that was closed all the same (closefrom) is opened anew, maybe under another
 * number; nothing else that has its number is touched.  -ESRCH, it was not
 * started; -ECHILD, neither child nor parent; -ENOSYS, there is none (Linux
 * before 5.3, or before 6.9 without /proc; a parent in another pid namespace);
 * -ENOSPC, no descriptor was left at its start; -EBADF, it was closed and
 * can't be opened anew; -EINVAL, p is NULL.
 */
int sysvmp_process_sentinel(const struct sysvmp_process *p);

/*
 * Sends it sig; terminate sends SIGTERM, kill SIGKILL.  They do not wait.
 * Returns 0, also for one that has ended, whose pid is never hit; -ESRCH, it
 * was not started; -ECHILD, neither child nor parent of this process; -EACCES,
 * no permission, or the parent is in another pid namespace; -EINVAL, p is NULL
 * or there is no such signal.
 */
int sysvmp_process_signal(struct sysvmp_process *p, int sig);
int sysvmp_process_terminate(struct sysvmp_process *p);
int sysvmp_process_kill(struct sysvmp_process *p);

/*
 * Frees the object; in a child, its copy of its parent's.  Returns 0, also for
 * NULL; -EBUSY, it runs or is borrowed, and nothing is freed.
 */
int sysvmp_process_destroy(struct sysvmp_process *p);

/*
 * The process that calls; in the main program, one named MainProcess.
 * Borrowed: never destroy it.
 */
struct sysvmp_process *sysvmp_current_process(void);

/*
 * The process that started this one, which may be joined; NULL in the main
 * program, and in a child of the program's own fork().  Borrowed: never
 * destroy it.  In a pid namespace of our own it is alive until it ends or
 * leaves the program (sysvmp_leave()).
 */
struct sysvmp_process *sysvmp_parent_process(void);

/*
 * Fills at most n places of list with the children of this process that run,
 * and reaps those that have ended.  Borrowed: they are their creator's.
 * Returns how many there are, which may be over n; -EINVAL, list is NULL and n
 * is not 0.
 */
ssize_t sysvmp_active_children(struct sysvmp_process **list, size_t n);

/* How many CPUs this process may use: 1 or more. */
int sysvmp_cpu_count(void);

/*
 * Gives up all that this process holds, as its death would; the last to leave
 * removes the objects from the kernel.  Its older handles answer -EBADF from
 * then on, and still want their destroy; new objects are a new beginning.
 * Children are left alone.  For a process about to exec, or to turn into a
 * service; an exit leaves by itself.  No other thread may be in a call on an
 * object.  Returns 0, also with nothing to leave; -EIDRM, all was removed
 * under us; -EACCES, the process has changed its user since.  It has left all
 * the same.
 */
int sysvmp_leave(void);

/*
 * Has fn(arg) run in each child forked from now on, by whatever fork, once it
 * holds what it inherits; in the order of these calls, for good, in their
 * children as well.  A child that fn leaves without returning ends by SIGABRT,
 * as by its target.  Returns 0; -ENOMEM; -EINVAL, fn is NULL.
 */
int sysvmp_at_fork(void (*fn)(void *), void *arg);

/* Lock */

/* Makes a lock, free.  Returns 0, or a creation code. */
SYSVMP_MUST_CHECK int sysvmp_lock_create(struct sysvmp_lock **out);

/*
 * Takes the lock, waiting while another has it; not recursive.  A waiter does
 * not starve.  A child does not hold what its parent locked, and a thread's
 * end is not a death.  Returns
 *   0                  the lock is held
 *   SYSVMP_OWNER_DEAD  the lock is held, but a holder ended, in whatever way,
 *                      without releasing it: mend what it protects.  Each
 *                      acquire says so until one who was told has released
 *   or a waiting code, or a common code: it is not held.
 */
SYSVMP_MUST_CHECK int sysvmp_lock_acquire(struct sysvmp_lock *lock,
    int timeout_ms);

/*
 * Releases it and wakes a waiter.  Any process or thread may, as in Python;
 * but two that do so for one acquire, at once, may both answer 0 and let in
 * two others.
 * Returns 0; -EOVERFLOW, it is free; -EPERM, another process holds it and the
 * library was configured with --disable-fast-lock; or a common code, also
 * -ENOSYS: it is held as before.  So -EACCES where somebody waits, and the
 * kernel does not let this process wake him, as it has changed its user.
 */
int sysvmp_lock_release(struct sysvmp_lock *lock);

/* 1 while a live process holds it, else 0; or a common code. */
int sysvmp_lock_locked(const struct sysvmp_lock *lock);

/*
 * The pid of its holder, 0 if it is free or its holder dead; or a common code.
 * For display: it may have changed by the time it is looked at.
 */
pid_t sysvmp_lock_owner(const struct sysvmp_lock *lock);

/*
 * Frees this process's handle; the lock goes with the last.  Where this
 * process holds it, that is a holder's end: the next is told
 * SYSVMP_OWNER_DEAD.  No thread may be in a call on it.  NULL does nothing.
 */
void sysvmp_lock_destroy(struct sysvmp_lock *lock);

/* RLock */

/* Makes a recursive lock, free.  Returns 0, or a creation code. */
SYSVMP_MUST_CHECK int sysvmp_rlock_create(struct sysvmp_rlock **out);

/*
 * As a lock's, but its holder is one thread of one process, which takes it
 * again without waiting (0, also where the first was told SYSVMP_OWNER_DEAD)
 * and releases it as often.  A thread that ends without releasing keeps it
 * until its process ends.  Returns as sysvmp_lock_acquire(); -EOVERFLOW, it
 * was taken too often to count.
 */
SYSVMP_MUST_CHECK int sysvmp_rlock_acquire(struct sysvmp_rlock *lock,
    int timeout_ms);

/*
 * Takes back one acquire; with the last of them it is free and a waiter woken.
 * Returns 0; -EPERM, another thread or process holds it; -EOVERFLOW, it is
 * free; or another code of sysvmp_lock_release(), and it is held as before.
 */
int sysvmp_rlock_release(struct sysvmp_rlock *lock);

/* As a lock's. */
int sysvmp_rlock_locked(const struct sysvmp_rlock *lock);
pid_t sysvmp_rlock_owner(const struct sysvmp_rlock *lock);
void sysvmp_rlock_destroy(struct sysvmp_rlock *lock);

/* Semaphore */

/*
 * Makes a semaphore of `value` permits, 0 to INT_MAX.  limit: as many as there
 * can ever be, and not under value; 0: no limit but INT_MAX.
 *
 * With SYSVMP_PERMITS a permit is its acquirer's: it comes back when that
 * process ends or destroys its handle, and only that process may release it.
 * The kernel counts these, so there are 32,767 at most.
 *
 * Returns 0, or a creation code; -EINVAL, also for more than that.
 */
SYSVMP_MUST_CHECK int sysvmp_semaphore_create(struct sysvmp_semaphore **out,
    unsigned value, unsigned limit, unsigned flags);

/*
 * Takes a permit, waiting while there is none.  Returns 0; or a waiting code,
 * or a common code: it was not taken.
 */
SYSVMP_MUST_CHECK int sysvmp_semaphore_acquire(struct sysvmp_semaphore *s,
    int timeout_ms);

/*
 * Gives n permits, all or none, and wakes as many.  Returns 0; -EOVERFLOW,
 * there would be more than the limit; -EPERM, with SYSVMP_PERMITS, this
 * process has not so many; -EINVAL, also when n is 0; or a common code.  If
 * the kernel does not let this process wake those who wait, it takes back the
 * permits that nobody has taken by then.
 */
int sysvmp_semaphore_release(struct sysvmp_semaphore *s, unsigned n);

/* How many permits there are; or a common code. */
int sysvmp_semaphore_value(const struct sysvmp_semaphore *s);

/*
 * Frees this process's handle; the semaphore goes with the last.  No thread
 * may be in a call on it.  NULL does nothing.
 */
void sysvmp_semaphore_destroy(struct sysvmp_semaphore *s);

/* Condition */

/*
 * Makes a condition with that lock, which is the caller's as before and must
 * outlive it; with NULL, with an RLock of its own.  Returns 0; -EBADF, the
 * lock is older than this process's sysvmp_leave(); or a creation code.
 */
SYSVMP_MUST_CHECK int sysvmp_condition_create(struct sysvmp_condition **out,
    struct sysvmp_lock *lock_or_null);
SYSVMP_MUST_CHECK int sysvmp_condition_create_rlock(
    struct sysvmp_condition **out, struct sysvmp_rlock *lock);

/* Its lock's acquire and release. */
SYSVMP_MUST_CHECK int sysvmp_condition_acquire(struct sysvmp_condition *c,
    int timeout_ms);
int sysvmp_condition_release(struct sysvmp_condition *c);

/*
 * Releases the lock, which the caller holds, an RLock as often as it was
 * taken; waits until it is notified; and takes the lock again as it was,
 * however long that takes and whatever the result.  Returns
 *   0                  it was notified
 *   SYSVMP_OWNER_DEAD  the lock is held, but a holder ended with it: as
 *                      sysvmp_lock_acquire(); whether notified or not, as one
 *                      of those who wait is woken to be told
 *   -EPERM             the caller does not hold the lock; nothing was done
 *   -EIDRM             there is nothing to wait at, or the lock can't be taken
 *                      again; it is not held
 *   or a waiting code; or another common code, also -ENOSYS: it was not
 *   notified, and holds the lock.
 * Look at what is waited for in a loop, or use wait_for: a notification that
 * a dead process was in the middle of passing on may come twice.
 */
SYSVMP_MUST_CHECK int sysvmp_condition_wait(struct sysvmp_condition *c,
    int timeout_ms);

/*
 * Waits until pred(arg), called with the lock held, is not 0; within one
 * deadline.  Returns 0, it is so; else as sysvmp_condition_wait(), of which
 * SYSVMP_OWNER_DEAD is answered before pred is asked.  If pred throws, the
 * lock is held.
 */
SYSVMP_MUST_CHECK int sysvmp_condition_wait_for(struct sysvmp_condition *c,
    int (*pred)(void *), void *arg, int timeout_ms);

/*
 * Wakes n of those that wait, the longest waiting first, or all that there
 * are.  It waits for nobody's answer.  A notification of one that dies before
 * its wait has returned goes to another.  Returns 0, also when nobody waits;
 * -EPERM, the caller does not hold the lock; or a common code, also -ENOSYS:
 * nobody was notified, unless he has seen it already.
 */
int sysvmp_condition_notify(struct sysvmp_condition *c, unsigned n);
int sysvmp_condition_notify_all(struct sysvmp_condition *c);

/*
 * Frees this process's handle, and that of its own lock; the condition goes
 * with the last.  No thread may be in a call on it.  NULL does nothing.
 */
void sysvmp_condition_destroy(struct sysvmp_condition *c);

/* Event */

/* Makes an event that is not set.  Returns 0, or a creation code. */
SYSVMP_MUST_CHECK int sysvmp_event_create(struct sysvmp_event **out);

/*
 * set: wakes all that wait, also when it is cleared at once, and lets pass who
 * comes until then.  clear: who comes then waits.  Both 0, also when it was so
 * before; or a common code.  Async-signal-safe, as is is_set: 1 or 0, or a
 * common code.
 */
int sysvmp_event_set(struct sysvmp_event *e);
int sysvmp_event_clear(struct sysvmp_event *e);
int sysvmp_event_is_set(const struct sysvmp_event *e);

/* Waits until it is set.  Returns 0; or a waiting code, or a common code. */
SYSVMP_MUST_CHECK int sysvmp_event_wait(struct sysvmp_event *e,
    int timeout_ms);

/*
 * Frees this process's handle; the event goes with the last.  No thread may be
 * in a call on it.  NULL does nothing.
 */
void sysvmp_event_destroy(struct sysvmp_event *e);

/* Barrier */

/*
 * Makes a barrier for so many parties, 1 to INT_MAX.  Each time that all have
 * come, one of them runs action(arg), unless it is NULL, before they go on; a
 * result that is not 0 breaks the barrier, and so does an action that does not
 * return.  It is called in whatever process comes last.  Returns 0, or a
 * creation code.
 */
SYSVMP_MUST_CHECK int sysvmp_barrier_create(struct sysvmp_barrier **out,
    unsigned parties, int (*action)(void *), void *arg);

/*
 * Waits until all parties have come.  A wait that times out or is interrupted
 * breaks the barrier, as does the death of a process that waits, at once.
 * Returns
 *   0 to parties - 1       all have come: to each of them another number
 *   -EAGAIN, -ETIMEDOUT    not all have come in time, and now it is broken
 *   -EINTR                 asked for by sysvmp_set_interrupt()'s function;
 *                          now it is broken
 *   -ECANCELED             it is broken, was broken or reset meanwhile, or the
 *                          action failed
 *   or a common code.
 */
SYSVMP_MUST_CHECK int sysvmp_barrier_wait(struct sysvmp_barrier *b,
    int timeout_ms);

/*
 * reset: as new; abort: broken, until a reset.  Who waits is told -ECANCELED.
 * Both 0, or a common code.
 */
int sysvmp_barrier_reset(struct sysvmp_barrier *b);
int sysvmp_barrier_abort(struct sysvmp_barrier *b);

/* How many it is for; how many wait now; whether it is broken: 1 or 0.  Or a
 * common code. */
int sysvmp_barrier_parties(const struct sysvmp_barrier *b);
int sysvmp_barrier_n_waiting(const struct sysvmp_barrier *b);
int sysvmp_barrier_broken(const struct sysvmp_barrier *b);

/*
 * Frees this process's handle; the barrier goes with the last.  No thread may
 * be in a call on it.  NULL does nothing.
 */
void sysvmp_barrier_destroy(struct sysvmp_barrier *b);

/* Queue */

/*
 * Makes a queue of messages, strings of 0 or more bytes, which its processes
 * put and get.  Each goes to exactly one get, whole; those of one thread stay
 * in order; once put they outlive their sender.  It is full at maxsize
 * messages, exactly; with maxsize 0 (or 2^30 and more) never.  What is in it
 * takes memory: that of the program's objects together is half of the
 * machine's, or what kernel.shmmax, ulimit -v or the addresses allow.
 *
 * With SYSVMP_EOF, get answers -EPIPE when the queue is empty and no process
 * may put any more.  A process may put until it closes or ends: so a consumer,
 * and a parent that only starts others, closes first.
 *
 * With SYSVMP_JOINABLE a message is its taker's until
 * sysvmp_queue_task_done(), and goes back to the front when the taker ends, or
 * destroys its handle, without.  (So it may have more than maxsize messages
 * for a while.)  A process that has none itself sees the end of file when
 * those of the others are done.
 *
 * With SYSVMP_FILENO it has a descriptor: sysvmp_queue_fileno().  Not with
 * SYSVMP_JOINABLE: -EINVAL.
 *
 * Returns 0, or a creation code.
 */
SYSVMP_MUST_CHECK int sysvmp_queue_create(struct sysvmp_queue **out,
    size_t maxsize, unsigned flags);

/*
 * Puts a copy of len bytes, waiting while the queue is full.  Returns
 *   0          the message is in, whatever happens to us
 *   -ENOMEM    the program's shared memory has no room for it
 *   -EBADF     closed by this process, be it meanwhile
 *   or a waiting code, or a common code: it is not in.
 */
SYSVMP_MUST_CHECK int sysvmp_queue_put(struct sysvmp_queue *q,
    const void *buf, size_t len, int timeout_ms);

/*
 * Takes the first message into the size bytes at buf, waiting while there is
 * none.  A process killed in it takes at most the one message with it that the
 * call was about to return, for each of its threads; from a joinable queue not
 * even that.  Returns
 *   a length   of the message taken
 *   -EMSGSIZE  it is longer than size; nothing is taken, it stays first
 *   -EPIPE     end of file, with SYSVMP_EOF: empty, and nobody may put
 *   -EBADMSG   what arrived is no message of ours: the queue is broken here
 *   or a waiting code, or a common code: nothing is taken.
 */
SYSVMP_MUST_CHECK ssize_t sysvmp_queue_get(struct sysvmp_queue *q, void *buf,
    size_t size, int timeout_ms);

/*
 * One of several messages: len bytes at data to be put; or a buffer of size
 * bytes at data to get into, and the length of what it got.
 */
struct sysvmp_item {
    void *data;
    size_t size;
    size_t len;
};

/*
 * Puts copies of n messages, in order, waiting while the queue is full; they
 * are messages as any others, and other senders' may come in between.  Returns
 * how many went in, from the front: n, or fewer where something came in the
 * way after the first; or, when none did, a code of sysvmp_queue_put().
 */
SYSVMP_MUST_CHECK ssize_t sysvmp_queue_put_many(struct sysvmp_queue *q,
    const struct sysvmp_item *items, size_t n, int timeout_ms);

/*
 * Takes up to n messages, waiting for the first alone; others get what it
 * leaves.  A process killed in it takes at most n messages with it.  Returns
 * how many items were filled, from the front; or, when the first could not be,
 * a code of sysvmp_queue_get().
 */
SYSVMP_MUST_CHECK ssize_t sysvmp_queue_get_many(struct sysvmp_queue *q,
    struct sysvmp_item *items, size_t n, int timeout_ms);

/*
 * Length in bytes of the first message, which stays; others may take it
 * meanwhile.  -EAGAIN, there is none now; with SYSVMP_EOF -EPIPE, nor will
 * there be; -EBADMSG, it is no message of ours; -ENOSYS, this kernel can't
 * look without taking (no CONFIG_CHECKPOINT_RESTORE); -ETIMEDOUT, some 100 ms
 * were not enough to see it, as a process was stopped that has the queue's
 * lock; or a common code.
 */
ssize_t sysvmp_queue_next_len(const struct sysvmp_queue *q);

/*
 * Of a queue with SYSVMP_FILENO, a descriptor for poll(2) and its like: it is
 * readable while there is a message, or the end of file, also after a kill;
 * once too often for a message at most, so get it with SYSVMP_NOWAIT.  It is
 * the handle's, close-on-exec: never read, write or close it, and take it out
 * of an epoll set before the destroy.  A process that execs puts no more:
 * there no end of file waits for its new program.  One that has closed
 * descriptors it does not know (closefrom) may not put into the empty queue
 * (-EBADF).  -EINVAL, of a queue without.
 */
int sysvmp_queue_fileno(const struct sysvmp_queue *q);

/*
 * Of a joinable queue; of another -EINVAL.
 *
 * task_done: the oldest message that this thread took from it is done, and
 * forgotten.  task_return: it goes back to the front, for any process.
 * They have no timeout, and no interrupt function is asked.  Returns 0;
 * -EOVERFLOW, this thread has none; or a common code, and it is still this
 * thread's.
 */
int sysvmp_queue_task_done(struct sysvmp_queue *q);
int sysvmp_queue_task_return(struct sysvmp_queue *q);

/*
 * Whether the message that this thread took last had been taken before, by one
 * who gave it back or ended: 1 or 0, or a common code.
 */
int sysvmp_queue_redelivered(const struct sysvmp_queue *q);

/*
 * Waits until every message that was put is done.  Returns 0; or a waiting
 * code, or a common code.
 */
int sysvmp_queue_join(struct sysvmp_queue *q, int timeout_ms);

/*
 * How many messages are in it; and, as 1 or 0, whether there is none, and
 * whether a put would wait; or -EBADMSG, or a common code.  Exact, but others
 * may put and get meanwhile.  -ETIMEDOUT, of the first two and of a joinable
 * queue: some 100 ms were not enough to see it, as a process was stopped that
 * has the queue's lock.
 */
ssize_t sysvmp_queue_qsize(const struct sysvmp_queue *q);
int sysvmp_queue_empty(const struct sysvmp_queue *q);
int sysvmp_queue_full(const struct sysvmp_queue *q);

/*
 * This process, and children it forks later, put no more (-EBADF); get goes
 * on, and what was put stays.  Returns 0, also when repeated; or a common
 * code, and it may still put.
 */
int sysvmp_queue_close(struct sysvmp_queue *q);

/*
 * Frees this process's handle; the messages go with the last.  No thread may
 * be in a call on it.  NULL does nothing.
 */
void sysvmp_queue_destroy(struct sysvmp_queue *q);

/* Pipe */

/*
 * Makes a pipe: what is sent at one end is received at the other, in both
 * directions; with SYSVMP_SIMPLEX, end[0] only receives and end[1] only
 * sends.  Messages as a queue's: whole, to one receiver, in the order of each
 * sending thread.  A direction is full when 256 KiB or 262,144 messages wait
 * beside what is in the kernel's queue (kernel.msgmnb, 16,384 bytes by
 * default); the last one may be of any size.  The caller holds both ends until
 * it gives them, closes them or ends.  As long as any process holds an end, be
 * it the one that waits at the other, there is no end of file there: so give
 * the ends away, or close those that are not used.  With SYSVMP_FILENO:
 * sysvmp_conn_fileno().  Returns 0; or a creation code, with both ends NULL.
 */
SYSVMP_MUST_CHECK int sysvmp_pipe_create(struct sysvmp_conn *end[2],
    unsigned flags);

/*
 * Sends a copy of len bytes, waiting while the pipe is full.  Each call looks
 * for a live holder of the other end; there is no SIGPIPE.  While a process of
 * the program is in the middle of a fork its child may be one: until that is
 * known, some 100 us, a message may still be accepted.  Returns
 *   0          the message is in the pipe, whatever happens to us
 *   -EPIPE     nobody holds the other end, or its last holder died meanwhile
 *   -ENOMEM    the program's shared memory has no room for it
 *   -EBADF     closed here, be it meanwhile, not given here, or only receives
 *   or a waiting code, or a common code: it is not in.
 */
SYSVMP_MUST_CHECK int sysvmp_conn_send(struct sysvmp_conn *c, const void *buf,
    size_t len, int timeout_ms);

/*
 * Receives the next message into the size bytes at buf, waiting while there is
 * none.  A kill in it: as sysvmp_queue_get().  Returns
 *   a length   of the message taken
 *   -EPIPE     end of file: nobody holds the other end, all was received
 *   -EMSGSIZE  it is longer than size; nothing is taken, it stays first
 *   -EBADMSG   what arrived is no message of ours: the end is broken
 *   -EBADF     closed here, be it meanwhile, not given here, or only sends
 *   or a waiting code, or a common code: nothing is taken.
 */
SYSVMP_MUST_CHECK ssize_t sysvmp_conn_recv(struct sysvmp_conn *c, void *buf,
    size_t size, int timeout_ms);

/*
 * Waits until recv need not wait: for a message or the end of file.  Takes
 * nothing.  Returns 1; 0, neither came in time (never -EAGAIN or -ETIMEDOUT);
 * -EINTR; -EBADMSG, the end is broken; -EBADF, also for an end that only
 * sends; or a common code.
 */
int sysvmp_conn_poll(struct sysvmp_conn *c, int timeout_ms);

/*
 * Length in bytes of the first message, which stays.  -EAGAIN, there is none
 * now; -EPIPE, nor will there be; else as sysvmp_queue_next_len(); -EBADF,
 * also for an end that only sends.
 */
ssize_t sysvmp_conn_next_len(const struct sysvmp_conn *c);

/* As sysvmp_queue_fileno(), of an end that receives. */
int sysvmp_conn_fileno(const struct sysvmp_conn *c);

/*
 * Whether the end is open here to receive; to send: 1, or 0, also when it was
 * closed; or a common code other than -EBADF.  It is what the end is for, not
 * whether there is a message or room.
 */
int sysvmp_conn_readable(const struct sysvmp_conn *c);
int sysvmp_conn_writable(const struct sysvmp_conn *c);

/*
 * Closes the end in this process; when nobody else holds it, the other end's
 * calls are told, also those asleep.  What was sent stays.  Any later call on
 * it answers -EBADF, and it still wants its destroy.  Returns 0, also when
 * repeated; or a common code, and it is still open.
 */
int sysvmp_conn_close(struct sysvmp_conn *c);

/*
 * Closes it if need be and frees this process's handle.  No thread may be in a
 * call on it.  NULL does nothing.
 */
void sysvmp_conn_destroy(struct sysvmp_conn *c);

/* Messages without copying */

/*
 * Makes a message of len bytes in the program's shared memory, to be written
 * in place and sent whole.  It is this process's alone; a child forked
 * meanwhile has no part in it.  What a process has of them goes back to the
 * others when it ends.  Returns 0; -ENOMEM, no room; -EAGAIN, some process was
 * stopped for a second in the middle of taking memory, or of giving some back
 * to the system; or a creation code.
 */
SYSVMP_MUST_CHECK int sysvmp_msg_create(struct sysvmp_msg **out, size_t len);

/*
 * Where its bytes are, aligned to 16, and how many; of what was sent, taken
 * back or not ours NULL and 0.  Those of a new message are not cleared.
 */
void *sysvmp_msg_data(struct sysvmp_msg *m);
size_t sysvmp_msg_len(const struct sysvmp_msg *m);

/*
 * As sysvmp_queue_put() and sysvmp_conn_send(), without copying.  After 0 the
 * message is theirs, and m is freed; else it is still ours.  -EBADF, also when
 * it is another process's; -EINVAL, also when it is from a joinable queue, and
 * so to be done.
 */
SYSVMP_MUST_CHECK int sysvmp_queue_put_msg(struct sysvmp_queue *q,
    struct sysvmp_msg *m, int timeout_ms);
SYSVMP_MUST_CHECK int sysvmp_conn_send_msg(struct sysvmp_conn *c,
    struct sysvmp_msg *m, int timeout_ms);

/*
 * As sysvmp_queue_get() and sysvmp_conn_recv(), but the message comes as it
 * lies in memory, of any length, and is ours to read, write, send on, or
 * destroy.  A short one that was put by a copy is copied once more.  Returns
 * 0; else *out is NULL.  Never -EMSGSIZE; -ENOMEM, nothing is taken.
 */
SYSVMP_MUST_CHECK int sysvmp_queue_get_msg(struct sysvmp_queue *q,
    struct sysvmp_msg **out, int timeout_ms);
SYSVMP_MUST_CHECK int sysvmp_conn_recv_msg(struct sysvmp_conn *c,
    struct sysvmp_msg **out, int timeout_ms);

/*
 * As sysvmp_queue_task_done(), for a message that was taken from a joinable
 * queue by sysvmp_queue_get_msg(); after 0 m is freed.  -EINVAL, it is none.
 * To destroy such a message gives it back to the front.
 */
int sysvmp_queue_task_done_msg(struct sysvmp_queue *q, struct sysvmp_msg *m);

/* Frees it.  NULL does nothing. */
void sysvmp_msg_destroy(struct sysvmp_msg *m);

/* Waiting for any of several */

/* What can be waited for, and when it is ready: a conn, when recv would not
 * wait; a queue, when get would not; a process, when it has ended (its parent
 * alone can tell); an event, when it is set. */
enum { SYSVMP_WAIT_CONN = 1, SYSVMP_WAIT_QUEUE, SYSVMP_WAIT_PROCESS,
    SYSVMP_WAIT_EVENT, SYSVMP_WAIT_FUTURE };

struct sysvmp_waitable {
    int kind;
    int ready; /* stored: 1 or 0; what is broken or closed is ready, too */
    union {
        struct sysvmp_conn *conn;
        struct sysvmp_queue *queue;
        struct sysvmp_process *process;
        struct sysvmp_event *event;
        uint64_t reserved; /* 16 bytes for good */
    } of;
};

/*
 * Waits until one of n is ready, and marks all that are.  They stay so until
 * somebody acts on them, which may be another process.  Returns how many are
 * ready; 0, none in time (never -EAGAIN or -ETIMEDOUT; also when n is 0);
 * -EINTR; -EINVAL, also for an unknown kind or a NULL in one; or a common
 * code.
 */
SYSVMP_MUST_CHECK int sysvmp_wait(struct sysvmp_waitable *list, size_t n,
    int timeout_ms);

/* Shared memory */

/*
 * So many bytes that all processes of the program share, zero, aligned to 16:
 * at the same address in all of them, whoever made it and whenever, before
 * their fork or after.  They are freed by any of them, or with the program's
 * last process; a process's end alone frees nothing, and sysvmp_leave() takes
 * them out of the reach of who leaves.  What guards them against others is up
 * to the caller: a lock.  Of 0 bytes it is a pointer that can be freed.  NULL
 * when there is no room, or some process was stopped for a second in the
 * middle of this; sysvmp_last_error() has more.
 */
SYSVMP_MUST_CHECK void *sysvmp_shared_alloc(size_t size);

/* Frees it for all.  NULL does nothing; nor does what was not allocated so, or
 * is free already, but the log is told. */
void sysvmp_shared_free(void *memory);

#if defined(__GNUC__) || defined(__clang__)
#    pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif /* SYSVMP_H */
