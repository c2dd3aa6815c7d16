from functools import singledispatch
from multiprocessing import Pool


@singledispatch
def name(value):
    return "something"


@name.register
def _(value: int):
    return "a number"


@name.register
def _(value: str):
    return "a text"


if __name__ == "__main__":
    with Pool(2) as pool:
        print(pool.map(name, [1, "one", 1.0]))
