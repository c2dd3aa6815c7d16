import multiprocessing
import multiprocessing.connection
import multiprocessing.context
import multiprocessing.dummy
import multiprocessing.pool
import multiprocessing.process
import multiprocessing.queues
import multiprocessing.synchronize
from multiprocessing import queues, synchronize


def classes(made):
    known = {
        "Lock": synchronize.Lock,
        "Semaphore": synchronize.Semaphore,
        "BoundedSemaphore": synchronize.BoundedSemaphore,
        "Event": synchronize.Event,
        "SimpleQueue": queues.SimpleQueue,
        "Queue": queues.Queue,
        "JoinableQueue": queues.JoinableQueue,
        "Connection": multiprocessing.connection.Connection,
    }
    return sorted(name for name, kind in known.items() if isinstance(made, kind))


def check(*passed):
    print([classes(each) for each in passed])


def same(number):
    return number


if __name__ == "__main__":
    first, second = multiprocessing.Pipe()
    everything = [
        multiprocessing.Lock(),
        multiprocessing.Semaphore(2),
        multiprocessing.BoundedSemaphore(2),
        multiprocessing.Event(),
        multiprocessing.SimpleQueue(),
        multiprocessing.Queue(3),
        multiprocessing.JoinableQueue(),
        first,
        second,
    ]
    check(*everything)
    context = multiprocessing.get_context()
    child = context.Process(target=check, args=everything)
    child.start()
    child.join()
    print(isinstance(child, multiprocessing.process.BaseProcess), isinstance(child, context.Process))
    print(isinstance(multiprocessing.Process(), multiprocessing.Process))
    print(isinstance(context, multiprocessing.context.BaseContext))
    print(isinstance(multiprocessing.get_context("spawn"), multiprocessing.context.SpawnContext))
    print(isinstance(multiprocessing.get_context("spawn"), multiprocessing.context.ForkContext))
    print(issubclass(queues.JoinableQueue, queues.Queue), issubclass(synchronize.Semaphore, synchronize.Lock))
    print(multiprocessing.current_process() is multiprocessing.process.current_process())
    with multiprocessing.Pool(1) as pool:
        print(isinstance(pool, multiprocessing.pool.Pool))
        result = pool.apply_async(same, (1,))
        print(isinstance(result, multiprocessing.pool.AsyncResult), result.get())
    with multiprocessing.pool.ThreadPool(1) as threads, multiprocessing.dummy.Pool(1) as others:
        print([isinstance(each, multiprocessing.pool.Pool) for each in (threads, others)])
        print([isinstance(each, multiprocessing.pool.ThreadPool) for each in (threads, others)])
    print(issubclass(multiprocessing.pool.ThreadPool, multiprocessing.pool.Pool))
