# SPDX-License-Identifier: LGPL-2.1-or-later
#
# rate.gp: pictures of rate over size: gnuplot -c rate.gp BASE reads BASE.tsv
# and writes BASE.svg and BASE.png, of all four shapes, and BASE.txt, of one
# to one, for reading in a terminal.

base = ARG1
tsv = base . ".tsv"
set datafile separator "\t"

# Ours are drawn last, over the others.
peers = "ring sysv posix-mq pipe(2) socketpair boost zeromq nng"
peers = peers . " cpython-queue cpython-pipe sysvmp-msg sysvmp"
letters = "rvqpsBZnQPMS"
colours = "#999999 #1b9e77 #66a61e #7570b3 #377eb8 #e6ab02 #d95f02 #a6761d"
colours = colours . " #f781bf #984ea3 #e41a1c #000000"

# What has a figure in one shape: of the grid alone, as others have messages of
# 64 bytes, too.  gnuplot itself would not join points with others between.
chosen(s, r, condition, what) = sprintf("awk -F'\t' '$1 ~ /^size-/ && \
    $4 == %d && $5 == %d && $11 != \"-\" && %s { print %s }' '%s'", \
    s, r, condition, what, tsv)
points(p, s, r) = "< " . chosen(s, r, "$2 == \"" . p . "\"", "$3 \"\t\" $11")
found(s, r) = " " . system(chosen(s, r, "1", "$2") . " | tr '\n' ' '") . " "

# Those in the order of peers; the place of one there.
pick(all, i) = i > words(peers) ? "" : (strstrt(all, " " . word(peers, i) \
    . " ") > 0 ? word(peers, i) . " " : "") . pick(all, i + 1)
place(p) = sum [i=1:words(peers)] (word(peers, i) eq p ? i : 0)
is_ours(p) = p[1:6] eq "sysvmp"

set logscale xy
set xtics ("16 B" 16, "64 B" 64, "1 KiB" 1024, "64 KiB" 65536, \
    "1 MiB" 1048576, "64 MiB" 67108864)
set xrange [8:134217728]
set yrange [0.2:20000]
set ylabel "MB/s"

do for [kind in "svg png"] {
    if (kind eq "svg") {
        set terminal svg size 1200,900 background "white"
    } else {
        set terminal pngcairo size 1200,900
    }
    set output base . "." . kind
    set multiplot layout 2,2
    set grid
    set key on bottom right opaque font ",10" spacing 0.8
    do for [shape in "1:1 4:1 1:4 4:4"] {
        s = int(shape[1:1]); r = int(shape[3:3])
        set title sprintf("%d to %d", s, r)
        here = pick(found(s, r), 1)
        if (here ne "") {
            plot for [p in here] points(p, s, r) \
                with linespoints lc rgb word(colours, place(p)) pt place(p) \
                lw (is_ours(p) ? 3 : 1) title p
        }
        set key off
    }
    unset multiplot
}

set terminal dumb 79 36
set output base . ".txt"
set title "rate over size, 1 to 1"
set key on outside bottom center maxrows 3
unset grid
here = pick(found(1, 1), 1)
if (here ne "") {
    plot for [p in here] points(p, 1, 1) \
        with points pt letters[place(p):place(p)] title p
}
