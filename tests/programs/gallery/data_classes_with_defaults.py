from dataclasses import dataclass, field
from multiprocessing import Process, Queue


@dataclass
class Order:
    name: str
    items: list = field(default_factory=list)
    price: float = 1.5


def fill(queue, order):
    order.items.append("tea")
    queue.put(order)


if __name__ == "__main__":
    queue = Queue()
    order = Order("first")
    child = Process(target=fill, args=(queue, order))
    child.start()
    print(queue.get(), order)
    child.join()
