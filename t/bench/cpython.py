# SPDX-License-Identifier: LGPL-2.1-or-later
"""The cells of CPython's multiprocessing: as cell.h, in Python.

Each takes CPython's faster way where there are two: bound methods looked up
before the loop, send_bytes (no pickling) on the pipe, the fork start method.

A flow is as flow.h tells: a message is made whole and looked at whole.  Both
are done by one call that runs in C: bytes are put together, which writes them
all, and compared at their end.
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


def lock(ctx, cell, fn, sides, make):
    lock = make()
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


# Flows.  A message is a head of 8 bytes and one of two fillings.
HEAD = 8
LARGE = 65536
LOOK = 61                       # messages that are not large


def fillings(size):
    return [bytes([0x55 + i]) * (size - HEAD) for i in range(2)]


def warm_total(size):
    if size <= 4096:
        return 1000
    if size <= 65536:
        return 100
    return 16 if size <= 1 << 20 else 4


def flow_sender(flow, index, put):
    filling = fillings(flow.size)
    least = 4 * warm_total(flow.size) // flow.senders
    look = LOOK if flow.size < LARGE else 1
    stop = flow.stop
    seq = 0
    while seq < least or not stop.value:
        put((seq << 8 | index).to_bytes(HEAD, "little") + filling[seq & 1])
        seq += 1
        flow.sent[index] = seq
        if seq % look == 0:
            flow.look_under_way()
    flow.sent_sum[index] = seq * (seq - 1) // 2


def flow_receiver(flow, index, get):
    filling = fillings(flow.size)
    due = [0] * flow.senders
    sums = [0] * flow.senders
    warm = warm_total(flow.size) // flow.receivers
    n = begin = end = 0
    while True:
        data = get()
        if not data:            # the end: the time is that of the one before
            break
        head = int.from_bytes(data[:HEAD], "little")
        seq, sender = head >> 8, head & 0xff
        if (len(data) != flow.size or seq < due[sender]
                or not data.endswith(filling[seq & 1])):
            sys.exit("a message is not what was sent")
        due[sender] = seq + 1
        sums[sender] += seq
        n += 1
        if n == warm:
            begin = now()
        if flow.near_end.value:
            end = now()
        flow.received[index] = n
    flow.begin[index] = begin
    flow.end[index] = end
    at = index * flow.senders
    flow.received_sum[at:at + flow.senders] = sums


class Flow:
    """The shape, and what the processes tell: each its own places."""

    def __init__(self, ctx, shape):
        self.size, self.senders, self.receivers, self.depth = shape
        self.stop = ctx.RawValue("i", 0)
        self.near_end = ctx.RawValue("i", 0)
        self.sent = ctx.RawArray("Q", self.senders)
        self.sent_sum = ctx.RawArray("Q", self.senders)
        self.received = ctx.RawArray("Q", self.receivers)
        self.received_sum = ctx.RawArray("Q", self.receivers * self.senders)
        self.most = ctx.RawValue("Q", 0)        # seen under way
        self.begin = ctx.RawArray("Q", self.receivers)
        self.end = ctx.RawArray("Q", self.receivers)

    def look_under_way(self):
        under_way = sum(self.sent) - sum(self.received)
        if under_way > self.most.value:
            self.most.value = under_way

    def check(self):
        for i in range(self.senders):
            if sum(self.received_sum[i::self.senders]) != self.sent_sum[i]:
                sys.exit("messages of sender %d are lost" % i)
        if sum(self.received) != sum(self.sent):
            sys.exit("%d sent, %d received"
                     % (sum(self.sent), sum(self.received)))

    def report(self):
        warm = warm_total(self.size) // self.receivers
        counted = [i for i in range(self.receivers)
                   if self.received[i] > warm]
        n = sum(self.received[i] - warm for i in counted)
        span = max(self.end) - min(self.begin[i] for i in counted)
        ns = span / n
        print("ns %.2f\nmbps %.4f\ndepth %d"
              % (ns, self.size / ns * 1000, self.most.value))


def flow_process(flow, cell, fn, cpu, ready, go, *args):
    if flow.senders + flow.receivers == 2:
        os.sched_setaffinity(0, {cell.cpu[cpu]})
    ready.release()
    go.acquire()
    fn(flow, *args)


def run_flow(ctx, cell, put, get, finish):
    """finish(n) tells n receivers, after all was sent, that it is the end."""
    flow = cell.flow
    ready, go = ctx.Semaphore(0), ctx.Semaphore(0)
    senders = [ctx.Process(target=flow_process,
                           args=(flow, cell, flow_sender, 0, ready, go, i,
                                 put))
               for i in range(flow.senders)]
    receivers = [ctx.Process(target=flow_process,
                             args=(flow, cell, flow_receiver, 1, ready, go, i,
                                   get))
                 for i in range(flow.receivers)]
    for child in senders + receivers:
        child.start()
    for _ in senders + receivers:
        ready.acquire()
    for _ in senders + receivers:
        go.release()
    time.sleep(cell.ms / 1000)
    flow.near_end.value = 1
    flow.stop.value = 1
    for child in senders:
        child.join()
    finish(flow.receivers)
    for child in receivers:
        child.join()
    if any(child.exitcode != 0 for child in senders + receivers):
        sys.exit("a process failed")
    flow.check()
    flow.report()


def flow_queue(ctx, cell):
    q = ctx.Queue(cell.flow.depth)

    def finish(n):
        for _ in range(n):
            q.put(b"")

    run_flow(ctx, cell, q.put, q.get, finish)


def flow_pipe(ctx, cell, duplex):
    receive, send = ctx.Pipe(duplex)

    def finish(_):
        send.send_bytes(b"")

    run_flow(ctx, cell, send.send_bytes, receive.recv_bytes, finish)


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
        lambda ctx, cell: lock(ctx, cell, with_side, 1, ctx.Lock),
    ("lock-1", "cpython-calls"):
        lambda ctx, cell: lock(ctx, cell, lock_side, 1, ctx.Lock),
    ("lock-2", "cpython-with"):
        lambda ctx, cell: lock(ctx, cell, with_side, 2, ctx.Lock),
    ("lock-2", "cpython-calls"):
        lambda ctx, cell: lock(ctx, cell, lock_side, 2, ctx.Lock),
    ("queue", "cpython-queue"):
        lambda ctx, cell: queue(ctx, cell, ctx.Queue),
    ("queue", "cpython-simple"):
        lambda ctx, cell: queue(ctx, cell, ctx.SimpleQueue),
    ("pipe-2cpu", "cpython"): lambda ctx, cell: pipe(ctx, cell, 2),
    ("pipe-1cpu", "cpython"): lambda ctx, cell: pipe(ctx, cell, 1),
    ("flow", "cpython-queue"): flow_queue,
    ("flow", "cpython-pipe"):
        lambda ctx, cell: flow_pipe(ctx, cell, True),
    ("flow", "cpython-pipe-simplex"):
        lambda ctx, cell: flow_pipe(ctx, cell, False),
    ("process", "cpython"): process,
}


class Cell:
    def __init__(self, ctx, cpu, ms, shape):
        self.cpu = cpu
        self.ms = ms
        self.flow = Flow(ctx, shape) if shape else None


def find(row, subject):
    if (row, subject) in CELLS:
        return CELLS[row, subject]
    sys.dont_write_bytecode = True      # the source tree may be read-only
    import nouns
    return nouns.CELLS[row, subject]


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
    numbers = [int(arg) for arg in argv[3:]]
    find(argv[1], argv[2])(ctx, Cell(ctx, numbers[0:2], numbers[2],
                                     numbers[3:]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
