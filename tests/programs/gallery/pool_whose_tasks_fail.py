# Exceptions of tasks come back; the pool goes on.
from multiprocessing import Pool


class Refused(Exception):
    pass


def work(number):
    if number % 3 == 0:
        raise Refused(f"not {number}")
    return 1 / (number - 2)


if __name__ == "__main__":
    with Pool(2) as pool:
        for number in range(5):
            try:
                print(pool.apply(work, (number,)))
            except (Refused, ZeroDivisionError) as error:
                print(type(error).__name__, error)
        try:
            pool.map(work, range(5), chunksize=1)
        except (Refused, ZeroDivisionError):
            print("the map failed")
        print(pool.map(abs, [-1, -2]))
