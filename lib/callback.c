/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * callback.c: calls the program's functions, and notices when one of them does
 * not return.
 *
 * An exception, or pthread_exit() in glibc, unwinds the stack: for each frame
 * the unwinder calls the "personality" that the frame's function has.  Each
 * function of the program is called from a frame with a personality of ours,
 * which does at once what there is to do, and lets the unwinder go on.  So the
 * library needs no -fexceptions, and no libgcc_s: a C program does not load
 * it, and a child does not pay for its mappings (some 5 % of a fork).
 *
 * The unwinder first searches for who catches an exception, without changing
 * anything, then unwinds.  A child that must not be left by its target is
 * ended in the search.  So it makes no difference whether its parent's code
 * would catch the exception, and a core file shows where it was thrown.
 *
 * glibc's longjmp() looks through a list of old, and so does musl's
 * pthread_exit(): _pthread_cleanup_push() registers there.  Nothing tells of
 * a longjmp() elsewhere.
 *
 * call_level is what this thread has under way in the library since the
 * program's code called it last.  A function of the program may itself call
 * the library, so each has a level of its own.
 */
#include "callback.h"

#include <signal.h>
#include <stdlib.h>
#ifdef HAVE_CFI_PERSONALITY
#    include <unwind.h>
#endif

#include "hooks.h"
#include "self.h"

_Thread_local struct call_level call_level CALL_TLS;

/* A function of the program that is running. */
struct callback {
    struct call_level level; /* of the call that called it */
    struct cleanup *cleanup; /* of the one that is watched */
    uint64_t process;        /* that called it */
};

/*
 * The C library's list.
 */

#ifdef HAVE_PTHREAD_CLEANUP_BUFFER /* glibc, which does not declare these */
struct cleanup {
    struct _pthread_cleanup_buffer buffer;
};
extern void _pthread_cleanup_push(struct _pthread_cleanup_buffer *buffer,
    void (*fn)(void *), void *arg);
extern void _pthread_cleanup_pop(struct _pthread_cleanup_buffer *buffer,
    int run);
#elif defined(HAVE_PTCB) /* musl */
struct cleanup {
    struct __ptcb buffer;
};
#else
struct cleanup {
    char buffer;
};
#    define _pthread_cleanup_push(buffer, fn, arg) ((void) (fn))
#    define _pthread_cleanup_pop(buffer, run)      ((void) (buffer))
#endif

/* Lines for the log from here are told once: its function may throw, and fork,
 * as well. */
static bool
first_time(void)
{
    static _Thread_local bool told;
    bool first = !told;

    told = true;
    return first;
}

static const char *
our_name(void)
{
    const struct sysvmp_process *us = self.current_process;

    return us != NULL ? sysvmp_process_name(us) : "a child of fork()";
}

SYSVMP_NORETURN static void
end_by_abort(void)
{
    signal(SIGABRT, SIG_DFL); /* a handler might not return, either */
    abort();
}

/*
 * Functions whose call is given up when they do not return.
 */

/*
 * A child that was forked in the function must not come back into the call
 * that its parent is in: what that has announced to others, and takes back at
 * its end, is its parent's.
 */
static void
only_the_caller(const struct callback *callback)
{
    if (callback->process == self_process())
        return;
    if (first_time())
        hooks_log(SYSVMP_LOG_ERROR,
            "%s: forked in a function that the library called, it came back "
            "from there into its parent's call, instead of _exit(), exec() or "
            "sysvmp_process_exit(): it ends by SIGABRT", our_name());
    end_by_abort();
}

/* The function is left, and so is the call of the library that called it. */
static void
leave_call(void *arg)
{
    const struct callback *callback = arg;
    const struct undo *undo;

    only_the_caller(callback);
    if (callback->cleanup != NULL)
        _pthread_cleanup_pop(&callback->cleanup->buffer, 0);
    call_level = callback->level;
    while ((undo = call_level.undos) != NULL) {
        call_level.undos = undo->next;
        undo->fn(undo->arg);
    }
    call_level.guards = 0;
    guard_restore(&call_level.outer);
}

