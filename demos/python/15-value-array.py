# SPDX-License-Identifier: LGPL-2.1-or-later
"""15-value-array.py: a child changes numbers that it shares with its parent.
Its twin is ../15-value-array.c."""
import multiprocessing
import sys


def f(n, a):
    n.value = 3.1415927
    for i in range(len(a)):
        a[i] = -a[i]


def main():
    num = multiprocessing.Value('d', 0.0)
    arr = multiprocessing.Array('i', range(10))
    p = multiprocessing.Process(target=f, args=(num, arr))
    p.start()
    p.join()
    print(num.value)
    print(arr[:])
    return p.exitcode


if __name__ == '__main__':
    multiprocessing.set_start_method('fork')
    sys.exit(main())
