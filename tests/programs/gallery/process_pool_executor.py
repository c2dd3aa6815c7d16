import concurrent.futures
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

offset = 0


def set_offset(value):
    global offset
    offset = value


def square(number):
    return number * number + offset


def fail(text):
    raise LookupError(text)


def end():
    os._exit(3)


def add(*numbers, extra=0):
    return sum(numbers) + extra


if __name__ == "__main__":
    with ProcessPoolExecutor(2) as executor:
        print(list(executor.map(square, range(5))), list(executor.map(pow, [2, 3], [3, 2], chunksize=2)))
        futures = [executor.submit(add, number, number, extra=1) for number in range(4)]
        print(sorted(future.result() for future in as_completed(futures)))
        try:
            executor.submit(fail, "nothing here").result()
        except LookupError as error:
            print(repr(error), type(error.__cause__).__name__)
        try:
            executor.submit(square, (each for each in ())).result()
        except TypeError as error:
            print(error)
        print(isinstance(executor, ProcessPoolExecutor), isinstance(executor, concurrent.futures.Executor))
    try:
        executor.submit(square, 1)
    except RuntimeError as error:
        print(error)

    with ProcessPoolExecutor(2, initializer=set_offset, initargs=(100,)) as executor:
        print(list(executor.map(square, range(3))))

    for method in ("fork", "spawn"):
        with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context(method)) as executor:
            print(method, list(executor.map(square, range(5))))

    with ProcessPoolExecutor(1) as executor:
        try:
            executor.submit(end).result()
        except BrokenProcessPool as error:
            print(type(error).__name__, error)
        try:
            executor.submit(square, 1)
        except BrokenProcessPool as error:
            print(error)

    with ThreadPoolExecutor(1) as executor:
        print(executor.submit(square, 9).result())
