from multiprocessing import Process

SIZE = 2 + 2
KINDS = {"list": list}


class Buffer(KINDS["list"]):
    size = SIZE


def work(size=SIZE, table=tuple(range(SIZE))):
    print(size, table, Buffer.size, Buffer([1]))


if __name__ == "__main__":
    child = Process(target=work)
    child.start()
    child.join()
