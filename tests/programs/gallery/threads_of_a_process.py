"""A process begins with one thread, its main thread."""

import threading
from multiprocessing import Process


def work():
    print([thread.name for thread in threading.enumerate()])
    thread = threading.Thread(target=print, args=("in a thread",))
    thread.start()
    thread.join()


if __name__ == "__main__":
    process = Process(target=work)
    process.start()
    process.join()
