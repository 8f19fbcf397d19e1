# SPDX-License-Identifier: LGPL-2.1-or-later
"""19-point.py: an integer, a float, a string and points in shared memory,
which a child modifies.  Its twin is ../19-point.c."""
import ctypes
import multiprocessing
import multiprocessing.sharedctypes
import sys


class Point(ctypes.Structure):
    _fields_ = [(name, ctypes.c_double) for name in 'xy']


def modify(n, x, s, A):
    n.value **= 2
    x.value **= 2
    s.value = s.value.upper()
    for a in A:
        a.x **= 2
        a.y **= 2


def main():
    Value = multiprocessing.sharedctypes.Value
    Array = multiprocessing.sharedctypes.Array
    lock = multiprocessing.Lock()
    n = Value('i', 7)
    x = Value(ctypes.c_double, 1.0 / 3.0, lock=False)
    s = Array('c', b'hello world', lock=lock)
    A = Array(Point, [(1.875, -6.25), (-5.75, 2.0), (2.375, 9.5)], lock=lock)
    p = multiprocessing.Process(target=modify, args=(n, x, s, A))
    p.start()
    p.join()
    print(n.value)
    print(x.value)
    print(s.value)
    print([(a.x, a.y) for a in A])
    return p.exitcode


if __name__ == '__main__':
    multiprocessing.set_start_method('fork')
    sys.exit(main())
