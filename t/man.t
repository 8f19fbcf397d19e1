#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# man.t: each call has its page, which declares it as the header does; and the
# examples compile.
set -u
src=${srcdir-.}
build=${builddir-.}
cc=${CC-cc}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# said N TEXT FILE: well, if the file is empty.
said()
{
    if test -s "$3"; then
        echo "not ok $1 - $2"
        sed 's/^/# /' "$3"
    else
        echo "ok $1 - $2"
    fi
}

# One prototype a line, without spaces.
header_protos='{ text = text $0 "\n" }
END {
    while ((i = index(text, "/*")) > 0) {
        printf "%s ", substr(text, 1, i - 1)
        text = substr(text, i + 2)
        text = substr(text, index(text, "*/") + 2)
    }
    printf "%s", text
}'
awk "$header_protos" "$src/lib/sysvmp.h" | grep -v '^ *#' | tr '\n' ' ' |
    tr ';' '\n' | grep 'sysvmp_[a-z_]*(' | grep -v -e typedef -e 'extern "C"' |
    sed -e 's/SYSVMP_MUST_CHECK//' -e 's/SYSVMP_NORETURN//' -e 's/[ 	]//g' |
    sort >"$tmp/header"

# .Ft type, .Fo name, .Fa argument ..., .Fc
page_protos='
/^\.Ft / { type = substr($0, 5); gsub(/"/, "", type) }
/^\.Fo / { name = $2; n = 0; args = "" }
/^\.Fa / && name != "" {
    arg = substr($0, 5); gsub(/"/, "", arg)
    args = args (n++ ? "," : "") arg
}
/^\.Fc/ { print type name "(" args ")"; name = "" }'
cat "$src"/man/sysvmp_*.3 | awk "$page_protos" | sed 's/[ 	]//g' |
    sort >"$tmp/pages"

sed -n 's/^ *\(sysvmp_[a-z0-9_]*\);$/\1/p' "$src/lib/libsysvmp.map" |
    sort >"$tmp/calls"
sed -n 's/^\.Nm \(sysvmp_[a-z0-9_]*\).*/\1/p' "$src"/man/sysvmp_*.3 |
    sort >"$tmp/named"

# Each example is a whole program.
example='/^\.Sh EXAMPLES/ { on = 1 } /^\.Sh SEE/ { on = 0 }
on && /^\.Bd/ { code = 1; next } on && /^\.Ed/ { code = 0 }
on && code { gsub(/\\e/, "\\"); sub(/^\\&/, ""); print }'

echo 1..5
test -s "$tmp/calls" || echo 'no call' >"$tmp/calls"
comm -23 "$tmp/calls" "$tmp/named" >"$tmp/without"
said 1 "each call has its page" "$tmp/without"
comm -13 "$tmp/calls" "$tmp/named" >"$tmp/unknown"
said 2 "... and each page is of calls that there are" "$tmp/unknown"
diff "$tmp/header" "$tmp/pages" >"$tmp/differ"
said 3 "... which it declares as the header does" "$tmp/differ"

: >"$tmp/bad"
for page in "$src"/man/sysvmp_*.3; do
    awk "$example" "$page" >"$tmp/example.c"
    test -s "$tmp/example.c" || echo "$page: no example" >>"$tmp/bad"
    $cc -Wall -Wextra -Werror -I"$src/lib" -fsyntax-only "$tmp/example.c" \
        >>"$tmp/bad" 2>&1
done
said 4 "the examples compile" "$tmp/bad"

if command -v mandoc >/dev/null; then
    mandoc -Tlint -Wwarning "$src"/man/*.[0-9] >"$tmp/lint" 2>&1
    said 5 "mandoc finds nothing wrong" "$tmp/lint"
else
    echo 'ok 5 # SKIP there is no mandoc'
fi
