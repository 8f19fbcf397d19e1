# SPDX-License-Identifier: LGPL-2.1-or-later
# sysvmp.m4: ask the compiler and the linker what they know.

# SYSVMP_COMPILE_FLAGS(VARIABLE, FLAGS)
# Sets and substitutes VARIABLE: those of FLAGS that the compiler takes.
# -Werror, because clang merely warns of a -W option that it does not know.
AC_DEFUN([SYSVMP_COMPILE_FLAGS], [
    $1=
    sysvmp_save_CFLAGS=$CFLAGS
    for sysvmp_flag in $2; do
        AS_VAR_PUSHDEF([cache], [sysvmp_cv_cflag_$sysvmp_flag])
        AC_CACHE_CHECK([whether $CC takes $sysvmp_flag], [cache], [
            CFLAGS="$sysvmp_save_CFLAGS -Werror $sysvmp_flag"
            AC_COMPILE_IFELSE([AC_LANG_PROGRAM()],
                [AS_VAR_SET([cache], [yes])], [AS_VAR_SET([cache], [no])])
        ])
        AS_VAR_IF([cache], [yes], [$1="${$1:+$$1 }$sysvmp_flag"])
        AS_VAR_POPDEF([cache])
    done
    CFLAGS=$sysvmp_save_CFLAGS
    AC_SUBST([$1])
])

# SYSVMP_LINK_FLAG(VARIABLE, FLAG)
# Sets and substitutes VARIABLE: FLAG, if a link with it succeeds, else empty.
AC_DEFUN([SYSVMP_LINK_FLAG], [
    AS_VAR_PUSHDEF([cache], [sysvmp_cv_ldflag_$2])
    AC_CACHE_CHECK([whether the linker takes $2], [cache], [
        sysvmp_save_LDFLAGS=$LDFLAGS
        LDFLAGS="$LDFLAGS $2"
        AC_LINK_IFELSE([AC_LANG_PROGRAM()],
            [AS_VAR_SET([cache], [yes])], [AS_VAR_SET([cache], [no])])
        LDFLAGS=$sysvmp_save_LDFLAGS
    ])
    $1=
    AS_VAR_IF([cache], [yes], [$1="$2"])
    AS_VAR_POPDEF([cache])
    AC_SUBST([$1])
])

# SYSVMP_VERSION_SCRIPT
# Sets sysvmp_cv_version_script to yes or no.
AC_DEFUN([SYSVMP_VERSION_SCRIPT], [
    AC_CACHE_CHECK([whether the linker takes a version script],
        [sysvmp_cv_version_script], [
        AS_ECHO(["CONFTEST_0 { global: main; local: *; };"]) > conftest.map
        sysvmp_save_LDFLAGS=$LDFLAGS
        LDFLAGS="$LDFLAGS -Wl,--version-script=conftest.map"
        AC_LINK_IFELSE([AC_LANG_PROGRAM()],
            [sysvmp_cv_version_script=yes], [sysvmp_cv_version_script=no])
        LDFLAGS=$sysvmp_save_LDFLAGS
        rm -f conftest.map
    ])
])

# SYSVMP_CALLBACKS
# Defines what lib/callback.c needs to notice that a function of the program
# does not return: whether a frame can be given a personality in C, and the
# structure of the C library's list of clean-ups.
AC_DEFUN([SYSVMP_CALLBACKS], [
    AC_CACHE_CHECK([whether a function can have a personality],
        [sysvmp_cv_cfi_personality], [
        AC_LINK_IFELSE([AC_LANG_PROGRAM([[
#include <unwind.h>
__attribute__((__used__, __visibility__("hidden"))) _Unwind_Reason_Code
personality(int version, _Unwind_Action actions, _Unwind_Exception_Class class,
    struct _Unwind_Exception *exception, struct _Unwind_Context *context)
{
    (void) version, (void) actions, (void) class;
    return exception == 0 || context == 0 ? _URC_FATAL_PHASE1_ERROR
                                          : _URC_CONTINUE_UNWIND;
}
__attribute__((__noinline__)) static int
call(int (*fn)(void))
{
    int result;

    __asm__ volatile(".cfi_personality 0x1b, personality");
    result = fn();
    __asm__ volatile("" : "+r"(result));
    return result;
}
static int zero(void) { return 0; }]], [[return call(zero);]])],
            [sysvmp_cv_cfi_personality=yes], [sysvmp_cv_cfi_personality=no])
    ])
    AS_VAR_IF([sysvmp_cv_cfi_personality], [yes],
        [AC_DEFINE([HAVE_CFI_PERSONALITY], [1],
            [Define to 1 if a function in C can have a personality.])])
    AC_CACHE_CHECK([for glibc's list of clean-ups],
        [sysvmp_cv_cleanup_buffer], [
        AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <pthread.h>
extern void _pthread_cleanup_push(struct _pthread_cleanup_buffer *,
    void (*)(void *), void *);
extern void _pthread_cleanup_pop(struct _pthread_cleanup_buffer *, int);]],
            [[struct _pthread_cleanup_buffer buffer;
            _pthread_cleanup_push(&buffer, 0, 0);
            _pthread_cleanup_pop(&buffer, 0);]])],
            [sysvmp_cv_cleanup_buffer=yes], [sysvmp_cv_cleanup_buffer=no])
    ])
    AS_VAR_IF([sysvmp_cv_cleanup_buffer], [yes],
        [AC_DEFINE([HAVE_PTHREAD_CLEANUP_BUFFER], [1],
            [Define to 1 if you have glibc's _pthread_cleanup_push.])])
    AC_CACHE_CHECK([for musl's list of clean-ups], [sysvmp_cv_ptcb], [
        AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <pthread.h>]],
            [[struct __ptcb buffer;
            _pthread_cleanup_push(&buffer, 0, 0);
            _pthread_cleanup_pop(&buffer, 0);]])],
            [sysvmp_cv_ptcb=yes], [sysvmp_cv_ptcb=no])
    ])
    AS_VAR_IF([sysvmp_cv_ptcb], [yes],
        [AC_DEFINE([HAVE_PTCB], [1],
            [Define to 1 if you have musl's _pthread_cleanup_push.])])
])
