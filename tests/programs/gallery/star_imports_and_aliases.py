import collections.abc
import math as m
import os.path
from json import *
from multiprocessing import Process as P


def work():
    print(dumps([m.floor(2.5), os.path.basename("a/b"), isinstance([], collections.abc.Sequence)]))


if __name__ == "__main__":
    child = P(target=work)
    child.start()
    child.join()
