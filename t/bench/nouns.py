# SPDX-License-Identifier: LGPL-2.1-or-later
"""Events, conditions, barriers and the wait for several: nouns.c in Python.

cpython.py is the program and imports this for its rows.  What this imports
from there is another copy, whose loops warm up for fewer rounds.
"""

import sys
import time
from multiprocessing import connection

import cpython
from cpython import (check, lock, lock_side, message, now, ping, report,
                     run_sides)

WARM_UP = cpython.WARM_UP = 100
ASLEEP_NS = 150000
MAX_PARTIES = 8


class Rounds:
    """What the processes tell: each its own places."""

    def __init__(self, ctx):
        self.stop = ctx.RawValue("i", 0)
        self.last = ctx.RawValue("q", 0)
        self.n = ctx.RawArray("q", MAX_PARTIES)
        self.word = ctx.RawValue("q", 0)
        self.begin = ctx.RawValue("q", 0)
        self.end = ctx.RawValue("q", 0)

    def is_last(self, n):
        return int(self.stop.value and n > WARM_UP)

    def report(self):
        if self.n[0] != self.n[1]:
            sys.exit("%d rounds here, %d there" % tuple(self.n[:2]))
        print("ns", (self.end.value - self.begin.value)
              / (self.n[0] - WARM_UP))


def run(ctx, cell, sides, rounds):
    rounds.stop.value = 0
    run_sides(ctx, cell, sides, rounds.stop)


def event_ping(mine, other, rounds):
    n = last = 0
    word = rounds.word
    while not last:
        if n == WARM_UP:
            rounds.begin.value = now()
        last = rounds.is_last(n)
        n += 1
        told = word.value = n << 1 | last
        other.set()
        mine.wait()
        mine.clear()
        if word.value != ~told:
            sys.exit("woken, but nobody has set it")
    rounds.end.value = now()
    rounds.n[0] = n


def event_pong(mine, other, rounds):
    n = told = 0
    word = rounds.word
    while not told & 1:
        mine.wait()
        mine.clear()
        told = word.value
        n += 1
        if told >> 1 != n:
            sys.exit("woken, but nobody has set it")
        word.value = ~told
        other.set()
    rounds.n[1] = n


def waker(mine, other, rounds, result):
    samples = []
    last = 0
    while not last:
        begin = now()
        while now() - begin < ASLEEP_NS:
            pass
        last = rounds.word.value = rounds.stop.value
        begin = now()
        other.set()
        mine.wait()
        mine.clear()
        samples.append(rounds.end.value - begin)
    result.value = sorted(samples)[len(samples) // 2]


def sleeper(mine, other, rounds):
    last = 0
    while not last:
        mine.wait()
        rounds.end.value = now()
        mine.clear()
        last = rounds.word.value
        other.set()


def event(ctx, cell):
    a, b = ctx.Event(), ctx.Event()
    rounds = Rounds(ctx)
    run(ctx, cell, [(event_ping, (a, b, rounds)),
                    (event_pong, (b, a, rounds))], rounds)
    rounds.report()
    result = ctx.RawValue("q", 0)
    run(ctx, cell, [(waker, (a, b, rounds, result)),
                    (sleeper, (b, a, rounds))], rounds)
    print("us-wake", result.value / 1000)


def turn_side(index, condition, rounds):
    n = last = 0
    word = rounds.word
    while not last:
        if n == WARM_UP and index == 0:
            rounds.begin.value = now()
        with condition:
            while word.value >> 1 & 1 != index:
                condition.wait()
            told = word.value
            if told >> 1 != 2 * n + index:
                sys.exit("a turn is lost")
            last = rounds.is_last(n) if index == 0 else told & 1
            n += 1
            word.value = (told >> 1) + 1 << 1 | last
            condition.notify()
    if index == 0:
        rounds.end.value = now()
    rounds.n[index] = n


def condition(ctx, cell):
    c = ctx.Condition()
    rounds = Rounds(ctx)
    run(ctx, cell, [(turn_side, (i, c, rounds)) for i in range(2)], rounds)
    rounds.report()


def party(index, parties, barrier, rounds):
    n = 0
    while n == 0 or n != rounds.last.value:
        if n == WARM_UP and index == 0:
            rounds.begin.value = now()
        n += 1
        rounds.n[index] = n
        if index == 0 and rounds.last.value == 0 and rounds.is_last(n):
            rounds.last.value = n + 2
        barrier.wait()
        if rounds.n[(index + 1) % parties] not in (n, n + 1):
            sys.exit("let go before all have come")
    if index == 0:
        rounds.end.value = now()


def barrier(ctx, cell, parties):
    b = ctx.Barrier(parties)
    rounds = Rounds(ctx)
    cell.cpu = [cell.cpu[i % 2] for i in range(parties)]
    run(ctx, cell, [(party, (i, parties, b, rounds))
                    for i in range(parties)], rounds)
    rounds.report()


class Lines:
    """One-way pipes, and one back."""

    def __init__(self, ctx, n):
        pipes = [ctx.Pipe(False) for _ in range(n)]
        self.into = [pipe[0] for pipe in pipes]
        self.out = [pipe[1] for pipe in pipes]
        self.hear, self.answer = ctx.Pipe(False)
        self.chance = 2463534242

    def send_bytes(self, data):
        x = self.chance
        x ^= x << 13 & 0xffffffff
        x ^= x >> 17
        self.chance = x = x ^ x << 5 & 0xffffffff
        self.out[x % len(self.out)].send_bytes(data)

    def receive(self):
        return connection.wait(self.into)[0].recv_bytes()

    def recv_bytes(self):
        return self.hear.recv_bytes()


def waiting_side(lines, result):
    seq = last = 0
    while not last:
        last = check(lines.receive(), seq)
        seq += 1
        lines.answer.send_bytes(message(seq, last))
    result[0] = seq


def ready_side(lines, stop, result):
    n = -WARM_UP
    begin = 0
    while not stop.value:
        if n == 0:
            begin = now()
        lines.send_bytes(message(n + WARM_UP, 0))
        check(lines.receive(), n + WARM_UP)
        n += 1
    result[:2] = [n, now() - begin]


def wait(ctx, cell, n):
    lines = Lines(ctx, n)
    stop = ctx.RawValue("i", 0)
    result = ctx.RawArray("q", 4)
    run_sides(ctx, cell, [(ping, (lines, stop, result)),
                          (waiting_side, (lines, result))], stop)
    report(result)
    stop.value = 0
    run_sides(ctx, cell, [(ready_side, (lines, stop, result))], stop)
    print("ns-ready", result[1] / result[0])


CELLS = {
    ("event", "cpython"): event,
    ("condition", "cpython"): condition,
    ("barrier-2", "cpython"): lambda ctx, cell: barrier(ctx, cell, 2),
    ("barrier-8", "cpython"): lambda ctx, cell: barrier(ctx, cell, 8),
    ("semaphore-1", "cpython"):
        lambda ctx, cell: lock(ctx, cell, lock_side, 1, ctx.Semaphore),
    ("semaphore-2", "cpython"):
        lambda ctx, cell: lock(ctx, cell, lock_side, 2, ctx.Semaphore),
    ("wait-1", "cpython"): lambda ctx, cell: wait(ctx, cell, 1),
    ("wait-64", "cpython"): lambda ctx, cell: wait(ctx, cell, 64),
}
