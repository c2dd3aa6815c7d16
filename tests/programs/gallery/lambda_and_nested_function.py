# needs fork
from multiprocessing import Process, Queue

base = 10


def main(queue):
    step = 3

    def nested(number):
        queue.put(base + step * number)

    children = [Process(target=nested, args=(2,)), Process(target=lambda: queue.put(base))]
    for child in children:
        child.start()
        child.join()


if __name__ == "__main__":
    base = 100
    queue = Queue()
    main(queue)
    print(queue.get(), queue.get())
