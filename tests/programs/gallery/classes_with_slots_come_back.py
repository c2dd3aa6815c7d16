from dataclasses import dataclass
from multiprocessing import Pool


@dataclass(slots=True)
class Reading:
    value: int


class Plain:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


def make(number):
    return Reading(number), Plain(number)


if __name__ == "__main__":
    with Pool(2) as pool:
        print([(reading.value, plain.value, type(reading) is Reading) for reading, plain in pool.map(make, range(3))])
