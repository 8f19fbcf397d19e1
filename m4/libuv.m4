# SPDX-License-Identifier: LGPL-2.1-or-later
# libuv.m4: is libuv here, for a demo?

# SYSVMP_LIBUV
# A demo is an event loop of libuv, where it is found: UV_CFLAGS and UV_LIBS
# are the user's, or pkg-config's, or guessed.
AC_DEFUN([SYSVMP_LIBUV], [
    AC_ARG_VAR([UV_CFLAGS], [compiler flags for libuv, for a demo])
    AC_ARG_VAR([UV_LIBS], [linker flags for libuv, for a demo])
    AS_IF([test -z "$UV_LIBS" && pkg-config --exists libuv 2>/dev/null],
        [UV_CFLAGS=`pkg-config --cflags libuv`
        UV_LIBS=`pkg-config --libs libuv`])
    : "${UV_LIBS=-luv}"
    AC_CACHE_CHECK([for libuv, for a demo], [sysvmp_cv_libuv], [
        sysvmp_save_CPPFLAGS=$CPPFLAGS
        sysvmp_save_LIBS=$LIBS
        CPPFLAGS="$CPPFLAGS $UV_CFLAGS"
        LIBS="$UV_LIBS $LIBS"
        AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <uv.h>]],
            [[return uv_loop_close(uv_default_loop());]])],
            [sysvmp_cv_libuv=yes], [sysvmp_cv_libuv=no])
        CPPFLAGS=$sysvmp_save_CPPFLAGS
        LIBS=$sysvmp_save_LIBS
    ])
    AM_CONDITIONAL([LIBUV], [test "$sysvmp_cv_libuv" = yes])
    AS_IF([test "$sysvmp_cv_libuv" = no],
        [AC_MSG_NOTICE([no libuv (Debian: libuv1-dev): its demo is left out])])
])
