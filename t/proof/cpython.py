# SPDX-License-Identifier: LGPL-2.1-or-later
"""The experiments of t/proof/run with CPython's multiprocessing.

    cpython.py EXPERIMENT COUNT LIMIT SEED

Does one of them, as a program of its own, with the fork start method, and
prints its figures as one line of JSON.  Who does not go on for LIMIT seconds
hangs; it is killed by its pid.  It is given every chance: Python's own way of
doing a thing, ends of pipes closed by hand wherever that helps, but in the
one experiment that is about not doing so.
"""

import ctypes
import gc
import json
import mmap
import multiprocessing
import os
import queue
import random
import resource
import signal
import struct
import subprocess
import sys
import threading
import time
from multiprocessing import shared_memory

ctx = multiprocessing.get_context("fork")
now = time.monotonic_ns
LIMIT = 2.0
ROUNDS = 5     # of a storm, each until it hangs
AT_ONCE = 64
draw = random.Random()


def within(state, limit=None):
    """Waits until it is so: False if that takes longer than the limit."""
    end = time.monotonic() + (LIMIT if limit is None else limit)
    while not state():
        if time.monotonic() > end:
            return False
        time.sleep(0.0001)
    return True


def forked(fn, *args):
    """A plain child, which ends with what fn answers."""
    pid = os.fork()
    if pid == 0:
        try:
            code = fn(*args) or 0
        except BaseException:
            code = 99
        os._exit(code)
    return pid


