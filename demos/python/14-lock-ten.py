# SPDX-License-Identifier: LGPL-2.1-or-later
"""14-lock-ten.py: ten processes, of which one prints at a time.  Its twin is
../14-lock-ten.c."""
import multiprocessing
import sys


def f(lock, i):
    lock.acquire()
    try:
        print('hello world', i)
    finally:
        lock.release()


def main():
    lock = multiprocessing.Lock()
    children = [multiprocessing.Process(target=f, args=(lock, num))
                for num in range(10)]
    for p in children:
        p.start()
    for p in children:
        p.join()
    return any(p.exitcode for p in children)


if __name__ == '__main__':
    multiprocessing.set_start_method('fork')
    sys.exit(main())
