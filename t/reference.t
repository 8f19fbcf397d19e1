#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# reference.t: the programs of Python's reference print the same here, as
# demos/NN-*.c, and there, as demos/python/NN-*.py.
#
# Compared is all that they print, and that both end with 0.  What is put
# aside: the order between processes, the pids themselves (not which of them
# are the same), which worker took which task, and of the log the lines in which
# Python's manager tells of its directory and its socket, as ours has neither,
# and what our library has to say of a janitor.  (All lines of that log but the
# first are Python's library's; here the program says them itself.)
#
set -u
python=${srcdir-.}/demos/python
demos=${builddir-.}/demos
export LC_ALL=C

if ! command -v python3 >/dev/null 2>&1; then
    echo '1..0 # SKIP no python3'
    exit 0
fi
if ! why=$(python3 -c 'import ctypes, multiprocessing.synchronize' 2>&1); then
    echo "1..0 # SKIP this python3 has no multiprocessing:" \
        "$(echo "$why" | tail -n 1)"
    exit 0
fi
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# The views: how an output is made comparable.

# Each pid gets a number, in the order in which they are first seen.
pids()
{
    awk '{
        line = ""
        while (match($0, /(process: |process id: |pid=|parent=)[0-9]+/)) {
            seen = substr($0, RSTART, RLENGTH)
            pid = seen
            sub(/.*[^0-9]/, "", pid)
            sub(/[0-9]+$/, "", seen)
            if (!(pid in number))
                number[pid] = ++n
            line = line substr($0, 1, RSTART - 1) seen "<" number[pid] ">"
            $0 = substr($0, RSTART + RLENGTH)
        }
        print line $0
    }'
}

# (7, 'Process-2'): each process's lines in their order, one after the other.
by_process()
{
    sort -s -k 2
}

# Any worker may take any task; but what is printed first stays first.
tasks()
{
    sed 's/Process-[1-4] says/one says/' |
        awk '{ print (NR == 1 ? 0 : NR <= 21 ? 1 : 2) ": " $0 }' | sort
}

# [INFO/SyncManager-1] text: as by_process.
log()
{
    grep -v -e 'created temp directory' -e 'manager serving at' \
        -e '\] no janitor: ' |
        sed 's|^\[\([A-Z]*\)/\(.*\)\]|\2 \1|' | sort -s -k 1,1
}

# output NAME COMMAND...: of both streams; its exit status comes last.
output()
{
    name=$1
    shift
    timeout -k 5 60 "$@" >"$tmp/$name" 2>&1 </dev/null
    echo "exit status $?" >"$tmp/$name.status"
}

# Python's manager has a second to end, else it is killed; not so ours.
run_python()
{
    for try in 1 2 3 4 5; do
        output python python3 -W ignore "$1"
        grep -q 'manager still alive' "$tmp/python" || break
    done
}

n=0
# same PROGRAM VIEW TEXT
same()
{
    n=$((n + 1))
    run_python "$python/$1.py"
    output c "$demos/$1"
    for which in python c; do
        "$2" <"$tmp/$which" | cat - "$tmp/$which.status" >"$tmp/$which.seen"
    done
    echo 'exit status 0' >"$tmp/well"
    if test -s "$tmp/python" && cmp -s "$tmp/well" "$tmp/python.status" &&
        cmp -s "$tmp/python.seen" "$tmp/c.seen"; then
        echo "ok $n - reference: $1: $3"
    else
        echo "not ok $n - reference: $1: $3"
        diff -u "$tmp/python.seen" "$tmp/c.seen" | sed 's/^/# /'
        sed 's/^/# Python: /' "$tmp/python"
        sed 's/^/# C: /' "$tmp/c"
    fi
}

echo 1..12
same 10-process cat 'a process greets'
same 11-info pids 'who is whose parent'
same 12-exchange-queue cat 'a list comes through a queue'
same 13-exchange-pipe cat 'a list comes through a pipe'
same 14-lock-ten sort 'ten processes print under a lock'
same 15-value-array cat 'a number and an array are shared'
same 16-terminate pids 'a process before, during and after its life'
same 17-recv-into cat 'poll, and an array received into another'
same 18-wait by_process 'who waits for four writers gets all that they write'
same 19-point cat 'a struct, a string and numbers are shared'
same 20-workers tasks 'each task is done once, the first before the next'
same 21-log log 'two processes log to stderr'