#ifdef HAVE_CFI_PERSONALITY
#    define PERSONALITY(fn) \
        __asm__ volatile(".cfi_personality 0x1b, " #fn)
/* What comes after a call, so that it is no jump that leaves our frame. */
#    define AFTER_CALL(result) __asm__ volatile("" : "+r"(result))

__attribute__((__used__, __visibility__("hidden"))) _Unwind_Reason_Code
sysvmp_personality(int version, _Unwind_Action actions,
    _Unwind_Exception_Class class, struct _Unwind_Exception *exception,
    struct _Unwind_Context *context);

_Unwind_Reason_Code
sysvmp_personality(int version, _Unwind_Action actions,
    _Unwind_Exception_Class class, struct _Unwind_Exception *exception,
    struct _Unwind_Context *context)
{
    (void) version, (void) class, (void) exception, (void) context;
    if ((actions & _UA_CLEANUP_PHASE) != 0)
        leave_call(call_level.callback);
    return _URC_CONTINUE_UNWIND;
}
#else
#    define PERSONALITY(fn)    ((void) 0)
#    define AFTER_CALL(result) ((void) (result))
#endif

__attribute__((__noinline__)) static int
call_it(int (*fn)(void *), void *arg)
{
    int result;

    PERSONALITY(sysvmp_personality);
    result = fn(arg);
    AFTER_CALL(result);
    return result;
}

/* Not inlined, as its frame must lie above that of call_it(): the C library
 * then comes to our place in its list after the personality has. */
__attribute__((__noinline__)) static int
call_at_new_level(struct callback *callback, int (*fn)(void *), void *arg)
{
    struct guard guard = guard_enter();
    int result;

    callback->level = call_level;
    callback->process = self_process();
    call_level = (struct call_level){ .callback = callback };
    result = call_it(fn, arg);
    only_the_caller(callback);
    call_level = callback->level;
    guard_end(&guard);
    return result;
}

int
callback_call(int (*fn)(void *), void *arg)
{
    struct callback callback = { .cleanup = NULL };

    return call_at_new_level(&callback, fn, arg);
}

int
callback_call_watched(int (*fn)(void *), void *arg)
{
    struct cleanup cleanup;
    struct callback callback = { .cleanup = &cleanup };
    int result;

    _pthread_cleanup_push(&cleanup.buffer, leave_call, &callback);
    result = call_at_new_level(&callback, fn, arg);
    _pthread_cleanup_pop(&cleanup.buffer, 0);
    return result;
}

/*
 * Functions that must return.
 */

/* What this thread is in.  A child has this thread alone. */
static _Thread_local const char *duty;

static void
tell_of_it(void)
{
    if (!first_time())
        return;
    hooks_log(SYSVMP_LOG_ERROR,
        "%s: %s did not return, but was left by an exception, pthread_exit() "
        "or longjmp(): this process ends by SIGABRT",
        our_name(), duty);
}

SYSVMP_NORETURN static void
break_off(void *ignored)
{
    (void) ignored;
    tell_of_it();
    end_by_abort();
}

#ifdef HAVE_CFI_PERSONALITY
__attribute__((__used__, __visibility__("hidden"))) _Unwind_Reason_Code
sysvmp_personality_strict(int version, _Unwind_Action actions,
    _Unwind_Exception_Class class, struct _Unwind_Exception *exception,
    struct _Unwind_Context *context);

/* An error in the search makes the run-time of C++ call std::terminate(),
 * which says what the exception was, and aborts. */
_Unwind_Reason_Code
sysvmp_personality_strict(int version, _Unwind_Action actions,
    _Unwind_Exception_Class class, struct _Unwind_Exception *exception,
    struct _Unwind_Context *context)
{
    (void) version, (void) class, (void) exception, (void) context;
    if ((actions & _UA_SEARCH_PHASE) == 0)
        break_off(NULL);
    tell_of_it();
    return _URC_FATAL_PHASE1_ERROR;
}
#endif

__attribute__((__noinline__)) static void
call_strictly(void (*fn)(void *), void *arg)
{
    int after = 0;

    PERSONALITY(sysvmp_personality_strict);
    fn(arg);
    AFTER_CALL(after);
}

void
callback_must_return(const char *what, void (*fn)(void *), void *arg)
{
    const struct callback callback = { .process = self_process() };
    const char *before = duty;
    struct cleanup cleanup;

    duty = what;
    _pthread_cleanup_push(&cleanup.buffer, break_off, NULL);
    call_strictly(fn, arg);
    only_the_caller(&callback);
    _pthread_cleanup_pop(&cleanup.buffer, 0);
    duty = before;
}
