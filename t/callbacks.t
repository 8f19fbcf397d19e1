#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# callbacks.t: a program in C++ whose functions throw through the library
# (t/callbacks.cc), built by g++ and by clang++.  A compiler is skipped that is
# not there, or whose programs can't be linked with this build of the library.
#
set -u
source=$(cd "${srcdir-.}" && pwd) || exit 1
build=$(cd "${builddir-.}" && pwd) || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# program CXX FILE: $tmp/program
program()
{
    "$1" ${CFLAGS-} -std=c++11 -Wall -Wextra -Werror -pthread \
        -I"$source/lib" -I"$source/t" -c "$2" -o "$tmp/program.o" &&
        "$build/libtool" --quiet --tag=CC --mode=link "$1" ${CFLAGS-} \
            ${LDFLAGS-} -pthread -no-install "$tmp/program.o" \
            "$build/t/libtap.la" "$build/lib/libsysvmp.la" -o "$tmp/program"
} >"$tmp/log" 2>&1

# The sanitizers' run-time must be that of $CC.
fits()
{
    case "${CFLAGS-} $1 ${CC-cc}" in
    *-fsanitize*clang++*clang*) return 0 ;;
    *-fsanitize*clang*) return 1 ;;
    esac
}

# $1: a compiler; then renumbers what its program says.
try()
{
    cat >"$tmp/small.cc" <<'EOF'
#include "sysvmp.h"
int main() { try { throw sysvmp_version(); } catch (const char *) { } }
EOF
    if ! fits "$1" || ! program "$1" "$tmp/small.cc" || ! "$tmp/program"; then
        n=$((n + 1))
        echo "ok $n # SKIP no $1, or not for this build"
        return
    fi
    if ! program "$1" "$source/t/callbacks.cc"; then
        n=$((n + 1))
        echo "not ok $n - $1 compiles t/callbacks.cc"
        sed 's/^/# /' "$tmp/log"
        return
    fi
    "$tmp/program" >"$tmp/out" 2>"$tmp/err" || sed 's/^/# /' "$tmp/err"
    awk -v n="$n" -v by="$1" '
        /^1\.\./ { planned = substr($0, 4) + 0; next }
        /^(not )?ok / {
            sub(/ok [0-9]+ - /, "ok " ++n " - " by ": "); seen++
        }
        { print }
        END {
            print (seen == planned && seen > 0 ? "ok " : "not ok ") ++n \
                " - " by ": all " planned " were run"
            print n >"'"$tmp/n"'"
        }' "$tmp/out"
    n=$(cat "$tmp/n")
}

n=0
try g++
try clang++
echo "1..$n"
