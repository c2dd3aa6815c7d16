"""`lab compare FILE.py`: the use of values, managed objects, conditions and barriers is recorded, or named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.lab import RunLab

Program = Callable[..., Path]


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
