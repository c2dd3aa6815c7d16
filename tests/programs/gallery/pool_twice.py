from multiprocessing import Pool


def double(number):
    return 2 * number


if __name__ == "__main__":
    for _ in range(2):
        with Pool(2) as pool:
            print(pool.map(double, range(3)))
