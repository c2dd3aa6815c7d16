import dataclasses
import multiprocessing
import multiprocessing.connection
import multiprocessing.pool
import multiprocessing.queues
import multiprocessing.synchronize
import typing
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue, SimpleQueue
from multiprocessing.synchronize import Event, Lock


@dataclasses.dataclass
class Shared:
    lock: Lock
    ready: typing.Optional[Event]
    items: Queue
    numbers: "SimpleQueue[int]"
    end: typing.Union[multiprocessing.connection.Connection, None] = None


def work(shared: Shared, by: multiprocessing.synchronize.Semaphore) -> None:
    with shared.lock, by:
        shared.items.put("item")
        shared.numbers.put(1)
        shared.end.send("sent")
    shared.ready.set()


def start(context: BaseContext, *arguments) -> BaseProcess:
    process: multiprocessing.Process = context.Process(target=work, args=arguments)
    process.start()
    return process


def of(pool: "multiprocessing.pool.Pool", queue: SimpleQueue[int]) -> "multiprocessing.queues.JoinableQueue":
    raise NotImplementedError


if __name__ == "__main__":
    first, second = multiprocessing.Pipe()
    shared = Shared(
        multiprocessing.Lock(), multiprocessing.Event(), multiprocessing.Queue(), multiprocessing.SimpleQueue(), second
    )
    semaphore = multiprocessing.Semaphore(1)
    child = start(multiprocessing.get_context(), shared, semaphore)
    print(shared.ready.wait(60), shared.items.get(), shared.numbers.get(), first.recv())
    child.join()
    print(child.exitcode)
    print(sorted(typing.get_type_hints(Shared)), sorted(typing.get_type_hints(work)), sorted(typing.get_type_hints(of)))
    print(dataclasses.fields(Shared)[2].type.__name__, typing.get_type_hints(of)["queue"].__args__)
