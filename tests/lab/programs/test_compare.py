"""`lab compare FILE.py`: what the program did on each backend, and whether the runs were equal."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.trace import load_traces
from tests.support.lab import INTERRUPTED, RunLab, StartLab, table_rows
from tests.support.waiting import wait_until

Program = Callable[..., Path]

EVERYTHING = """
    import os
    from multiprocessing import Event, Lock, Pipe, Process, Queue, Semaphore

    def work(number, go, lock, rooms, queue, pipe):
        go.wait()
        with lock, rooms:
            print(f"{number} in process {os.getpid()}")
        queue.put(number)
        if number == 2:
            pipe.send("done")

    if __name__ == "__main__":
        go, lock, rooms, queue = Event(), Lock(), Semaphore(2), Queue()
        ours, theirs = Pipe()
        workers = [Process(target=work, args=(number, go, lock, rooms, queue, theirs)) for number in range(3)]
        for worker in workers:
            worker.start()
        go.set()
        print(sorted(queue.get() for _ in workers), ours.recv())
        print(lock.acquire(timeout=1), lock.acquire(timeout=0.01))
        lock.release()
"""

COUNTS = {
    "lock (program.py:14)": {"grants": 4},
    "rooms (program.py:14)": {"grants": 3},
    "go (program.py:14)": {"sets": 1, "wake-ups": 3},
    "queue (program.py:14)": {"puts": 3, "gets": 3},
    "ours, theirs (program.py:15)": {"puts": 1, "gets": 1},
}


def test_a_program_that_uses_all_primitives(lab: RunLab, program: Program, url: str, tmp_path: Path):
    path = program(EVERYTHING)
    options = ("--redis-url", url, "--workers", 3, "--json", "figures.json", "--report", "traces")
    done = lab("compare", path, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = table_rows(done.stdout)
    for name, value in {
        "exit code": "0",
        "lines printed": "5",
        "processes": "3",
        "processes failed": "0",
        "hosts": "1",
    }.items():
        assert rows[name] == [value] * 3, name
    assert all(name in rows for name in COUNTS)
    assert "All backends printed the same lines." in " ".join(done.stdout.split())

    figures = json.loads((tmp_path / "figures.json").read_text())
    assert (figures["program"], figures["arguments"], figures["equal"]) == ("program.py", [], True)
    assert list(figures["backends"]) == ["local", "redis", "rq"]
    for backend in figures["backends"].values():
        used = backend["primitives"]
        assert {name: {what: used[name][what] for what in counts} for name, counts in COUNTS.items()} == COUNTS
        lock = backend["primitives"]["lock (program.py:14)"]
        assert lock["grants"] == 4
        assert 0 <= lock["wait_s"]["median"] <= lock["wait_s"]["p99"] <= lock["wait_s"]["max"] < backend["elapsed_s"]
        assert 0 < lock["hold_s"]["median"] < backend["elapsed_s"]

    traces = {trace.backend: trace for trace in load_traces(tmp_path / "traces")}
    assert set(traces) == {"local", "redis", "rq"}
    for backend, trace in traces.items():
        fences = [event.fence for event in trace.of("enters") if event.on == "lock (program.py:14)"]
        assert len(set(fences)) == (1 if backend == "local" else 4)
        assert {event.line for event in trace.of("creates")} == {"program.py:14", "program.py:15"}
        assert all(event.line for event in trace.of("requests", "enters", "leaves", "puts", "gets", "sets", "wakes"))
        assert {event.who for event in trace.of("starts")} == {"Process-1", "Process-2", "Process-3"}

    page = (tmp_path / "traces" / "index.html").read_text()
    assert "All runs were equal." in page
    assert all(f"Waits for {name}" in page for name in COUNTS if name.startswith(("lock", "rooms", "queue")))

    again = lab("check", "traces")
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stdout.count("valid, no invariant of its 5 primitives was violated") == 3
    assert table_rows(again.stdout)["exit code"] == ["0"] * 3


@pytest.mark.slow
def test_every_run_starts_with_a_copy_of_the_same_files(lab: RunLab, program: Program, url: str):
    path = program(
        """
        from pathlib import Path
        count = Path("count")
        print(count.read_text())
        count.write_text("0")
        """
    )
    path.with_name("count").write_text("7")
    done = lab("compare", path, "--redis-url", url, "--on", "local,redis")
    assert (done.returncode, table_rows(done.stdout)["lines printed"]) == (0, ["1", "1"])
    assert path.with_name("count").read_text() == "7"


@pytest.mark.parametrize(
    ("differs", "sentence"),
    [
        ("sys.exit(redis)", "The exit code differs: 0 on local, 1 on redis."),
        pytest.param(
            "print('over redis' if redis else 'here')",
            "0 are the same on all backends. Apart from these, local printed 1: 'here'; redis printed 1: 'over redis'.",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "print(7 + redis)",
            "All backends printed the same lines except for the numbers in them.",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "child = Process(target=sys.exit, args=(redis,)); child.start(); child.join()",
            "The number of failed processes differs: 0 on local, 1 on redis.",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_differences_are_reported(lab: RunLab, program: Program, url: str, differs: str, sentence: str):
    path = program(
        f"""
        import sys
        from multiprocessing import Lock, Process
        redis = hasattr(Lock(), "held")
        {differs}
        """
    )
    done = lab("compare", path, "--on", "local,redis", "--redis-url", url)
    assert done.returncode == 1
    assert sentence in " ".join(done.stdout.split())


@pytest.mark.slow
def test_a_program_that_never_ends_is_stopped_at_the_limit(lab: RunLab, program: Program, url: str):
    path = program(
        """
        import itertools, time
        from multiprocessing import Process

        def child():
            for number in itertools.count():
                print(number)
                time.sleep(0.01)

        if __name__ == "__main__":
            Process(target=child).start()
        """
    )
    done = lab("compare", path, "--limit", 1.5, "--redis-url", url, "--workers", 1)
    assert (done.returncode, table_rows(done.stdout)["exit code"]) == (0, ["stopped"] * 3)
    assert "It was stopped at the limit of 1.50 s on local, redis, rq." in " ".join(done.stdout.split())


@pytest.mark.slow
def test_a_deadlock_is_named(lab: RunLab, program: Program, url: str, tmp_path: Path):
    path = program(
        """
        from multiprocessing import Event, Lock, Process

        def work(first, second, mine, yours):
            with first:
                mine.set()
                yours.wait()
                with second:
                    pass

        if __name__ == "__main__":
            hall = Lock()
            rooms = Lock()
            one, two = Event(), Event()
            left = Process(target=work, args=(hall, rooms, one, two), name="left")
            right = Process(target=work, args=(rooms, hall, two, one), name="right")
            left.start()
            right.start()
            left.join()
        """
    )
    options = ("--limit", 5, "--redis-url", url, "--workers", 2, "--json", "figures", "--trace", "traces")
    for done in (lab("compare", path, *options), lab("check", "traces")):
        assert (
            "Deadlock on local, redis, rq: left waits for rooms (program.py:13), which right holds; right waits for "
            "hall (program.py:12), which left holds. Also waiting: MainProcess waits for left to end."
        ) in " ".join(done.stdout.split())
    figures = json.loads((tmp_path / "figures").read_text())
    for backend in figures["backends"].values():
        assert backend["primitives"]["rooms (program.py:13)"]["wait_s"]["max"] > 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("create", "held"), [("RLock()", "rooms (program.py:14)"), ("Condition()", "lock of rooms (program.py:14)")]
)
def test_a_deadlock_of_reentrant_locks_is_named(lab: RunLab, program: Program, url: str, create: str, held: str):
    path = program(
        f"""
        from multiprocessing import Condition, Event, Process, RLock

        def work(first, second, mine, yours):
            with first:
                with first:
                    mine.set()
                yours.wait()
                with second:
                    pass

        if __name__ == "__main__":
            hall = RLock()
            rooms = {create}
            one, two = Event(), Event()
            left = Process(target=work, args=(hall, rooms, one, two), name="left")
            right = Process(target=work, args=(rooms, hall, two, one), name="right")
            left.start()
            right.start()
            left.join()
        """
    )
    done = lab("compare", path, "--limit", 8, "--redis-url", url, "--workers", 2)
    assert (
        f"Deadlock on local, redis, rq: left waits for {held}, which right holds; right waits for hall "
        "(program.py:13), which left holds."
    ) in " ".join(done.stdout.split())


@pytest.mark.slow
def test_waits_for_conditions_and_barriers_are_named(lab: RunLab, program: Program, url: str):
    path = program(
        """
        from multiprocessing import Barrier, Condition, Process

        def wait(ready, start):
            with ready:
                ready.wait_for(lambda: False)

        def meet(ready, start):
            start.wait()

        if __name__ == "__main__":
            ready, start = Condition(), Barrier(3)
            for name, target in (("three", meet), ("two", meet), ("one", wait)):
                process = Process(target=target, args=(ready, start), name=name)
                process.start()
            process.join()
        """
    )
    done = lab("compare", path, "--limit", 8, "--redis-url", url, "--workers", 4)
    assert (
        "All processes waited on local, redis, rq, and none could go on: MainProcess waits for one to end; one waits "
        "for ready (program.py:12) to be notified; three and two wait for start (program.py:12), which waits for 3 "
        "processes"
    ) in " ".join(done.stdout.split())


@pytest.mark.slow
def test_a_manager_s_lock_without_a_timeout_is_waited_for_in_vain(lab: RunLab, program: Program, url: str):
    path = program(
        """
        from multiprocessing import Manager

        if __name__ == "__main__":
            lock = Manager().Lock()
            lock.acquire()
            lock.acquire(timeout=-1)
        """
    )
    done = lab("compare", path, "--limit", 3, "--on", "redis", "--redis-url", url)
    text = " ".join(done.stdout.split())
    assert "Deadlock on redis: MainProcess waits for lock (program.py:5), which MainProcess holds." in text


@pytest.mark.slow
def test_who_was_notified_and_cannot_get_the_lock_is_named(lab: RunLab, program: Program, url: str):
    path = program(
        """
        from multiprocessing import Condition, Event, Lock, Process, Value

        def wait(ready, waits):
            with ready:
                waits.set()
                ready.wait()

        def notify(ready, waits, total):
            waits.wait()
            with ready:
                ready.notify()
                total.value += 1

        if __name__ == "__main__":
            ready, waits, total = Condition(Lock()), Event(), Value("i", 0)
            one = Process(target=wait, args=(ready, waits), name="one")
            two = Process(target=notify, args=(ready, waits, total), name="two")
            with total.get_lock():
                one.start()
                two.start()
                one.join()
        """
    )
    done = lab("compare", path, "--limit", 8, "--redis-url", url, "--workers", 2)
    assert (
        "Deadlock on local, redis, rq: MainProcess waits for one to end; one waits for Lock (program.py:16), which two "
        "holds; two waits for lock of total (program.py:16), which MainProcess holds."
    ) in " ".join(done.stdout.split())


@pytest.mark.parametrize("backend", ["redis", pytest.param("rq", marks=pytest.mark.slow)])
def test_values_without_their_lock_are_counted_or_named(
    lab: RunLab, program: Program, url: str, tmp_path: Path, backend: str
):
    path = program(
        """
        import ctypes
        from multiprocessing import Array, Process, RawArray, RawValue, Value, sharedctypes

        class Point(ctypes.Structure):
            _fields_ = [("x", ctypes.c_double), ("y", ctypes.c_int)]

            def move(self, distance):
                self.x += distance

        def work(raw, unlocked, squares, points, total):
            raw.value += 1
            unlocked.value += 1
            squares[1] = squares[0]
            points[1].move(points[0].y)
            total.get_obj().value += 1
            total.value += 1

        if __name__ == "__main__":
            raw, unlocked, squares = RawValue("i"), Value("i", lock=False), RawArray("i", [2, 3])
            points, total, unused = RawArray(Point, 2), Value("i"), RawValue("i")
            child = Process(target=work, args=(raw, unlocked, squares, points, total))
            child.start()
            child.join()
            copied = sharedctypes.copy(squares)
            print(raw.value, unlocked.value, squares[:], points[1].x, total.value, bytes(copied))
            print(sharedctypes.synchronized(copied)[0])
        """
    )
    done = lab(
        "compare", path, "--on", f"local,{backend}", "--redis-url", url, "--json", "figures", "--trace", "traces"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads((tmp_path / "figures").read_text())["backends"]
    local, used = (
        {name.partition(" (")[0]: usage for name, usage in figures[each]["primitives"].items()}
        for each in ("local", backend)
    )
    assert used == {
        "raw": {"reads": 2, "writes": 1},
        "unlocked": {"reads": 2, "writes": 1},
        "squares": {"reads": 2, "writes": 1},
        "points": {"reads": 6, "writes": 1},
        "total": {"reads": 3, "writes": 2},
        "copied": {"reads": 1, "writes": 0},
        "synchronized": {"reads": 1, "writes": 0},
    }
    assert local == {"total": {"reads": 2, "writes": 1}, "synchronized": {"reads": 1, "writes": 0}}
    unrecorded = [name.partition(" (")[0] for name in figures["local"]["unrecorded"]]
    assert (sorted(unrecorded), figures[backend]["unrecorded"]) == (
        ["copied", "points", "raw", "squares", "total", "unlocked", "unused"],
        [],
    )
    for text in (done.stdout, lab("check", "traces").stdout):
        [line] = [line for line in " ".join(text.split()).split(". ") if "not recorded" in line]
        assert re.search(r"memory are not recorded: raw \(program.py:20\), .* on local", line)
        assert "differs" not in text


@pytest.mark.slow
def test_shared_values_and_managed_objects_are_counted(lab: RunLab, program: Program, url: str, tmp_path: Path):
    path = program(
        """
        from multiprocessing import Array, Manager, Process, Value

        def work(total, squares, results, lock):
            for number in range(5):
                with total.get_lock():
                    total.value += number
                squares[number] = squares[number] + number
            with lock:
                results.append(total.value)
            results[0]

        if __name__ == "__main__":
            manager = Manager()
            total, squares = Value("i", 0), Array("i", 5)
            results, lock = manager.list(), manager.Lock()
            state = manager.Namespace(begun=True)
            children = [Process(target=work, args=(total, squares, results, lock)) for _ in range(2)]
            for child in children:
                child.start()
            for child in children:
                child.join()
            print(total.value, squares[:], len(results), state.begun)
        """
    )
    done = lab("compare", path, "--redis-url", url, "--workers", 2, "--json", "figures", "--trace", "traces")
    assert done.returncode == 0, done.stdout + done.stderr
    for backend in json.loads((tmp_path / "figures").read_text())["backends"].values():
        used = {name.partition(" (")[0]: usage for name, usage in backend["primitives"].items()}
        assert backend["processes"] == 2
        assert used["total"] == {"reads": 13, "writes": 10}
        assert used["squares"] == {"reads": 11, "writes": 10}
        assert used["results"] == {"operations": 5}
        assert used["state"] == {"operations": 1}
        assert used["lock"]["grants"] == 2
        assert used["lock of total"]["grants"] >= 10
    assert lab("check", "traces").returncode == 0


@pytest.mark.slow
def test_conditions_and_barriers_are_recorded(lab: RunLab, program: Program, url: str, tmp_path: Path):
    path = program(
        """
        from multiprocessing import Barrier, Condition, Process, RLock, set_start_method

        def work(ready, start, lock):
            with lock, lock:
                pass
            start.wait()
            with ready:
                ready.notify()

        if __name__ == "__main__":
            set_start_method("spawn")
            ready, start, lock = Condition(), Barrier(2), RLock()
            with ready:
                other = Process(target=work, args=(ready, start, lock))
                other.start()
                start.wait()
                assert ready.wait()
                assert not ready.wait(0.01)
            other.join()
        """
    )
    done = lab("compare", path, "--on", "local,redis", "--redis-url", url, "--json", "figures", "--report", "page")
    assert done.returncode == 0, done.stdout + done.stderr
    for run in json.loads((tmp_path / "figures").read_text())["backends"].values():
        counts = {name.partition(" (")[0]: used for name, used in run["primitives"].items()}
        assert counts["lock"]["grants"] == 1
        assert (counts["ready"]["notifications"], counts["ready"]["wake-ups"]) == (1, 1)
        assert (counts["start"]["generations"], counts["start"]["wake-ups"]) == (1, 2)
        assert counts["lock of ready"]["grants"] == 4


@pytest.mark.slow
def test_repeated_runs(lab: RunLab, program: Program, tmp_path: Path):
    path = program(
        """
        from multiprocessing import Lock

        lock = Lock()
        with lock:
            pass
        """
    )
    done = lab("compare", path, "--on", "local", "--repeat", 3, "--json", "figures", "--trace", "traces")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Each column shows the median of 3 runs, and their range." in done.stdout
    run = json.loads((tmp_path / "figures").read_text())["backends"]["local"]
    assert sorted(each["elapsed_s"] for each in run["repeats"])[1] == run["elapsed_s"]
    assert len(load_traces(tmp_path / "traces")) == 3
    again = lab("check", "traces")
    assert table_rows(again.stdout)["elapsed"] == table_rows(done.stdout)["elapsed"]


@pytest.mark.slow
def test_processes_of_pools_and_executors_are_counted(lab: RunLab, program: Program, url: str):
    path = program(
        """
        import os, time
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import Pool, get_context

        def meet(_):
            time.sleep(0.5)
            return os.getpid()

        if __name__ == "__main__":
            for method in ("fork", "spawn"):
                with get_context(method).Pool(2) as pool:
                    print(len(set(pool.map(meet, range(2), chunksize=1))))
            with ProcessPoolExecutor(2) as executor:
                print(len(set(executor.map(meet, range(2)))))
        """
    )
    done = lab("compare", path, "--on", "local,redis", "--redis-url", url)
    rows = table_rows(done.stdout)
    assert (rows["processes"], rows["max concurrent"], rows["processes failed"]) == (["6"] * 2, ["2"] * 2, ["0"] * 2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_comparison_leaves_nothing_behind(
    start: StartLab, program: Program, url: str, tmp_path: Path, number: int
):
    path = program(
        """
        import sys, time
        from multiprocessing import Process
        if __name__ == "__main__":
            child = Process(target=time.sleep, args=(60,), name="sleeper")
            child.start()
            print("up", file=sys.stderr)
        """
    )
    session = start("compare", path, "--redis-url", url, "--workers", 1, "--on", "rq", "--json", "figures")
    assert session.process.stderr is not None
    while session.process.stderr.readline() != "up\n":
        pass
    session.process.send_signal(number)
    finished = session.finish()
    assert finished.returncode == 128 + number
    assert finished.stderr.endswith(INTERRUPTED)
    text = " ".join(finished.stdout.split())
    assert "It was interrupted on rq." in text
    assert "Waiting on rq when it was stopped: MainProcess waits for sleeper to end." in text
    wait_until(lambda: not session.alive())
    assert not list(session.temporary.iterdir())
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--on", "moon"], "lab: there is no backend 'moon'; choose from local,redis,rq\n"),
        (["--json", "no/such"], "lab: there is no folder "),
        (["--trace", "mine"], "lab: mine exists and is not empty; name a new folder, or an empty one\n"),
        (["--limit", "0"], "lab: Invalid value for '--limit'"),
        (["--workers", "0"], "lab: Invalid value for '--workers'"),
    ],
)
def test_invalid_options_are_refused_before_anything_runs(
    lab: RunLab, program: Program, options: list[str], sentence: str
):
    done = lab("compare", program("print('ran')"), *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(sentence)


def test_a_large_folder_is_not_copied(lab: RunLab, program: Program):
    path = program("print('ran')")
    subprocess.run(["truncate", "--size", "101M", path.with_name("large")], check=True)
    done = lab("compare", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "holds more than 100 MB; put the program and its files into a folder of their own" in done.stderr
