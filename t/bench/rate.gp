# SPDX-License-Identifier: LGPL-2.1-or-later
#
# rate.gp: pictures of rate over size: gnuplot -c rate.gp BASE reads BASE.tsv
# and writes BASE.svg and BASE.png, of all four shapes, and BASE.txt, of one
# to one, for reading in a terminal.

base = ARG1
tsv = base . ".tsv"
set datafile separator "\t"
set datafile missing "-"

# Columns of the file.
peer = 2; size = 3; senders = 4; receivers = 5; rate = 11

peers = "sysvmp sysvmp-msg sysv posix-mq pipe(2) socketpair boost zeromq nng"
peers = peers . " cpython-queue cpython-pipe ring"
letters = "SMvqpsBZnQPr"

# The rows of the grid alone: others have messages of 64 bytes, too.
is_grid(name) = name[1:5] eq "size-"
bytes(p, s, r) = is_grid(strcol(1)) && strcol(peer) eq p && \
    column(senders) == s && column(receivers) == r ? column(size) : NaN

set logscale xy
set xtics ("16 B" 16, "64 B" 64, "1 KiB" 1024, "64 KiB" 65536, \
    "1 MiB" 1048576, "64 MiB" 67108864)
set xrange [8:134217728]
set xlabel "size of a message"
set ylabel "MB/s"
set grid

picture(s, r) = sprintf("%d to %d", s, r)

do for [kind in "svg png"] {
    if (kind eq "svg") {
        set terminal svg size 1200,900 background "white"
    } else {
        set terminal pngcairo size 1200,900
    }
    set output base . "." . kind
    set multiplot layout 2,2
    set key bottom right font ",9"
    do for [shape in "1:1 4:1 1:4 4:4"] {
        s = int(shape[1:1]); r = int(shape[3:3])
        set title picture(s, r)
        plot for [i=1:words(peers)] tsv \
            using (bytes(word(peers, i), s, r)):rate \
            with linespoints lw (i <= 2 ? 3 : 1) pt i title word(peers, i)
    }
    unset multiplot
}

set terminal dumb 79 36
set output base . ".txt"
set title "1 to 1"
set xlabel ""
set key outside bottom center maxrows 3
unset grid
plot for [i=1:words(peers)] tsv using (bytes(word(peers, i), 1, 1)):rate \
    with points pt letters[i:i] title word(peers, i)
