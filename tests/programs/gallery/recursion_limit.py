# needs fork
import sys
from multiprocessing import Process


def depth(number):
    return 0 if number == 0 else 1 + depth(number - 1)


def work():
    print(sys.getrecursionlimit(), depth(2000))


if __name__ == "__main__":
    sys.setrecursionlimit(5000)
    child = Process(target=work)
    child.start()
    child.join()
