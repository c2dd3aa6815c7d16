"""`--fault` on programs: their processes die at events of their primitives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.trace import DIES, RESTARTS, RESTARTS_EMPTY
from tests.support.faults import compare, faults
from tests.support.lab import BACKENDS, RunLab

PROGRAM = """
    from multiprocessing import Lock, Process

    def guest(rooms):
        for _ in range(2):
            with rooms:
                print("sings")

    if __name__ == "__main__":
        rooms = Lock()
        first, *others = [Process(target=guest, args=(rooms,)) for _ in range(4)]
        first.start()
        first.join()
        for each in others:
            each.start()
        for each in others:
            each.join()
        print("the bar closes")
"""
CAREFUL = PROGRAM.replace(
    """
            with rooms:
                print("sings")
""",
    """
            try: rooms.acquire() and rooms.release()
            except Exception as error: print(error)
""",
)
CONSUMERS = """
    from multiprocessing import Process, Queue

    def work(items):
        items.get()

    if __name__ == "__main__":
        items = Queue()
        items.put(1)
        items.put(2)
        first, second = (Process(target=work, args=(items,)) for _ in range(2))
        for each in (first, second):
            each.start()
            each.join()
        print([first.exitcode, second.exitcode])
"""
ROOMS = "rooms (program.py:10)"


@pytest.mark.parametrize("backend", ["redis", pytest.param("rq", marks=pytest.mark.slow)])
def test_what_a_killed_process_of_a_program_held_is_free_again(
    lab: RunLab, url: str, program: Callable[..., Path], tmp_path: Path, backend: str
):
    options = ("--fault", "kill", "--limit", 60, "--on", backend, "--redis-url", url, "--seed", 6)
    figures, (trace,), text = compare(lab, tmp_path, 0, program(PROGRAM), *options)
    assert faults(trace) == [("Process-1", DIES, ROOMS, "inside")]
    assert [event.value for event in trace.of("joins") if event.on == "Process-1"] == [-9]
    assert figures["backends"][backend]["exit_code"] == 0
    assert len(figures["backends"][backend]["faults"]) == 1
    assert f"Process-1 was killed inside {ROOMS} on {backend}." in text


def test_whatever_can_be_held_has_the_lease_of_the_run(lab: RunLab, url: str, program: Callable[..., Path]):
    path = program(
        """
        import multiprocessing

        def leases(where):
            locks = [where.Lock(), where.RLock(), where.Semaphore(), where.BoundedSemaphore(), where.Barrier(1)]
            return {*(each.lease for each in locks), where.Condition().lock.lease, where.JoinableQueue()._lease}

        if __name__ == "__main__":
            with multiprocessing.Manager() as manager:
                print(leases(multiprocessing), leases(manager), multiprocessing.Value("i").get_lock().lease)
        """
    )
    done = lab("run", path, "--on", "redis", "--redis-url", url, "--fault", "kill")
    assert done.stdout == "{3.0} {3.0} 3.0\n"


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS[1:])
@pytest.mark.parametrize("kind", ["restart", "restart-empty"])
def test_the_server_restarts_with_a_process_of_a_program_inside(
    lab: RunLab, program: Callable[..., Path], tmp_path: Path, backend: str, kind: str
):
    options = ("--fault", kind, "--limit", 60, "--on", f"local,{backend}", "--seed", 6)
    how, status = ("without", 1) if kind == "restart-empty" else ("with", 0)  # a guest prints what it has lost
    _, (local, trace), text = compare(lab, tmp_path, status, program(CAREFUL), *options)
    assert faults(trace) == [("Process-1", RESTARTS_EMPTY if how == "without" else RESTARTS, ROOMS, "inside")]
    assert [event.who for event in trace.of("loses lease")] == (["Process-1"] if how == "without" else [])
    assert faults(local) == []
    assert "There is no server to restart on local." in text
    assert f"The server restarted {how} its data while Process-1 was inside {ROOMS} on {backend}." in text


@pytest.mark.slow
def test_what_a_killed_process_of_a_program_held_on_local_is_lost(
    lab: RunLab, program: Callable[..., Path], tmp_path: Path
):
    options = ("--fault", "kill", "--limit", 8, "--on", "local", "--seed", 6)
    _, (trace,), text = compare(lab, tmp_path, 0, program(PROGRAM), *options)
    assert faults(trace) == [("Process-1", DIES, ROOMS, "inside")]
    assert f"Process-1 was killed inside {ROOMS} on local." in text
    assert f"{ROOMS}, which Process-1 (killed) holds" in text


@pytest.mark.parametrize("backend", BACKENDS)
def test_run_tells_of_a_programs_fault_as_it_happens(lab: RunLab, url: str, program: Callable[..., Path], backend: str):
    path = program(CONSUMERS)
    options = ("--fault", "kill", "--seed", 6, "--on", backend, "--redis-url", url)
    done = lab("run", path, *options, "--workers", 2)
    assert (done.returncode, done.stdout) == (0, "[-9, 0]\n"), done.stderr
    assert done.stderr == "lab: Process-1 was killed inside items (program.py:8)\n"


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_process_of_a_program_is_cut_off_from_the_server(
    lab: RunLab, url: str, program: Callable[..., Path], backend: str
):
    options = ("--fault", "cut", "--seed", 6, "--on", backend, "--redis-url", url)
    done = lab("run", program(CONSUMERS), *options, "--workers", 2)
    assert (done.returncode, done.stdout) == (0, "[0, 0]\n"), done.stderr
    told = "" if backend == "local" else "lab: Process-1 was cut off inside items (program.py:8)\n"
    assert done.stderr == told
