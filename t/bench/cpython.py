# SPDX-License-Identifier: LGPL-2.1-or-later
"""The cells of CPython's multiprocessing: as cell.h, in Python.

Each takes CPython's faster way where there are two: bound methods looked up
before the loop, send_bytes (no pickling) on the pipe, the fork start method.
"""

import os
import sys
import time

now = time.perf_counter_ns
WARM_UP = 1000


def side(index, cpu, ready, go, fn, args):
    os.sched_setaffinity(0, {cpu})
    ready[index] = 1
    while not go.value:
        time.sleep(0.001)
    fn(*args)


def run_sides(ctx, cell, sides, stop):
    """Runs the (fn, args) as processes for the cell's time."""
    ready = ctx.RawArray("i", len(sides))
    go = ctx.RawValue("i", 0)
    children = [ctx.Process(target=side,
                            args=(i, cell.cpu[i], ready, go, fn, args))
                for i, (fn, args) in enumerate(sides)]
    for child in children:
        child.start()
    while sum(ready) < len(sides):
        time.sleep(0.001)
    go.value = 1
    time.sleep(cell.ms / 1000)
    stop.value = 1
    for child in children:
        child.join()
        if child.exitcode != 0:
            sys.exit("a process failed")


def lock_side(index, lock, stop, result):
    acquire, release = lock.acquire, lock.release
    n = 0
    begin = now()
    while not stop.value:
        for _ in range(100):
            acquire()
            release()
        n += 100
    result[index * 3:index * 3 + 3] = [n, begin, now()]


def with_side(index, lock, stop, result):
    n = 0
    begin = now()
    while not stop.value:
        for _ in range(100):
            with lock:
                pass
        n += 100
    result[index * 3:index * 3 + 3] = [n, begin, now()]


def lock(ctx, cell, fn, sides):
    lock = ctx.Lock()
    stop = ctx.RawValue("i", 0)
    result = ctx.RawArray("q", 6)
    run_sides(ctx, cell, [(fn, (i, lock, stop, result))
                          for i in range(sides)], stop)
    count = [result[0], result[3]][:sides]
    begin = min([result[1], result[4]][:sides])
    print("ns", (max(result[2], result[5]) - begin) / sum(count))
    if sides == 2:
        print("share", min(count) / sum(count))


def message(seq, last):
    return (seq << 1 | last).to_bytes(8, "little") * 8


def check(data, seq):
    """True for the last message."""
    if data == message(seq, 0):
        return False
    if data == message(seq, 1):
        return True
    sys.exit("another message came where %d was due" % seq)


def producer(put, stop, result):
    seq = last = 0
    while not last:
        last = int(stop.value and seq > WARM_UP)
        put(message(seq, last))
        seq += 1
    result[0] = seq


def consumer(get, result):
    seq = last = 0
    while not last:
        if seq == WARM_UP:
            begin = now()
        last = check(get(), seq)
        seq += 1
    result[1:4] = [seq, begin, now()]


def report(result):
    if result[0] != result[1]:
        sys.exit("%d sent, %d received" % (result[0], result[1]))
    print("ns", (result[3] - result[2]) / (result[1] - WARM_UP))


def queue(ctx, cell, kind):
    q = kind()
    stop = ctx.RawValue("i", 0)
    result = ctx.RawArray("q", 4)
    run_sides(ctx, cell, [(producer, (q.put, stop, result)),
                          (consumer, (q.get, result))], stop)
    report(result)


def ping(conn, stop, result):
    send, receive = conn.send_bytes, conn.recv_bytes
    seq = last = 0
    while not last:
        if seq == WARM_UP:
            begin = now()
        last = int(stop.value and seq > WARM_UP)
        send(message(seq, last))
        seq += 1
        check(receive(), seq)
    result[1:4] = [seq, begin, now()]


def pong(conn, result):
    send, receive = conn.send_bytes, conn.recv_bytes
    seq = last = 0
    while not last:
        last = check(receive(), seq)
        seq += 1
        send(message(seq, last))
    result[0] = seq


def pipe(ctx, cell, cpus):
    a, b = ctx.Pipe()
    stop = ctx.RawValue("i", 0)
    result = ctx.RawArray("q", 4)
    cell.cpu[1] = cell.cpu[cpus - 1]
    run_sides(ctx, cell, [(ping, (a, stop, result)), (pong, (b, result))],
              stop)
    report(result)


def return_at_once():
    pass


def process(ctx, cell):
    n = -20
    begin = end = now()
    while n <= 0 or end - begin < cell.ms * 1000000:
        p = ctx.Process(target=return_at_once)
        p.start()
        p.join()
        if p.exitcode != 0:
            sys.exit("wrong exit code")
        p.close()
        end = now()
        n += 1
        if n <= 0:
            begin = end
    print("us", (end - begin) / n / 1000)


CELLS = {
    ("lock-1", "cpython-with"):
        lambda ctx, cell: lock(ctx, cell, with_side, 1),
    ("lock-1", "cpython-calls"):
        lambda ctx, cell: lock(ctx, cell, lock_side, 1),
    ("lock-2", "cpython-with"):
        lambda ctx, cell: lock(ctx, cell, with_side, 2),
    ("lock-2", "cpython-calls"):
        lambda ctx, cell: lock(ctx, cell, lock_side, 2),
    ("queue", "cpython-queue"):
        lambda ctx, cell: queue(ctx, cell, ctx.Queue),
    ("queue", "cpython-simple"):
        lambda ctx, cell: queue(ctx, cell, ctx.SimpleQueue),
    ("pipe-2cpu", "cpython"): lambda ctx, cell: pipe(ctx, cell, 2),
    ("pipe-1cpu", "cpython"): lambda ctx, cell: pipe(ctx, cell, 1),
    ("process", "cpython"): process,
}


class Cell:
    def __init__(self, cpu, ms):
        self.cpu = cpu
        self.ms = ms


def main(argv):
    try:
        import multiprocessing
        import multiprocessing.sharedctypes
        import multiprocessing.synchronize
    except ImportError:
        return 127      # a Python without it: as good as not installed
    if argv[1] == "version":
        print(sys.implementation.name, sys.version.split()[0])
        return 0
    ctx = multiprocessing.get_context("fork")
    CELLS[argv[1], argv[2]](ctx, Cell([int(argv[3]), int(argv[4])],
                                      int(argv[5])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
