#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# man.t: the manual is that of this library.  Each call has a page, whose
# prototype is the header's; each constant and struct of the header is in one;
# what a page refers to is there; the pages pass mandoc; and their examples
# print what the page says.
#
# What is marked in a page as
#     .\" a program           the .Bd block after it is compiled and run
#     .\" what it prints      ... and must print this one.
#
set -u
man=${srcdir-.}/man
header=${srcdir-.}/lib/sysvmp.h
map=${srcdir-.}/lib/libsysvmp.map
build=$(cd "${builddir-.}" && pwd) || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
export LC_ALL=C

n=0
# result STATUS TEXT: what $tmp/why has is shown where it failed
result()
{
    n=$((n + 1))
    if test "$1" = 0; then
        echo "ok $n - $2"
    else
        echo "not ok $n - $2"
        sed 's/^/# /' "$tmp/why"
    fi
}

# same TEXT: $tmp/header and $tmp/pages
same()
{
    test -s "$tmp/header" && diff "$tmp/header" "$tmp/pages" >"$tmp/why"
    result $? "$1 (<: header, >: pages)"
}

# Nothing but spaces that separate words.
squeezed='s/[[:space:]][[:space:]]*/ /g; s/ *\([(),*;{}]\) */\1/g; s/^ //; s/ $//'

# The header: without comments, directives and what is for compilers.
awk '{ text = text $0 "\n" }
    END {
        while ((i = index(text, "/*")) > 0) {
            printf "%s ", substr(text, 1, i - 1)
            text = substr(text, i + 2)
            text = substr(text, index(text, "*/") + 2)
        }
        printf "%s", text
    }' "$header" >"$tmp/plain"
awk '/^ *#/ { going_on = 1 }
    { print going_on ? "" : $0; going_on = going_on && /\\$/ }' \
    "$tmp/plain" >"$tmp/code"

# One declaration a line; a struct is not at an end within its braces.
awk '{
        gsub(/SYSVMP_MUST_CHECK|SYSVMP_NORETURN|extern "C" \{/, "")
        text = text " " $0
        depth += gsub(/\{/, "{") - gsub(/\}/, "}")
        if (depth <= 0 && /;[[:space:]]*$/) { print text; text = ""; depth = 0 }
    }' "$tmp/code" | sed "$squeezed" >"$tmp/declarations"

# The names of a page, and what its SYNOPSIS has of calls: as declarations.
names='/^\.Sh / { in_name = $2 == "NAME" }
    in_name && /^\.Nm / { print $2 }'
synopsis='function words(    i, text) {
        text = $0
        sub(/^\.[A-Z][a-z] /, "", text)
        gsub(/"/, "", text)
        return text
    }
    /^\.Sh / { inside = $2 == "SYNOPSIS" }
    !inside { next }
    /^\.Ft / { type = words() }
    /^\.Fo / { name = words(); list = "" }
    /^\.Fa / { list = list (list == "" ? "" : ", ") words() }
    /^\.Fc/ { print type " " name "(" list ");" }'
structs='/^\.Sh / { inside = $2 == "SYNOPSIS" }
    inside && /^struct .* \{$/ { text = ""; taking = 1 }
    taking { text = text " " $0 }
    taking && /^\};$/ { print text; taking = 0 }'
comments='s|/\*[^*]*\*/||g'

#
# The calls.
#
sed -n 's/^ *\(sysvmp_[a-z0-9_]*\);$/\1/p' "$map" | sort >"$tmp/header"
awk "$names" "$man"/*.3 | tr -d ' ,' | sort >"$tmp/pages"
same 'each call that is exported has one page, and no other has'

for page in "$man"/*.3; do
    awk "$names" "$page" | sort >"$tmp/named"
    awk "$synopsis" "$page" | sed "$squeezed" | grep -v '^typedef' |
        sed 's/(.*//; s/.*[ *]//' | sort | diff "$tmp/named" -
done >"$tmp/why"
test ! -s "$tmp/why"
result $? 'what a page names is what its synopsis declares'

