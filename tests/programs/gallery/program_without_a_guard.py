# needs fork
from multiprocessing import Process

limit = 3


def work():
    print("child", limit)


limit = 4
child = Process(target=work)
child.start()
child.join()
print("parent", limit, child.exitcode)
