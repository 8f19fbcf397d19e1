# SPDX-License-Identifier: LGPL-2.1-or-later
# bench.m4: which of the libraries that `make bench` compares with are here.
# None is needed: a program of the bench is left out where its peer is absent.

# SYSVMP_PEER(NAME, PREFIX, MODULE, CFLAGS, LIBS, HEADER, CALL)
# Adds t/bench/peer-NAME to BENCH_PEERS if a program with HEADER can be linked
# with CALL.  PREFIX_CFLAGS and PREFIX_LIBS are the user's, or pkg-config's
# for MODULE, or those given here.
AC_DEFUN([SYSVMP_PEER], [
    AC_ARG_VAR([$2_CFLAGS], [compiler flags for $1, for make bench])
    AC_ARG_VAR([$2_LIBS], [linker flags for $1, for make bench])
    AS_IF([test -z "$$2_LIBS" && pkg-config --exists $3 2>/dev/null],
        [$2_CFLAGS=`pkg-config --cflags $3`
        $2_LIBS=`pkg-config --libs $3`])
    : "${$2_CFLAGS=$4}"
    : "${$2_LIBS=$5}"
    AC_CACHE_CHECK([for $1, to compare with], [sysvmp_cv_peer_$1], [
        sysvmp_save_CPPFLAGS=$CPPFLAGS
        sysvmp_save_LIBS=$LIBS
        CPPFLAGS="$CPPFLAGS $$2_CFLAGS"
        LIBS="$$2_LIBS $LIBS"
        AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <$6>]], [[$7;]])],
            [sysvmp_cv_peer_$1=yes], [sysvmp_cv_peer_$1=no])
        CPPFLAGS=$sysvmp_save_CPPFLAGS
        LIBS=$sysvmp_save_LIBS
    ])
    AS_VAR_IF([sysvmp_cv_peer_$1], [yes],
        [BENCH_PEERS="$BENCH_PEERS t/bench/peer-$1"])
])

# SYSVMP_PEER_BOOST
# The one peer in C++.  AC_PROG_CXX would have libtool ask a hundred questions
# about a compiler that the library has no use for.  One program is linked of
# both languages, so they must agree: on the machine (CC='gcc -m32'), on the C
# library (CC=musl-gcc), on sanitizers.
AC_DEFUN([SYSVMP_PEER_BOOST], [
    AC_ARG_VAR([CXX], [C++ compiler, for make bench])
    AC_ARG_VAR([CXXFLAGS], [C++ compiler flags])
    : "${CXXFLAGS=-g -O2}"
    AC_CHECK_PROGS([CXX], [g++ c++ clang++])
    AC_CACHE_CHECK([for boost, to compare with], [sysvmp_cv_peer_boost], [
        sysvmp_cv_peer_boost=no
        cat > conftest-c.c <<'_EOF'
#include <stdio.h>
#ifdef __GLIBC__
#    define WORLD world_of_glibc
#else
#    define WORLD other_world
#endif
int WORLD(void);
int WORLD(void) { return puts(""); }
_EOF
        cat > conftest-cxx.cc <<'_EOF'
#include <boost/interprocess/ipc/message_queue.hpp>
#include <cstdio>
#ifdef __GLIBC__
#    define WORLD world_of_glibc
#else
#    define WORLD other_world
#endif
extern "C" int WORLD(void);
int main() {
    return boost::interprocess::message_queue::remove("") + WORLD();
}
_EOF
        AS_IF([test -n "$CXX" && {
            $CC $CPPFLAGS $CFLAGS -c conftest-c.c -o conftest-c.o &&
            $CXX $CPPFLAGS $CXXFLAGS -c conftest-cxx.cc -o conftest-cxx.o &&
            $CXX $CXXFLAGS $LDFLAGS -o conftest-both$EXEEXT \
                conftest-cxx.o conftest-c.o $LIBS
            } >&AS_MESSAGE_LOG_FD 2>&1], [sysvmp_cv_peer_boost=yes])
        rm -f conftest-*
    ])
    AS_VAR_IF([sysvmp_cv_peer_boost], [yes],
        [BENCH_PEERS="$BENCH_PEERS t/bench/peer-boost"])
])

# SYSVMP_PEERS
# Substitutes BENCH_PEERS, and MQ_LIBS: what POSIX message queues want.
AC_DEFUN([SYSVMP_PEERS], [
    sysvmp_save_LIBS=$LIBS
    AC_SEARCH_LIBS([mq_open], [rt])
    MQ_LIBS=
    AS_CASE([$ac_cv_search_mq_open], [-l*], [MQ_LIBS=$ac_cv_search_mq_open])
    LIBS=$sysvmp_save_LIBS
    AC_SUBST([MQ_LIBS])
    BENCH_PEERS=
    SYSVMP_PEER([apr], [APR], [apr-1],
        [-D_LARGEFILE64_SOURCE -I/usr/include/apr-1.0], [-lapr-1],
        [apr_proc_mutex.h], [return apr_proc_mutex_lock(NULL)])
    SYSVMP_PEER([nng], [NNG], [nng], [], [-lnng],
        [nng/nng.h], [nng_msg_free(NULL)])
    SYSVMP_PEER([zmq], [ZMQ], [libzmq], [], [-lzmq],
        [zmq.h], [return zmq_ctx_new() == NULL])
    SYSVMP_PEER_BOOST
    AC_SUBST([BENCH_PEERS])
])
