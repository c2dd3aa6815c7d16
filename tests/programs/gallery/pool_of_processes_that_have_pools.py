# needs fork: it asks for the context when it is imported
import multiprocessing
import multiprocessing.pool


class FreeProcess(multiprocessing.Process):
    @property
    def daemon(self):
        return False

    @daemon.setter
    def daemon(self, value):
        pass


class FreeContext(type(multiprocessing.get_context())):
    Process = FreeProcess


class FreePool(multiprocessing.pool.Pool):
    def __init__(self, *args, **kwargs):
        kwargs["context"] = FreeContext()
        super().__init__(*args, **kwargs)


def inner(number):
    return number + 1


def outer(number):
    with multiprocessing.Pool(1) as pool:
        return sum(pool.map(inner, range(number)))


if __name__ == "__main__":
    pool = FreePool(1)
    print(pool.map(outer, [2, 3, 4]))
    pool.close()
    pool.join()
    print(isinstance(pool, multiprocessing.pool.Pool))
