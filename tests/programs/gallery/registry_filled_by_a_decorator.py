from multiprocessing import Pool

HANDLERS = {}


def handles(name):
    def register(function):
        HANDLERS[name] = function
        return function

    return register


@handles("double")
def double(number):
    return 2 * number


@handles("square")
def square(number):
    return number * number


def handle(task):
    name, number = task
    return HANDLERS[name](number)


if __name__ == "__main__":
    with Pool(2) as pool:
        print(pool.map(handle, [("double", 4), ("square", 4)]))
