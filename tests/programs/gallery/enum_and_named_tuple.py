from enum import Enum
from multiprocessing import Pool
from typing import NamedTuple


class Colour(Enum):
    RED = 1
    GREEN = 2


class Point(NamedTuple):
    x: int
    y: int
    colour: Colour = Colour.RED


def move(point):
    assert point.colour is Colour.RED
    return point._replace(x=point.x + 1, colour=Colour.GREEN)


if __name__ == "__main__":
    with Pool(2) as pool:
        moved = pool.map(move, [Point(0, 0), Point(5, 5)])
    print(moved, moved[0].colour is Colour.GREEN)
