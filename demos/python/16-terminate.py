# SPDX-License-Identifier: LGPL-2.1-or-later
"""16-terminate.py: a process before its start, while it runs, and after it
was terminated.  Its twin is ../16-terminate.c.

The reference's session sleeps for 0.1 s after terminate(), for the process to
have ended; here it is joined.
"""
import multiprocessing
import signal
import sys
import time


def main():
    p = multiprocessing.Process(target=time.sleep, args=(1000,))
    print(p, p.is_alive())
    p.start()
    print(p, p.is_alive())
    p.terminate()
    p.join()
    print(p, p.is_alive())
    print(p.exitcode == -signal.SIGTERM)


if __name__ == '__main__':
    multiprocessing.set_start_method('fork')
    sys.exit(main())
