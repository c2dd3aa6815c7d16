import multiprocessing
import multiprocessing.pool
from multiprocessing.pool import AsyncResult, Pool, ThreadPool


class Named(Pool):
    started = 0

    @staticmethod
    def Process(context, *args, **kwargs):
        process = Pool.Process(context, *args, **kwargs)
        Named.started += 1
        process.name = f"named {Named.started}"
        return process

    def squares(self, numbers) -> AsyncResult:
        return self.map_async(square, numbers)


def square(number):
    return number * number


def name_of_process():
    return multiprocessing.current_process().name


if __name__ == "__main__":
    with Named(1) as pool:
        print(pool.squares(range(4)).get(), pool.apply(name_of_process))
    with multiprocessing.pool.Pool(1, context=multiprocessing.get_context("spawn")) as pool:
        print(pool.map(square, [5, 6]))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.starmap(pow, [(2, 3), (3, 2)]))
    with ThreadPool(2) as pool:
        print(pool.map(square, [7, 8]))
