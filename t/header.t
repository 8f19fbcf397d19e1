#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# header.t: the public header alone, in C and in C++, without a warning.
set -u
lib=$(cd "${srcdir-.}/lib" && pwd) || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

n=0
# compiles LANGUAGE FILE COMPILER...
compiles()
{
    what=$1 file=$2
    shift 2
    n=$((n + 1))
    echo 'typedef int t;' >"$tmp/other.${file##*.}"
    if ! "$@" -c "$tmp/other.${file##*.}" -o "$tmp/o" >/dev/null 2>&1; then
        echo "ok $n # SKIP no compiler for $what"
    elif "$@" -c "$file" -o "$tmp/o" >"$tmp/log" 2>&1; then
        echo "ok $n - the header alone is good $what"
    else
        echo "not ok $n - the header alone is good $what"
        sed 's/^/# /' "$tmp/log"
    fi
}

# Twice, for the guard; and a macro and a call, for what they expand to.
for suffix in c cc; do
    cat >"$tmp/t.$suffix" <<EOF
#include "$lib/sysvmp.h"
#include "$lib/sysvmp.h"
int f(struct sysvmp_lock *l);
int f(struct sysvmp_lock *l) { return sysvmp_lock_acquire(l, SYSVMP_FOREVER); }
EOF
done
warnings='-Wall -Wextra -Wundef -Wshadow -pedantic-errors -Werror'

echo 1..4
compiles C11 "$tmp/t.c" ${CC-cc} -std=c11 $warnings
compiles C2x "$tmp/t.c" ${CC-cc} -std=c2x $warnings
compiles C++11 "$tmp/t.cc" ${CXX-c++} -std=c++11 $warnings
compiles C++20 "$tmp/t.cc" ${CXX-c++} -std=c++20 $warnings
