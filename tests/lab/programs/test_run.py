"""`lab run FILE.py`: a user's program behaves on every backend as with multiprocessing."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path

import pytest
import redis

import jobs
from broker.server.private_server import PrivateServer
from tests.support.actors import TIMEOUT
from tests.support.lab import RunLab, StartLab
from tests.support.waiting import wait_until

Program = Callable[..., Path]


@pytest.fixture(params=[pytest.param("local", marks=pytest.mark.slow), "redis", "rq"])
def where(request: pytest.FixtureRequest, url: str) -> list[object]:
    """The options for one backend."""
    return ["--on", request.param, "--redis-url", url, "--workers", 2]


def test_the_main_module_is_as_with_python(lab: RunLab, program: Program, where: list[object]):
    path = program(
        """
        import os, sys
        if __name__ == "__main__":
            print([__file__, sys.argv, sys.path[0], os.getcwd(), __package__, __doc__])
            print(sorted(set(globals()) - {"__annotations__"}))
            sys.exit(3)
        """
    )
    theirs = subprocess.run([sys.executable, path, "--on", "x"], capture_output=True, text=True, cwd=path.parent)
    done = lab("run", path, *where, "--", "--on", "x")
    assert (done.stdout, done.stderr, done.returncode) == (theirs.stdout, "", 3)


def test_unknown_options_are_passed_to_the_program(lab: RunLab, program: Program):
    path = program("import sys; print(sys.argv[1:])")
    assert lab("run", path, "--on", "local", "--verbose", "7", "--on", "9").stdout == (
        "['--verbose', '7', '--on', '9']\n"
    )


def test_repeat_is_refused_unless_it_is_the_programs(lab: RunLab, program: Program):
    path = program("import sys; print(sys.argv[1:])")
    done = lab("run", path, "--on", "redis", "--repeat", 3)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"lab: lab run {path} runs the program once; lab compare {path} --on redis --repeat N shows the median and the "
        "range of N runs (an option --repeat of the program itself comes after --)\n"
    )
    assert lab("run", path, "--", "--repeat", 3).stdout == "['--repeat', '3']\n"
    assert lab("run", path, "more", "--repeat", 3).stdout == "['more', '--repeat', '3']\n"


def test_the_program_reads_standard_input(program: Program):
    path = program("print(input('? ').upper())")
    done = subprocess.run(
        [sys.executable, "-m", "lab", "run", path], input="hello\n", capture_output=True, text=True, timeout=TIMEOUT
    )
    assert done.stdout == "? HELLO\n"


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


def test_the_program_ends_as_with_multiprocessing(lab: RunLab, program: Program, where: list[object]):
    """Daemons end with the program's code, other children are joined, and primitives exist until then."""
    path = program(
        """
        import atexit, time
        from multiprocessing import Event, Process

        def daemon(up):
            up.set()
            time.sleep(60)
            print("never")

        def other(over, up):
            print("waits")
            over.wait()
            print("waited", up.is_set())

        if __name__ == "__main__":
            over, up = Event(), Event()
            Process(target=daemon, args=(up,), daemon=True).start()
            Process(target=other, args=(over, up)).start()
            up.wait()
            over.set()
        """
    )
    assert lab("run", path, *where).stdout.splitlines() == ["waits", "waited True"]


def test_an_uncaught_exception_has_the_traceback_of_python(start: StartLab, program: Program, where: list[object]):
    path = program("def f():\n    return 1 / 0\n\nf()\n")
    theirs = subprocess.run([sys.executable, path], capture_output=True, text=True)
    done = start("run", path, *where).finish()
    assert (done.returncode, done.stderr) == (1, theirs.stderr)


def test_an_exception_in_a_child_is_printed_there(start: StartLab, program: Program, where: list[object]):
    path = program(
        """
        from multiprocessing import Process
        def f():
            raise ValueError("oh")
        if __name__ == "__main__":
            child = Process(target=f)
            child.start()
            child.join()
            print(child.exitcode)
        """
    )
    done = start("run", path, *where).finish()
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert done.stderr.startswith("Process Process-1:\nTraceback")
    assert done.stderr.endswith("ValueError: oh\n")


