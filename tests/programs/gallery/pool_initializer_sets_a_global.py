from multiprocessing import Pool

factor = 1


def setup(value):
    global factor
    factor = value


def scaled(number):
    return number * factor


if __name__ == "__main__":
    with Pool(2, setup, (10,)) as pool:
        print(pool.map(scaled, range(6)))
