import multiprocessing.synchronize
import threading
from multiprocessing import Array, Barrier, Process, Value

PARTIES, ROUNDS = 3, 4


def begin():
    print("all are here", flush=True)


def work(barrier, places, early):
    for number in range(ROUNDS):
        with places.get_lock():
            places[number] += 1
        place = barrier.wait()
        if places[number] != PARTIES:
            early.value += 1
        barrier.wait()
        with places.get_lock():
            places[ROUNDS] += place


def come(barrier):
    try:
        barrier.wait()
    except threading.BrokenBarrierError:
        print("broken")


if __name__ == "__main__":
    places, early = Array("i", ROUNDS + 1), Value("i", 0)
    barrier = Barrier(PARTIES)
    print(isinstance(barrier, multiprocessing.synchronize.Barrier), barrier.parties, barrier.broken)
    children = [Process(target=work, args=(barrier, places, early)) for _ in range(PARTIES)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    print(places[ROUNDS], early.value, barrier.n_waiting)
    once = Barrier(2, action=begin, timeout=60)
    child = Process(target=once.wait)
    child.start()
    once.wait()
    child.join()
    child = Process(target=come, args=(once,))
    child.start()
    while not once.n_waiting:
        pass
    once.abort()
    child.join()
    print(once.broken)
    once.reset()
    print(once.broken)
