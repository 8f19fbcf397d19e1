# SPDX-License-Identifier: LGPL-2.1-or-later
"""13-exchange-pipe.py: a list comes through a pipe.  Its twin is
../13-exchange-pipe.c."""
import multiprocessing
import sys


def f(conn):
    conn.send([42, None, 'hello'])
    conn.close()


def main():
    parent_conn, child_conn = multiprocessing.Pipe()
    p = multiprocessing.Process(target=f, args=(child_conn,))
    p.start()
    print(parent_conn.recv())
    p.join()
    return p.exitcode


if __name__ == '__main__':
    multiprocessing.set_start_method('fork')
    sys.exit(main())
