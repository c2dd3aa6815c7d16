from multiprocessing import Process, Queue
from typing import Generic, NewType, TypeVar

UserId = NewType("UserId", int)
T = TypeVar("T")


class Box(Generic[T]):
    def __init__(self, value):
        self.value = value


def work(queue):
    queue.put(Box(UserId(7)))


if __name__ == "__main__":
    queue = Queue()
    child = Process(target=work, args=(queue,))
    child.start()
    print(queue.get().value)
    child.join()
