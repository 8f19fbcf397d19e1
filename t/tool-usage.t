#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# tool-usage.t: the command sysvmp: wrong usage, its exit statuses, the limits
# as /proc/sys/kernel has them, and JSON that parses.
set -u
tool=${builddir-.}/tools/sysvmp
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

if ! test -x "$tool"; then
    echo '1..0 # SKIP the command sysvmp was not built'
    exit 0
fi

n=0
# result STATUS TEXT
result()
{
    n=$((n + 1))
    if test "$1" = 0; then
        echo "ok $n - $2"
    else
        echo "not ok $n - $2"
        sed 's/^/# /' "$tmp/out" "$tmp/err"
    fi
}

# exits STATUS ARGUMENT...
exits()
{
    wanted=$1
    shift
    "$tool" "$@" >"$tmp/out" 2>"$tmp/err"
    status=$?
    test "$status" = "$wanted"
    result $? "sysvmp $*: exit status $wanted ($status)"
}

# wrong TEXT ARGUMENT...: its message says that, and nothing is in stdout
wrong()
{
    text=$1
    shift
    exits 2 "$@"
    test ! -s "$tmp/out" && grep -q -e "$text" "$tmp/err" &&
        grep -q '^usage: ' "$tmp/err"
    result $? "... and says why: $text"
}

# limit NAME VALUE
limit()
{
    awk -v name="$1" -v value="$2" '
        index($0, name " ") == 1 {
            $0 = substr($0, length(name) + 1); found = $1 == value
        }
        END { exit !found }' "$tmp/out"
    result $? "limits: $1 is $2"
}

# json VERB ARGUMENT...
json()
{
    if ! command -v python3 >/dev/null 2>&1; then
        n=$((n + 1))
        echo "ok $n # SKIP no python3"
        return
    fi
    "$tool" "$@" --json >"$tmp/out" 2>"$tmp/err" &&
        python3 -m json.tool <"$tmp/out" >/dev/null 2>>"$tmp/err"
    result $? "sysvmp $*: --json is one document"
}

echo 1..38
wrong 'list, clean or limits'
wrong 'list, clean and limits' nonsense
wrong 'unexpected' list more
wrong 'for clean' list --dry-run
wrong 'for clean' limits --force 12345678
wrong 'nonsense' list --nonsense
wrong 'force' clean --force
wrong "no arena's name" clean --force xyz
wrong "no arena's name" clean --force 123456789
wrong "no arena's name" clean --force ''
exits 0 --help
test ! -s "$tmp/err" && grep -q '^usage: ' "$tmp/out"
result $? '... prints the usage'
exits 0 --version
grep -q '^sysvmp [0-9.]*$' "$tmp/out"
result $? '... prints the version'
exits 0 limits
kernel=/proc/sys/kernel
for name in msgmni msgmax msgmnb shmmni shmall shmmax; do
    limit "kernel.$name" "$(cat $kernel/$name)"
done
i=0
for name in semmsl semmns semopm semmni; do
    i=$((i + 1))
    limit "kernel.sem ($name)" "$(awk -v i=$i '{ print $i }' $kernel/sem)"
done
json list
json limits
json clean --dry-run