def reap(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def slay(pid):
    os.kill(pid, signal.SIGKILL)
    return reap(pid)


def ends(pids):
    """Waits for all, at most for the limit: their codes, None for a hang."""
    codes = {}

    def all_ended():
        for pid in pids:
            if pid not in codes:
                done, status = os.waitpid(pid, os.WNOHANG)
                if done:
                    codes[pid] = os.waitstatus_to_exitcode(status)
        return len(codes) == len(pids)

    if not within(all_ended):
        for pid in pids:
            if pid not in codes:
                slay(pid)
    return [codes.get(pid) for pid in pids]


def switches(pid):
    with open(f"/proc/{pid}/status") as f:
        text = f.read()
    return ("\nState:\tS" in text,
            text.split("\nvoluntary_ctxt_switches:")[1].split()[0])


def asleep(pid):
    """As t/proc.c: three looks, and not awake in between."""
    looks, before = 0, None
    while looks < 3:
        sleeps, count = switches(pid)
        looks = looks + 1 if sleeps and count == before else 0
        before = count
        time.sleep(0.001)


def figures_of(name, ns):
    ns = sorted(ns)
    return {f"{name}.median_us": ns[len(ns) // 2] / 1e3 if ns else None,
            f"{name}.worst_us": ns[-1] / 1e3 if ns else None}


#
# Storms.
#

class Storm:
    """Workers that are killed at random and put back, as t/storm.h."""

    def __init__(self, work, workers):
        self.work, self.workers = work, workers
        self.steps = ctx.RawArray("L", workers * 8)  # a line of cache each
        self.over = ctx.RawValue("i", 0)
        self.children = [self.start(i) for i in range(workers)]

    def start(self, i):
        child = ctx.Process(target=self.work, args=(i, self))
        child.start()
        return child

    def step(self, i):
        self.steps[i * 8] += 1

    def strike(self):
        """One kill: how many of the workers do not go on."""
        i = draw.randrange(self.workers)
        if draw.randrange(8):
            time.sleep(draw.random() * 0.0025)
        self.children[i].kill()
        before = list(self.steps)
        self.children[i].join()
        self.children[i] = self.start(i)
        if within(lambda: not self.stuck(before)):
            return 0
        return sum(self.sleeps(i) for i in range(self.workers)
                   if self.steps[i * 8] == before[i * 8])

    def sleeps(self, i):
        """One that is slow, on a busy machine, does not hang."""
        looks = []
        for _ in range(5):
            looks.append(switches(self.children[i].pid))
            time.sleep(0.01)
        return looks[0][0] and looks == looks[:1] * 5

    def stuck(self, before):
        return sum(self.steps[i * 8] == before[i * 8]
                   for i in range(self.workers))

    def run(self, kills):
        """How many kills there were, and how many workers hang then."""
        for n in range(1, kills + 1):
            stuck = self.strike()
            if stuck:
                return n, stuck
        return kills, 0

    def end(self, finish=None):
        """Whether all end by themselves; those that do not are killed."""
        self.over.value = 1
        if finish:
            finish()
        in_time = within(lambda: not any(c.is_alive() for c in self.children))
        self.slay()
        return in_time

    def slay(self):
        for child in self.children:
            child.kill()
            child.join()


def storm_rounds(one_round, kills):
    """Up to so many kills, in rounds; each is over when somebody hangs."""
    after, stuck, ended_badly, killed = [], 0, 0, 0
    for _ in range(ROUNDS):
        n, hanging, in_time = one_round(max(kills // ROUNDS, 1))
        killed += n
        if hanging:
            after.append(n)
            stuck = max(stuck, hanging)
        elif not in_time:
            ended_badly += 1
    return {"rounds": ROUNDS, "killed": killed, "hung": len(after),
            "after": sorted(after), "stuck": stuck,
            "hung_at_end": ended_badly}


def lock_storm(kills):
    torn = ctx.RawArray("L", 4)

    def one_round(n):
        lock = ctx.Lock()
        words = ctx.RawArray("L", 16)

        def work(me, storm):
            while not storm.over.value:
                lock.acquire()
                if any(word != words[0] for word in words):
                    torn[me] += 1
                for i in range(len(words)):
                    words[i] += 1
                lock.release()
                storm.step(me)

        storm = Storm(work, 4)
        done, stuck = storm.run(n)
        if stuck:
            storm.slay()
            return done, stuck, False
        return done, 0, storm.end()

    result = storm_rounds(one_round, kills)
    result["torn"] = sum(torn)
    return result


NUMBERS = 1 << 20


def queue_storm(kills, kind):
    total = {"acknowledged": 0, "undelivered": 0, "twice": 0, "torn": 0}

    def one_round(n):
        q = ctx.Queue(5) if kind == "Queue" else ctx.SimpleQueue()
        put = [mmap.mmap(-1, NUMBERS) for _ in range(2)]
        seen = [mmap.mmap(-1, NUMBERS) for _ in range(2)]
        number = ctx.RawArray("L", 2)
        twice, torn = ctx.RawArray("L", 4), ctx.RawArray("L", 4)

        def produce(me, storm):
            while not storm.over.value and number[me] < NUMBERS - 1:
                mine = number[me]
                number[me] = mine + 1
                q.put((me, mine, b"x" * (mine % 64)))
                put[me][mine] = 1
                storm.step(me)
            if kind == "Queue":
                q.close()
                q.join_thread()

        def consume(me, storm):
            while True:
                try:
                    message = q.get()
                    if message is None:
                        return
                    sender, its, filling = message
                    whole = filling == b"x" * (its % 64)
                except Exception:
                    whole = False
                if not whole:
                    torn[me] += 1
                    continue
                twice[me] += seen[sender][its]
                seen[sender][its] = 1
                storm.step(me)

        def work(me, storm):
            (produce if me < 2 else consume)(me, storm)

        def finish():
            """When the producers have ended, the consumers are told."""
            if within(lambda: not any(c.is_alive()
                                      for c in storm.children[:2])):
                for _ in range(2):
                    threading.Thread(target=q.put, args=(None,),
                                     daemon=True).start()

        storm = Storm(work, 4)
        done, stuck = storm.run(n)
        in_time = False
        if stuck:
            storm.slay()
        else:
            in_time = storm.end(finish)
        for me in range(2):
            for i in range(number[me]):
                total["acknowledged"] += put[me][i]
                total["undelivered"] += put[me][i] and not seen[me][i]
        total["twice"] += sum(twice)
        total["torn"] += sum(torn)
        return done, stuck, in_time

    result = storm_rounds(one_round, kills)
    result.update(total)
    return result


#
# Deaths.
#

def linger():
    while True:
        signal.pause()


def fill(fd):
    os.set_blocking(fd, False)
    for size in (4096, 1):
        try:
            while True:
                os.write(fd, bytes(size))
        except BlockingIOError:
            pass
    os.set_blocking(fd, True)


def latency(rounds, call):
    """As t/proof/death.c; the child and we close what is not ours."""
    turn = ctx.RawValue("i", 0)
    victim = ctx.RawValue("i", 0)
    killed_at = ctx.RawValue("q", 0)
    ready = ctx.RawValue("i", 0)
    peer = os.getpid()

    def killer():
        for i in range(1, rounds + 1):
            while turn.value < i:
                time.sleep(0.0001)
            asleep(peer)
            killed_at.value = now()
            os.kill(victim.value, signal.SIGKILL)

    def hold(theirs):
        theirs.close()
        ready.value = 1
        linger()

    killer_pid = forked(killer)
    took = []
    much = bytes(1000)
    for i in range(1, rounds + 1):
        r, w = ctx.Pipe(duplex=False)
        mine, other = (r, w) if call == "eof" else (w, r)
        ready.value = 0
        child = ctx.Process(target=hold, args=(mine,))
        child.start()
        other.close()
        while not ready.value:
            time.sleep(0.0001)
        victim.value = child.pid
        if call == "epipe":
            fill(w.fileno())
        turn.value = i
        try:
            r.recv_bytes() if call == "eof" else w.send_bytes(much)
        except (EOFError, OSError):
            took.append(now() - killed_at.value)
        child.join()
        mine.close()
    reap(killer_pid)
    result = {"tried": rounds, "told": len(took)}
    result.update(figures_of("latency", took))
    return result


def example(count):
    """A pipe as in the documentation, which closes no end in the parent."""
    def program():
        parent_conn, child_conn = ctx.Pipe()
        child = ctx.Process(target=linger)
        child.start()
        child.kill()
        child.join()
        try:
            parent_conn.recv()
        except EOFError:
            return 0
        return 1

    codes = ends([forked(program) for _ in range(count)])
    return {"tried": count, "told": codes.count(0), "hangs": codes.count(None)}


def orphans(count):
    """A child waits for its parent, which is killed; a second child, younger,
    lives on.  Each child closes its copy of its parent's end, and the parent
    its copy of the child's."""
    words = ctx.RawArray("i", 3 * count)

    def program(i):
        def receive(theirs, mine):
            theirs.close()
            words[3 * i] = os.getpid()
            try:
                mine.recv()
            except EOFError:
                words[3 * i + 2] = 1

        def work_on(theirs, mine):
            theirs.close()
            words[3 * i + 1] = os.getpid()
            linger()

        keep = []
        for fn in receive, work_on:
            parent_conn, child_conn = ctx.Pipe()
            keep.append(ctx.Process(target=fn, args=(parent_conn, child_conn)))
            keep[-1].start()
            child_conn.close()
            keep.append(parent_conn)
        linger()

    pids = [forked(program, i) for i in range(count)]
    for i in range(count):
        within(lambda: words[3 * i] and words[3 * i + 1], 20)
        asleep(words[3 * i])
        slay(pids[i])
    within(lambda: sum(words[2::3]) == count)
    told = sum(words[2::3])
    for i in range(count):
        os.kill(words[3 * i + 1], signal.SIGKILL)
        if not words[3 * i + 2]:
            os.kill(words[3 * i], signal.SIGKILL)
    return {"tried": count, "told": told, "hangs": count - told}


#
# What is left.
#

def die_with_parent():
    """Should this experiment be stopped: prctl(PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)


def linger_with_parent():
    die_with_parent()
    linger()


def shared_names():
    return set(os.listdir("/dev/shm"))


def program():
    """One of each object, and two children; says its names and is killed."""
    die_with_parent()
    memory = shared_memory.SharedMemory(create=True, size=4096)
    lock, q = ctx.Lock(), ctx.Queue()
    pipe = ctx.Pipe()
    q.put("left")
    children = [ctx.Process(target=linger_with_parent) for _ in range(2)]
    for child in children:
        child.start()
    lock.acquire()
    names = [memory.name.lstrip("/")]
    for held in (lock, q._rlock, q._wlock, q._sem):
        if held._semlock.name:  # else it is unlinked already
            names.append("sem." + held._semlock.name.lstrip("/"))
    print(json.dumps({"names": names,
                      "pids": [c.pid for c in children] + [os.getpid()]}),
          flush=True)
    linger()
    return pipe


def leaks(count):
    result = {"tried": count}
    for way in ("group", "pids", "helper"):
        programs = [subprocess.Popen(
            [sys.executable, __file__, "program", "0", "0", "0"],
            stdout=subprocess.PIPE, start_new_session=True)
            for _ in range(count)]
        told = [json.loads(p.stdout.readline()) for p in programs]
        names = {name for t in told for name in t["names"]}
        start = time.monotonic()
        for p, t in zip(programs, told):
            if way == "pids":  # all but the resource tracker
                for pid in t["pids"]:
                    os.kill(pid, signal.SIGKILL)
            else:              # of which the tracker is one
                os.killpg(p.pid, signal.SIGKILL)
        for p in programs:
            p.wait()
            p.stdout.close()
        result[f"{way}.had"] = len(names)
        within(lambda: not names & shared_names(), 1)
        result[f"{way}.left"] = len(names & shared_names())
        result[f"{way}.ms"] = (time.monotonic() - start) * 1000
        if way == "helper":
            another = subprocess.Popen(
                [sys.executable, "-c",
                 "from multiprocessing import Lock, shared_memory as s;"
                 "Lock(); m = s.SharedMemory(create=True, size=1);"
                 "m.close(); m.unlink()"], start_new_session=True)
            another.wait()
            result["helper.then"] = len(names & shared_names())
        for name in names & shared_names():
            os.unlink("/dev/shm/" + name)
    return result


#
# Forks.
#

def fork_window(rounds):
    orphan = ctx.RawValue("i", 0)
    go = ctx.RawValue("i", 0)
    armed = []

    def in_parent():
        if armed:
            os.kill(os.getpid(), signal.SIGKILL)

    def in_child():
        if armed:
            armed.clear()
            orphan.value = os.getpid()
            while not go.value:
                time.sleep(0.0001)

    os.register_at_fork(after_in_parent=in_parent, after_in_child=in_child)
    early = lost = untold = 0
    for i in range(rounds):
        orphan.value = go.value = 0
        r, w = ctx.Pipe(duplex=False)

        def start_and_die():
            child = ctx.Process(target=w.send, args=(42,))
            armed.append(1)
            child.start()

        if reap(forked(start_and_die)) != -signal.SIGKILL:
            sys.exit("the parent was not killed")
        w.close()
        within(lambda: orphan.value, 20)
        early += r.poll(0)
        if i % 2:
            os.kill(orphan.value, signal.SIGKILL)
        else:
            go.value = 1
            lost += not (r.poll(LIMIT) and r.recv() == 42)
        try:
            if r.poll(LIMIT):
                r.recv()
            untold += 1
        except EOFError:
            pass
        r.close()
    return {"tried": rounds, "early": early, "lost": lost, "untold": untold}


#
# Timeouts.
#

WAIT = 0.02


class Sembuf(ctypes.Structure):
    _fields_ = [("num", ctypes.c_ushort), ("op", ctypes.c_short),
                ("flg", ctypes.c_short)]


class Timespec(ctypes.Structure):
    _fields_ = [("sec", ctypes.c_long), ("nsec", ctypes.c_long)]


def raises(call, error):
    try:
        call()
    except error:
        return True
    return False


def late(count):
    libc = ctypes.CDLL(None, use_errno=True)
    control_set = libc.semget(0, 1, 0o600)
    take = Sembuf(0, -1, 0)
    timespec = Timespec(0, int(WAIT * 1e9))

    def control():
        return libc.semtimedop(control_set, ctypes.byref(take), 1,
                               ctypes.byref(timespec)) < 0

    lock, rlock, held = ctx.Lock(), ctx.RLock(), ctx.RawValue("i", 0)
    empty, full = ctx.Queue(), ctx.Queue(1)
    full.put(1)
    conn, other = ctx.Pipe()

    def hold():
        lock.acquire()
        rlock.acquire()
        held.value = 1
        linger()

    child = ctx.Process(target=hold)
    child.start()
    within(lambda: held.value, 20)

    def join():
        child.join(WAIT)
        return child.is_alive()

    calls = [lambda: raises(lambda: empty.get(timeout=WAIT), queue.Empty),
             lambda: raises(lambda: full.put(1, timeout=WAIT), queue.Full),
             lambda: not conn.poll(WAIT),
             lambda: not lock.acquire(timeout=WAIT),
             lambda: not rlock.acquire(timeout=WAIT),
             join]
    wait_ns = int(WAIT * 1e9)
    lates, controls, early, wrong = [], [], 0, 0
    for i in range(count):
        start = now()
        wrong += not calls[i % len(calls)]()
        lates.append(now() - start - wait_ns)
        early += lates[-1] < 0
        start = now()
        control()
        controls.append(now() - start - wait_ns)
    libc.semctl(control_set, 0, 0)  # IPC_RMID
    child.kill()
    child.join()
    full.cancel_join_thread()
    result = {"tried": count, "early": early, "wrong": wrong,
              "kinds": len(calls)}
    result.update(figures_of("late", lates))
    result.update(figures_of("control", controls))
    return result


#
# Faults: the n-th descriptor that a constructor wants is not to be had.
#

def fd_count():
    return len(os.listdir("/proc/self/fd"))


def start_and_join():
    child = ctx.Process(target=int)
    child.start()
    child.join()


def fault_at(make, n):
    """0: refused, and nothing is left; 1: there was no fault."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    gc.collect()
    before = fd_count()
    top = max(int(fd) for fd in os.listdir("/proc/self/fd"))
    keep = [os.dup(0) for _ in range(top)]  # no holes below
    lowest = os.dup(0)
    os.close(lowest)
    before = fd_count()
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + n, hard))
    code = 1
    try:
        made = make()
    except OSError:
        code = 0
    made = None
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    gc.collect()
    del keep
    if code == 0 and fd_count() > before:
        return 2
    return code


def faults(count):
    makers = (ctx.Lock, ctx.RLock, ctx.Queue, ctx.SimpleQueue, ctx.Pipe,
              start_and_join)
    result = {"tried": 0, "refused": 0, "leaks": 0, "other": 0, "hangs": 0}
    for make in makers:
        for n in range(count):
            code = ends([forked(fault_at, make, n)])[0]
            if code == 1:
                break
            result["tried"] += 1
            result[{0: "refused", 2: "leaks", None: "hangs"}.get(
                code, "other")] += 1
    return result


#
# A hostile peer.
#

def hostile_bytes(i):
    """Random ones, or, each second time, some behind a right length."""
    data = draw.randbytes(draw.randrange(300))
    return data if i % 2 else struct.pack("!i", len(data)) + data


def hostile(count):
    """The peer stays alive, as one that means ill would."""
    def get(r):
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        try:
            r.recv()
        except Exception:
            return 1
        return 0

    result = {"tried": count, "refused": 0, "took": 0, "hangs": 0,
              "crashed": 0}
    for first in range(0, count, AT_ONCE):
        pids, held = [], []
        for i in range(first, min(first + AT_ONCE, count)):
            r, w = ctx.Pipe(duplex=False)
            os.write(w.fileno(), hostile_bytes(i))
            held += [r, w]
            pids.append(forked(get, r))
        for code in ends(pids):
            result[{0: "took", 1: "refused", None: "hangs"}.get(
                code, "crashed")] += 1
        for conn in held:
            conn.close()
    return result


class Code:
    """A message that is code: unpickled, it ends the receiver with 77."""

    def __reduce__(self):
        return os._exit, (77,)


def hostile_code(count):
    ran = 0
    for _ in range(count):
        r, w = ctx.Pipe(duplex=False)
        w.send(Code())
        ran += ends([forked(r.recv)])[0] == 77
        r.close()
        w.close()
    return {"tried": count, "ran": ran}


#
# Crash points: a victim is killed at each line of Python that it runs.
#

def killed_at(n, fn, points):
    """Runs fn and is killed at its n-th line; without n, counts them."""
    passed = [0]
    here = os.path.dirname(multiprocessing.__file__)

    def trace(frame, event, arg):
        name = frame.f_code.co_filename
        if not name.startswith(here) and name != __file__:
            return None
        if event in ("line", "return"):
            passed[0] += 1
            if passed[0] == n:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    threading.settrace(trace)
    sys.settrace(trace)
    fn()
    sys.settrace(None)
    points.value = passed[0]


class LockCase:
    def __init__(self):
        self.lock = ctx.Lock()

    def victim(self):
        with self.lock:
            pass

    def survivor(self):
        with self.lock:
            return 0


class PutCase:
    """Acknowledged is what the feeder has flushed."""

    def __init__(self, make=ctx.Queue):
        self.q = make()
        self.acknowledged = ctx.RawValue("i", 0)

    def victim(self):
        self.q.put("one")
        if hasattr(self.q, "join_thread"):
            self.q.close()
            self.q.join_thread()
        self.acknowledged.value = 1

    def survivor(self):
        self.q.put("two")
        seen = []
        while "two" not in seen:
            seen.append(self.q.get())
        if self.acknowledged.value and "one" not in seen:
            return 3
        return 0


class GetCase:
    """At most the message in hand may go with the victim."""

    def __init__(self, make=ctx.Queue):
        self.q = make()
        if reap(forked(self.put_both)) != 0:
            sys.exit("two messages were not put")

    def put_both(self):
        self.q.put("one")
        self.q.put("two")
        if hasattr(self.q, "join_thread"):
            self.q.close()
            self.q.join_thread()

    def victim(self):
        self.q.get()

    def survivor(self):
        while self.q.get() != "two":
            pass
        return 0


class SendCase:
    """The receiver must see the message, or the end of file."""

    def __init__(self):
        self.r, self.w = ctx.Pipe(duplex=False)

    def victim(self):
        self.w.send("one")

    def survivor(self):
        self.w.close()
        try:
            while True:
                self.r.recv()
        except EOFError:
            return 0


def crash_cases():
    return {"lock": LockCase,
            "Queue.put": PutCase,
            "SimpleQueue.put": lambda: PutCase(ctx.SimpleQueue),
            "Queue.get": GetCase,
            "SimpleQueue.get": lambda: GetCase(ctx.SimpleQueue),
            "send": SendCase}


def crash(count):
    result = {"tried": 0, "hangs": 0, "lost": 0, "other": 0, "cases": {}}
    points = ctx.RawValue("i", 0)
    for name, make in crash_cases().items():
        reap(forked(killed_at, 0, make().victim, points))
        lines = min(points.value, count)
        hangs = 0
        for first in range(1, lines + 1, AT_ONCE):
            pids, held = [], []
            for n in range(first, min(first + AT_ONCE, lines + 1)):
                case = make()
                held.append(case)
                ends([forked(killed_at, n, case.victim, points)])
                pids.append(forked(case.survivor))
                if name == "send":
                    case.w.close()
            for code in ends(pids):
                result["tried"] += 1
                hangs += code is None
                result["lost"] += code == 3
                result["other"] += code not in (None, 0, 3)
        result["hangs"] += hangs
        result["cases"][name] = f"{hangs}/{lines}"
    return result


EXPERIMENTS = {
    "lock-storm": lock_storm,
    "queue-storm": lambda n: queue_storm(n, "Queue"),
    "simplequeue-storm": lambda n: queue_storm(n, "SimpleQueue"),
    "eof": lambda n: latency(n, "eof"),
    "epipe": lambda n: latency(n, "epipe"),
    "example": example,
    "orphans": orphans,
    "leaks": leaks,
    "fork-window": fork_window,
    "late": late,
    "faults": faults,
    "hostile": hostile,
    "hostile-code": hostile_code,
    "crash": crash,
}


def main():
    global LIMIT
    name, count, limit, seed = sys.argv[1:]
    LIMIT = float(limit)
    draw.seed(int(seed))
    if name == "program":
        program()
    print(json.dumps(EXPERIMENTS[name](int(count))), flush=True)
    os._exit(0)  # some threads may wait for what will not come


if __name__ == "__main__":
    main()