SLOW = """
    import time
    from multiprocessing import Event, Process

    def sleep(up):
        up.set()
        time.sleep(60)

    if __name__ == "__main__":
        up = Event()
        Process(target=sleep, args=(up,)).start()
        up.wait()
        print("up")
"""


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGHUP, 128 + signal.SIGHUP), (signal.SIGKILL, -9)],
)
def test_a_signal_ends_the_program_and_all_its_children(
    start: StartLab, program: Program, where: list[object], number: int, status: int
):
    session = start("run", program(SLOW), *where)
    assert session.process.stdout is not None
    assert session.process.stdout.readline() == "up\n"
    session.process.send_signal(number)
    assert session.finish().returncode == status
    wait_until(lambda: not session.alive())


@pytest.mark.parametrize("joins", [True, False])
def test_ctrl_c_reaches_the_program_and_its_children(
    start: StartLab, program: Program, where: list[object], joins: bool
):
    """While it joins its child, and while multiprocessing joins the child after the end of the program's code."""
    session = start("run", program(SLOW + (8 * " " + "time.sleep(60)\n" if joins else "")), *where)
    assert session.process.stdout is not None
    assert session.process.stdout.readline() == "up\n"
    os.killpg(session.process.pid, signal.SIGINT)
    done = session.finish()
    assert done.returncode == 130 or not joins
    wait_until(lambda: not session.alive())


@pytest.mark.parametrize("backend", ["redis", "rq"])
def test_ctrl_c_as_the_exit_function_is_called_leaves_no_keys(lab: RunLab, program: Program, url: str, backend: str):
    path = program(
        """
        import atexit, ctypes, signal
        from multiprocessing import Event, Process, util

        if __name__ == "__main__":
            done = Event()
            Process(target=done.set).start()
            done.wait()
            raise_signal = getattr(ctypes.CDLL(None), "raise")  # Python handles it in the next call
            atexit.unregister(util._exit_function)
            atexit.register(util._exit_function)
            atexit.register(raise_signal, signal.SIGINT)  # it is called first, and the exit function next
        """
    )
    lab("run", path, "--on", backend, "--redis-url", url)


@pytest.mark.parametrize(("running", "advice"), [(False, "--workers"), (True, "`lab worker`")])
def test_more_processes_than_workers_print_a_warning(
    lab: RunLab, program: Program, url: str, running: bool, advice: str
):
    path = program(
        """
        from multiprocessing import Event, Process
        if __name__ == "__main__":
            go = Event()
            children = [Process(target=go.wait) for _ in range(3)]
            for child in children:
                child.start()
            go.set()
        """
    )
    with jobs.Workers(url, "lab", 2) if running else nullcontext():
        done = lab("run", path, "--on", "rq", "--redis-url", url, "--workers", 2)
    assert done.stderr == (
        "lab: more processes are started than there are workers (2): the others wait for a worker; "
        f"{advice} starts more\n"
    )


@pytest.mark.parametrize("command", ["run", "compare"])
def test_the_number_of_workers_is_ignored_where_others_run(lab: RunLab, program: Program, url: str, command: str):
    path = program("pass")
    with jobs.Workers(url, "lab", 1):
        ignored = lab(command, path, "--on", "rq", "--redis-url", url, "--workers", 3)
        followed = lab(command, path, "--on", "rq", "--redis-url", url, "--workers", 1)
        default = lab(command, path, "--on", "rq", "--redis-url", url)
        elsewhere = lab(command, path, "--on", "redis", "--redis-url", url, "--workers", 3)
    sentence = "lab: --workers 3 is ignored: this run uses the workers that are running on queue lab (1)\n"
    assert [done.stderr for done in (ignored, followed, default, elsewhere)] == [sentence, "", "", ""]
    assert {done.returncode for done in (ignored, followed, default, elsewhere)} == {0}


@pytest.mark.parametrize("command", ["run", "compare"])
def test_workers_that_do_not_start_are_one_sentence(lab: RunLab, program: Program, command: str):
    path = program("pass")
    with closing(PrivateServer()) as server, redis.Redis.from_url(server.url) as client:
        client.config_set("maxclients", 8)
        done = lab(command, path, "--on", "rq", "--redis-url", server.url, "--workers", 32)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"lab: the RQ workers did not start: \S.*\n", done.stderr)


def test_a_module_named_like_a_standard_one_in_the_current_folder_is_not_imported(
    lab: RunLab, program: Program, tmp_path: Path
):
    path = program("from multiprocessing import Pool\nif __name__ == '__main__': print(Pool(1).map(abs, [-1]))")
    (tmp_path / "random.py").write_text("raise RuntimeError('not the standard one')")
    done = lab("run", path, "--on", "rq")
    assert (done.returncode, done.stdout, done.stderr) == (0, "[1]\n", "")


