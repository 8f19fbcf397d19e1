# SPDX-License-Identifier: LGPL-2.1-or-later
"""20-workers.py: four workers take tasks from one queue and put what they
have done into another.  Its twin is ../20-workers.c.

The reference's tasks take a random time, up to half a second; these take one
that follows from their arguments, a few milliseconds."""
import multiprocessing
import sys
import time

NUMBER_OF_PROCESSES = 4


def worker(tasks, done):
    for func, args in iter(tasks.get, 'STOP'):
        done.put(calculate(func, args))


def calculate(func, args):
    who = multiprocessing.current_process().name
    return f'{who} says that {func.__name__}{args} = {func(*args)}'


def take_time(a, b):
    time.sleep((7 * a + 3 * b) % 10 / 1000)


def mul(a, b):
    take_time(a, b)
    return a * b


def plus(a, b):
    take_time(a, b)
    return a + b


def test():
    tasks1 = [(mul, (i, 7)) for i in range(20)]
    tasks2 = [(plus, (i, 8)) for i in range(10)]
    task_queue = multiprocessing.Queue()
    done_queue = multiprocessing.Queue()
    children = [multiprocessing.Process(target=worker,
                                        args=(task_queue, done_queue))
                for _ in range(NUMBER_OF_PROCESSES)]

    for task in tasks1:
        task_queue.put(task)
    for p in children:
        p.start()
    print('Unordered results:')
    for _ in tasks1:
        print('\t', done_queue.get())

    for task in tasks2:
        task_queue.put(task)
    for _ in tasks2:
        print('\t', done_queue.get())

    for _ in children:
        task_queue.put('STOP')
    for p in children:
        p.join()
    return any(p.exitcode for p in children)


if __name__ == '__main__':
    multiprocessing.set_start_method('fork')
    sys.exit(test())
