from multiprocessing import Pool


def square(number):
    return number * number


def add(one, two):
    return one + two


def fail(number):
    raise KeyError(number)


if __name__ == "__main__":
    with Pool(2) as pool:
        print(pool.apply(square, (3,)), pool.apply_async(square, (4,)).get(10))
        print(pool.starmap(add, [(1, 2), (3, 4)]), list(pool.imap(square, range(4))))
        print(sorted(pool.imap_unordered(square, range(4))))
        try:
            pool.map(fail, [1])
        except KeyError as error:
            print("KeyError", error)
