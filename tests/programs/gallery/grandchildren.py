from multiprocessing import Process


def inner(name):
    print("inner", name)


def outer(name):
    child = Process(target=inner, args=(name,))
    child.start()
    child.join()
    print("outer", name, child.exitcode)


if __name__ == "__main__":
    child = Process(target=outer, args=("x",))
    child.start()
    child.join()
