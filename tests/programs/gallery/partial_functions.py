from functools import partial
from multiprocessing import Pool


def power(base, exponent):
    return base**exponent


if __name__ == "__main__":
    with Pool(2) as pool:
        print(pool.map(partial(power, exponent=3), range(4)))
