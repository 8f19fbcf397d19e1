# SPDX-License-Identifier: LGPL-2.1-or-later
"""18-wait.py: four processes write, each to a pipe of its own, and one reads
from whichever has something.  Its twin is ../18-wait.c."""
import multiprocessing
import multiprocessing.connection
import sys


def foo(w):
    for i in range(10):
        w.send((i, multiprocessing.current_process().name))
    w.close()


def main():
    readers, children = [], []
    for _ in range(4):
        r, w = multiprocessing.Pipe(duplex=False)
        readers.append(r)
        p = multiprocessing.Process(target=foo, args=(w,))
        p.start()
        children.append(p)
        # From here on the child alone can write to it: when it closes the
        # pipe or ends, we are told.
        w.close()
    while readers:
        for r in multiprocessing.connection.wait(readers):
            try:
                message = r.recv()
            except EOFError:
                readers.remove(r)
            else:
                print(message)
    for p in children:
        p.join()
    return any(p.exitcode for p in children)


if __name__ == '__main__':
    multiprocessing.set_start_method('fork')
    sys.exit(main())
