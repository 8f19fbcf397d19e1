#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# symbols.t: header, map and library name the same calls.
set -u
lib=${srcdir-.}/lib
so=${builddir-.}/lib/.libs/libsysvmp.so
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# same N FILE TEXT
same()
{
    if cmp -s "$tmp/header" "$tmp/$2"; then
        echo "ok $1 - $3"
    else
        echo "not ok $1 - $3 (<: header only, >: $2 only)"
        diff "$tmp/header" "$tmp/$2" | sed -n 's/^[<>]/# &/p'
    fi
}

# What stands before "(" and is neither in a comment nor a type or a macro.
without_comments='{ text = text $0 "\n" }
END {
    while ((i = index(text, "/*")) > 0) {
        printf "%s ", substr(text, 1, i - 1)
        text = substr(text, i + 2)
        text = substr(text, index(text, "*/") + 2)
    }
    printf "%s", text
}'
awk "$without_comments" "$lib/sysvmp.h" | grep -v -e '^typedef' -e '^ *#' |
    tr -c 'a-z0-9_(' '\n' | sed -n 's/^\(sysvmp_[a-z0-9_]*\)(.*/\1/p' |
    sort -u >"$tmp/header"
awk "$without_comments" "$lib/libsysvmp.map" |
    sed -n 's/^ *\(sysvmp_[a-z0-9_]*\);$/\1/p' | sort >"$tmp/map"

echo 1..3
if test -s "$tmp/header"; then
    echo "ok 1 - the header declares $(wc -l <"$tmp/header" | tr -d ' ') calls"
else
    echo "not ok 1 - the header declares calls"
fi
same 2 map 'header and map name the same calls'

# Address and type, then NAME or NAME@@VERSION; the node itself is type A.
if ! test -e "$so"; then
    echo 'ok 3 # SKIP no shared library was built'
elif ! ${NM-nm} -D "$so" >"$tmp/nm" 2>/dev/null; then
    echo 'ok 3 # SKIP no nm -D'
else
    awk 'NF == 3 && $2 != "A" && $2 != "w" {
        sub(/@.*/, "", $3); print $3
    }' "$tmp/nm" | sort >"$tmp/library"
    same 3 library 'header and library name the same calls'
fi