def test_workers_that_are_running_are_used(lab: RunLab, program: Program, url: str):
    """They need not run in the program's folder; its processes do, and find its modules."""
    path = program(
        """
        import os, beside
        from multiprocessing import Process
        if __name__ == "__main__":
            child = Process(target=beside.tell)
            child.start()
            child.join()
            print(os.getcwd())
        """,
        beside="import os\ndef tell(): print(os.getcwd())\n",
    )
    with jobs.Workers(url, "lab", 1, folder="/"):
        assert lab("run", path, "--on", "rq", "--redis-url", url).stdout == 2 * f"{path.parent}\n"


@pytest.mark.parametrize("command", ["run", "compare"])
@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("none.py", None, "lab: none.py cannot be read (No such file or directory); name a Python program\n"),
        ("folder.py", "", "lab: folder.py cannot be read (Is a directory); name a Python program\n"),
        ("half.py", "x = (\n", "lab: half.py, line 1: this is not Python ('(' was never closed); correct it first\n"),
    ],
)
def test_a_file_that_is_not_a_program_is_refused(
    lab: RunLab, tmp_path: Path, command: str, name: str, content: str | None, sentence: str
):
    if content:
        (tmp_path / name).write_text(content)
    elif content is not None:
        (tmp_path / name).mkdir()
    done = lab(command, name)
    assert (done.returncode, done.stderr) == (2, sentence)


@pytest.mark.parametrize("name", ["broker.py", "jobs.py", "lab/__init__.py"])
def test_a_module_with_the_name_of_ours_is_named(lab: RunLab, tmp_path: Path, name: str):
    (tmp_path / "mine.py").write_text("print('runs')")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    done = lab("run", "mine.py")
    sentence = f"lab: {name} beside mine.py would be imported instead of this project's package; rename it\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", sentence)


UNSUPPORTED = """
    from multiprocessing import Condition, Lock, Process, Value

    def add(total):
        with total.get_lock():
            total.value += 1

    if __name__ == "__main__":
        print("begins")
        total = Value("i", 0)
        children = [Process(target=add, args=(total,)) for _ in range(3)]
        for child in children:
            child.start()
        for child in children:
            child.join()
        print(total.value)
"""


def test_unsupported_names_are_multiprocessings_own_on_redis(lab: RunLab, program: Program, url: str):
    done = lab("run", program(UNSUPPORTED), "--on", "redis", "--redis-url", url)
    assert (done.returncode, done.stdout) == (0, "begins\n3\n")
    assert done.stderr == (
        "lab: Value has no Redis-backed version: this is multiprocessing's own, for processes on this machine\n"
    )


@pytest.mark.parametrize("make", ["Condition(Lock())", "get_context('spawn').Condition(lock=Lock())"])
def test_condition_of_a_redis_backed_lock_is_refused(lab: RunLab, program: Program, url: str, make: str):
    path = program(f"from multiprocessing import Condition, Lock, get_context\nCondition()\n{make}\nprint('no')\n")
    done = lab("run", path, "--on", "redis", "--redis-url", url)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[1:] == [
        "lab: Condition has no Redis-backed version, and multiprocessing's own cannot use a Redis-backed Lock; call "
        "Condition() without a lock, or run the program --on local"
    ]


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


def test_unsupported_names_are_refused_on_rq_when_used(lab: RunLab, program: Program, url: str):
    done = lab("run", program(UNSUPPORTED), "--on", "rq", "--redis-url", url, "--workers", 1)
    assert (done.returncode, done.stdout) == (2, "begins\n")
    assert done.stderr == (
        "lab: Value needs shared memory, which RQ jobs do not have; send values through a Queue or a Pipe, "
        "or run the program --on redis\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "use",
    [
        "multiprocessing.Manager()",
        "multiprocessing.managers.SyncManager()",
        "type('Mine', (BaseManager,), {})",
        "multiprocessing.get_context('spawn').Barrier(2)",
        "shared_memory.SharedMemory(create=True, size=1)",
    ],
)
def test_every_use_of_shared_memory_is_refused_on_rq(lab: RunLab, program: Program, url: str, use: str):
    imports = "import multiprocessing.managers\nfrom multiprocessing import shared_memory\n"
    path = program(f"{imports}from multiprocessing.managers import BaseManager\n{use}\nprint('no')\n")
    done = lab("run", path, "--on", "rq", "--redis-url", url, "--workers", 1)
    assert (done.returncode, done.stdout) == (2, "")
    assert "which RQ jobs do not have" in done.stderr
