# SPDX-License-Identifier: LGPL-2.1-or-later
"""12-exchange-queue.py: a list comes through a queue.  Its twin is
../12-exchange-queue.c."""
import multiprocessing
import sys


def f(q):
    q.put([42, None, 'hello'])


def main():
    q = multiprocessing.Queue()
    p = multiprocessing.Process(target=f, args=(q,))
    p.start()
    print(q.get())
    p.join()
    return p.exitcode


if __name__ == '__main__':
    multiprocessing.set_start_method('fork')
    sys.exit(main())
