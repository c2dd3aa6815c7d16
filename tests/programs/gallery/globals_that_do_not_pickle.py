import sqlite3
import struct
import threading
from multiprocessing import Process

lock = threading.Lock()
header = struct.Struct("<HI")
database = sqlite3.connect(":memory:")
numbers = (number for number in range(3))


def unused():
    with lock:
        return database, numbers


def work():
    print(len(header.pack(1, 2)))


if __name__ == "__main__":
    child = Process(target=work)
    child.start()
    child.join()
    print("exit code", child.exitcode)
