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