grep 'sysvmp_[a-z0-9_]*(' "$tmp/declarations" | sort >"$tmp/header"
awk "$synopsis" "$man"/*.3 | sed "$squeezed" | sort >"$tmp/pages"
same 'each prototype is that of the header'

grep '^struct [a-z_]*{' "$tmp/declarations" | sort >"$tmp/header"
awk "$structs" "$man"/*.3 | sed "$comments; $squeezed" | sort >"$tmp/pages"
same 'each struct is that of the header'

#
# What is not a call.
#
tr -c 'A-Z0-9_' '\n' <"$tmp/plain" | grep '^SYSVMP_[A-Z]' | sort -u |
    grep -v -x -e SYSVMP_H -e SYSVMP_MUST_CHECK -e SYSVMP_NORETURN \
        >"$tmp/header"
sed -n 's/^\.\(It \)\{0,1\}Dv \(SYSVMP_[A-Z_]*\).*/\2/p' "$man"/*.[37] |
    sort -u >"$tmp/pages"
same 'each constant of the header is in a page'

cat "$man"/*.[137] | sed -n 's/^\.\(It \)\{0,1\}Xr \(sysvmp[a-z_]*\) \([0-9]\).*/\2 \3/p' |
    sort -u >"$tmp/wanted"
{
    awk "$names" "$man"/*.3 | sed 's/$/ 3/'
    for page in "$man"/*.[0-9]; do
        page=${page##*/}
        echo "${page%.*} ${page##*.}"
    done
} | sort -u >"$tmp/there"
comm -23 "$tmp/wanted" "$tmp/there" >"$tmp/why"
test -s "$tmp/wanted" && test ! -s "$tmp/why"
result $? 'each page of ours that another refers to is there'

n=$((n + 1))
if ! command -v mandoc >/dev/null 2>&1; then
    echo "ok $n # SKIP no mandoc"
else
    n=$((n - 1))
    mandoc -Tlint -Wwarning "$man"/*.[0-9] >"$tmp/why" 2>&1
    result $? 'mandoc has no warning'
fi

#
# The examples.
#
# $tmp/NAME-1.c, NAME-1.out, NAME-2.c ...
for page in "$man"/*.[37]; do
    awk -v base="$tmp/$(basename "$page" | tr . -)" '
        /^\.\\" a program$/ { file = base "-" ++k ".c" }
        /^\.\\" what it prints$/ { file = base "-" k ".out" }
        /^\.Ed$/ { if (file != "") close(file); file = ""; inside = 0 }
        file != "" && inside {
            sub(/^\\&/, "")
            gsub(/\\-/, "-")
            gsub(/\\\(aq/, "\047")
            gsub(/\\\(ha/, "^")
            gsub(/\\\(ti/, "~")
            gsub(/\\\(ga/, "`")
            gsub(/\\e/, "\\")
            print >file
        }
        file != "" && /^\.Bd / { inside = 1 }' "$page"
done

# runs FILE.c: it is compiled as a user's program is, and prints FILE.out
runs()
{
    program=${1%.c}
    what="an example of $(basename "$program" | sed 's/-\([0-9]\)-.*/(\1)/')"
    {
        ${CC-cc} ${CFLAGS-} -Wall -Wextra -Werror -I"${srcdir-.}/lib" \
            -c "$1" -o "$program.o" &&
            "$build/libtool" --quiet --tag=CC --mode=link ${CC-cc} \
                ${CFLAGS-} ${LDFLAGS-} -no-install "$program.o" \
                "$build/lib/libsysvmp.la" -o "$program"
    } >"$tmp/why" 2>&1 &&
        timeout -k 5 60 "$program" >"$program.seen" 2>"$tmp/why" &&
        diff "$program.out" "$program.seen" >>"$tmp/why"
    result $? "$what prints what the page says"
}

for page in "$man"/*.3; do
    test -e "$tmp/$(basename "$page" | tr . -)-1.c" || echo "$page"
done >"$tmp/why"
test ! -s "$tmp/why"
result $? 'each page of section 3 has a program as an example'
for example in "$tmp"/*.c; do
    runs "$example"
done
echo "1..$n"
