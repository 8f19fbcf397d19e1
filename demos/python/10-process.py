# SPDX-License-Identifier: LGPL-2.1-or-later
"""10-process.py: a process that greets.  Its twin is ../10-process.c."""
import multiprocessing
import sys


def f(name):
    print('hello', name)


def main():
    p = multiprocessing.Process(target=f, args=('bob',))
    p.start()
    p.join()
    return p.exitcode


if __name__ == '__main__':
    multiprocessing.set_start_method('fork')
    sys.exit(main())
