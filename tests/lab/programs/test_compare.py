"""`lab compare FILE.py`: what the program did on each backend, and whether the runs were equal."""

from __future__ import annotations

import json
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
