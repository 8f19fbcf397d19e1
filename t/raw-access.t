#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# raw-access.t: shared words are touched through shared.h only, the kernel's
# IPC through sysv.c only.  There are the crash points and the counters: what
# went past them would never be killed in a test.
set -u
lib=${srcdir-.}/lib

# Keeps the line numbers.
without_comments='{
    line = $0; out = ""
    while (line != "") {
        if (inside) {
            i = index(line, "*/")
            if (!i) break
            line = substr(line, i + 2); inside = 0
        } else {
            i = index(line, "/*")
            if (!i) { out = out line; break }
            out = out substr(line, 1, i - 1)
            line = substr(line, i + 2); inside = 1
        }
    }
    sub(/\/\/.*/, "", out)
    if (match(out, PATTERN)) {
        print "# " FILENAME ":" FNR ": " out; found = 1
    }
}
END { exit found }'

# no N TEXT PATTERN EXEMPT-FILE...
no()
{
    number=$1 text=$2 pattern=$3
    shift 3
    status=ok
    for file in "$lib"/*.[ch]; do
        case " $* " in
        *" ${file##*/} "*) continue ;;
        esac
        awk -v PATTERN="$pattern" "$without_comments" "$file" >&3 ||
            status='not ok'
    done 3>&1
    echo "$status $number - $text"
}

word='(^|[^A-Za-z0-9_])'
ipc='(msg(get|snd|rcv|ctl)|sem(get|op|timedop|ctl)|shm(get|at|dt|ctl))'

echo 1..2
no 1 'no atomic access outside shared.h' \
    "$word(atomic_[a-z_]+|__atomic_[a-z_]+|__sync_[a-z_]+) *[(]" \
    shared.h testing.h testing.c
no 2 'no System V IPC call outside sysv.c' \
    "$word($ipc *[(]|(SYS|__NR)_($ipc|ipc))" sysv.c
