# SPDX-License-Identifier: LGPL-2.1-or-later
"""11-info.py: who is whose parent.  Its twin is ../11-info.c."""
import multiprocessing
import os
import sys


def info(title):
    print(title)
    print('module name:', __name__)
    print('parent process:', os.getppid())
    print('process id:', os.getpid())


def f(name):
    info('function f')
    print('hello', name)


def main():
    info('main line')
    p = multiprocessing.Process(target=f, args=('bob',))
    p.start()
    p.join()
    return p.exitcode


if __name__ == '__main__':
    multiprocessing.set_start_method('fork')
    sys.exit(main())
