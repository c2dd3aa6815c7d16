import multiprocessing
from multiprocessing import Process, RLock, Semaphore, synchronize


class Named(synchronize.RLock):
    def __init__(self, name):
        super().__init__(ctx=multiprocessing.get_context())


def descend(lock: synchronize.RLock, depth):
    with lock:
        if depth:
            descend(lock, depth - 1)


def try_it(lock, tried):
    print(lock.acquire(block=False), lock.acquire(timeout=0.01))
    try:
        lock.release()
    except AssertionError:
        print("not its owner")
    tried.release()


if __name__ == "__main__":
    for lock in (RLock(), multiprocessing.get_context("spawn").RLock(), Named("door")):
        tried = Semaphore(0)
        descend(lock, 5)
        print(lock.acquire(), lock.acquire(), isinstance(lock, synchronize.RLock))
        child = Process(target=try_it, args=(lock, tried))
        child.start()
        tried.acquire()
        child.join()
        lock.release()
        lock.release()
        child = Process(target=descend, args=(lock, 3))
        child.start()
        child.join()
        print(child.exitcode, lock.acquire(block=False))
        lock.release()
