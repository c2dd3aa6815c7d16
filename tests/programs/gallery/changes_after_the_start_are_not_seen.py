from multiprocessing import Pool

rate = 1


def work(number):
    return number * rate


if __name__ == "__main__":
    with Pool(1) as pool:
        print(pool.map(work, [1, 2]))
        rate = 100
        print(pool.map(work, [1, 2]))
