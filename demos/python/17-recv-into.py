# SPDX-License-Identifier: LGPL-2.1-or-later
"""17-recv-into.py: what can be sent and received at the two ends of a pipe.
Its twin is ../17-recv-into.c.

The reference's session, with a look by poll() before and after."""
import array
import multiprocessing
import sys


def main():
    a, b = multiprocessing.Pipe()
    print(b.poll())
    a.send([1, 'hello', None])
    print(b.poll())
    print(b.recv())
    b.send_bytes(b'thank you')
    print(a.recv_bytes())
    arr1 = array.array('i', range(5))
    arr2 = array.array('i', [0] * 10)
    a.send_bytes(arr1)
    count = b.recv_bytes_into(arr2)
    print(count == len(arr1) * arr1.itemsize)
    print(arr2)
    print(a.poll(), b.poll())


if __name__ == '__main__':
    sys.exit(main())
