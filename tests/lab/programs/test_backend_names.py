"""Which names of multiprocessing are the backend's: in the program's own modules and in all its processes."""

from __future__ import annotations

import pytest

from tests.lab.programs.conftest import Program
from tests.support.lab import RunLab


def test_primitives_reach_children_in_every_way(lab: RunLab, program: Program, where: list[object]):
    """As arguments, in attributes, in globals, in closures, by a module's alias, and to modules beside the program."""
    path = program(
        """
        import multiprocessing as mp
        import beside
        from multiprocessing import Lock, Process, current_process

        lock = Lock()

        class Child(Process):
            def __init__(self, queue):
                super().__init__(name="child")
                self.queue = queue
            def run(self):
                with lock, mp.Lock():
                    self.queue.put([current_process().name, mp.current_process().name, type(lock) is type(Lock())])

        if __name__ == "__main__":
            queue = mp.Queue()
            children = [Child(queue), mp.Process(target=lambda: queue.put("closure")), beside.Neighbour(queue)]
            for child in children:
                child.start()
                print(queue.get())
                child.join()
            print([child.exitcode for child in children])
        """,
        beside="""
        import multiprocessing
        from multiprocessing import Process

        class Neighbour(Process):
            def __init__(self, queue):
                super().__init__()
                self.queue = queue
            def run(self):
                from multiprocessing import Lock
                self.queue.put(type(Lock()) is type(multiprocessing.Lock()))
        """,
    )
    done = lab("run", path, *where)
    assert done.stdout.splitlines() == ["['child', 'child', True]", "closure", "True", "[0, 0, 0]"]


def test_only_the_programs_modules_get_the_backends_names(lab: RunLab, program: Program, where: list[object]):
    path = program(
        """
        import beside, concurrent.futures.process
        from multiprocessing import Lock, Process
        from multiprocessing.pool import ThreadPool

        def tell():
            print(type(Lock()).__bases__[-1].__module__, beside.kind(), Process.__module__)

        if __name__ == "__main__":
            tell()
            child = Process(target=tell)
            child.start()
            child.join()
            library = concurrent.futures.process.mp.Lock()
            print(type(library).__module__, ThreadPool(1).map(str, [1]))
        """,
        beside="from multiprocessing import Lock\nkind = lambda: type(Lock()).__bases__[-1].__module__\n",
    )
    theirs, broker = "multiprocessing.synchronize", "broker.locks.lock"
    process = "multiprocessing.context"
    expected = {
        "local": f"{theirs} {theirs} {process}",
        "redis": f"{broker} {broker} {process}",
        "rq": f"{broker} {broker} jobs.context",
    }[str(where[1])]
    assert lab("run", path, *where).stdout.splitlines() == [expected, expected, f"{theirs} ['1']"]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("how", ["set_start_method", pytest.param("get_context", marks=pytest.mark.slow)])
def test_children_get_the_same_names_with_every_start_method(
    lab: RunLab, program: Program, url: str, method: str, how: str
):
    path = program(
        """
        import multiprocessing, sys
        from multiprocessing import Event, Lock

        def child(go):
            print(type(Lock()).__bases__[-1].__module__, go.wait(), multiprocessing.get_start_method())

        if __name__ == "__main__":
            method, how = sys.argv[1:]
            ctx = getattr(multiprocessing, how)(method) or multiprocessing
            go = ctx.Event()
            process = ctx.Process(target=child, args=(go,))
            process.start()
            go.set()
            process.join()
        """
    )
    done = lab("run", path, "--on", "redis", "--redis-url", url, method, how)
    assert done.stdout.split()[:2] == ["broker.locks.lock", "True"]


@pytest.mark.slow
def test_instances_and_subclasses_in_a_comparison(lab: RunLab, program: Program):
    path = program(
        """
        import multiprocessing
        from multiprocessing.queues import Queue
        from multiprocessing.synchronize import Lock

        class Mine(Queue):
            def __init__(self):
                super().__init__(ctx=multiprocessing.get_context())

        class Context(type(multiprocessing.get_context())):
            pass

        def work(mine, lock):
            with lock:
                mine.put([isinstance(lock, Lock), isinstance(mine, Queue)])

        if __name__ == "__main__":
            mine, lock = Mine(), Context().Lock()
            child = Context().Process(target=work, args=(mine, lock))
            child.start()
            print(mine.get(), isinstance(multiprocessing.Queue(), Queue))
            child.join()
            with Context().Pool(1) as pool:
                print(pool.map(abs, [-1]))
        """
    )
    done = lab("compare", path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("backend", ["redis", pytest.param("rq", marks=pytest.mark.slow)])
def test_every_name_with_a_redis_backed_version_is_that(lab: RunLab, program: Program, url: str, backend: str):
    path = program(
        """
        import multiprocessing
        from multiprocessing import managers, queues, sharedctypes, synchronize

        LOCKS = ("Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Event")
        QUEUES = ("SimpleQueue", "Queue", "JoinableQueue")

        def origins(made):
            return {each.__module__.partition(".")[0] for each in type(made).__mro__}

        if __name__ == "__main__":
            ctx, manager = multiprocessing.get_context("spawn"), managers.SyncManager()
            manager.start()
            made = {}
            for name in LOCKS + QUEUES:
                for where in (multiprocessing, ctx):
                    made[name, where] = getattr(where, name)()
                module = queues if name in QUEUES else synchronize
                made[name, module] = getattr(module, name)(ctx=ctx)
            for where in (multiprocessing, ctx, sharedctypes):
                for name in ("Value", "RawValue"):
                    made[name, where] = getattr(where, name)("i", 1)
                for name in ("Array", "RawArray"):
                    made[name, where] = getattr(where, name)("i", 1)
            for where in (multiprocessing, ctx, manager):
                made["Barrier", where] = where.Barrier(2)
            for where in (multiprocessing, ctx):
                made["Pipe", where] = where.Pipe()[0]
                made["Manager", where] = where.Manager()
            for name in ("list", "dict", "Namespace", *LOCKS, "Queue", "JoinableQueue"):
                made[name, manager] = getattr(manager, name)()
            made["copy", sharedctypes] = sharedctypes.copy(sharedctypes.RawValue("i", 1))
            made["synchronized", sharedctypes] = sharedctypes.synchronized(sharedctypes.RawValue("i", 1))
            print(sorted(str(key) for key, each in made.items() if "broker" not in origins(each)))
        """
    )
    assert lab("run", path, "--on", backend, "--redis-url", url, "--workers", 1).stdout == "[]\n"
