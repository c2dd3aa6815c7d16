from functools import lru_cache
from multiprocessing import Pool, Process


@lru_cache(maxsize=None)
def ways(steps):
    return 1 if steps < 2 else ways(steps - 1) + ways(steps - 2)


def show(steps):
    print("process", ways(steps))


if __name__ == "__main__":
    child = Process(target=show, args=(10,))
    child.start()
    child.join()
    with Pool(2) as pool:
        print(pool.map(ways, [5, 20, 30]))
