# SPDX-License-Identifier: LGPL-2.1-or-later
"""21-log.py: a log on stderr, by two processes.  Its twin is ../21-log.c.

The reference's session; in it all lines but the first are multiprocessing's
own."""
import logging
import multiprocessing
import sys


def main():
    logger = multiprocessing.log_to_stderr()
    logger.setLevel(logging.INFO)
    logger.warning('doomed')
    m = multiprocessing.Manager()
    del m


if __name__ == '__main__':
    multiprocessing.set_start_method('fork')
    sys.exit(main())
