"""What the lab says of a secret that is missing, or is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.security.conftest import PLAIN, Lab, Way

plain = pytest.mark.parametrize("way", [PLAIN], indirect=True)
WARNING = "warning: LAB_SECRET is not set, so whoever can write to this Redis server can run code on its workers"


@plain
@pytest.mark.parametrize(
    ("secret", "backend", "times"),
    [
        ("", "rq", 1),
        pytest.param("", "redis", 0, marks=pytest.mark.slow),
        pytest.param(None, "rq", 0, marks=pytest.mark.slow),
    ],
)
def test_a_missing_one_is_warned_of_once(way: Way, lab: Lab, secret: str | None, backend: str, times: int) -> None:
    done = lab(way, "compare", "tickets", "--clients", 2, "--how", "all", "--on", backend, secret=secret)
    assert done.stderr.count(WARNING) == times, done.stderr


@pytest.mark.slow
@plain
def test_a_program_of_ones_own_is_warned_of_it_too(way: Way, lab: Lab, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = lab(way, "run", program, "--on", "rq", secret="")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "hello\n"
    assert done.stderr.count(WARNING) == 1
    assert lab(way, "run", program, "--on", "rq").stdout == "hello\n"


PROGRAM = """
from multiprocessing import Process, Queue

def greet(items):
    items.put("hello")

if __name__ == "__main__":
    items = Queue()
    process = Process(target=greet, args=(items,))
    process.start()
    print(items.get())
    process.join()
"""


def test_nobody_is_warned_behind_a_unix_socket(lab: Lab) -> None:
    assert lab(None, "compare", "tickets", "--clients", 2, "--on", "rq", secret="").stderr == ""


@pytest.mark.parametrize("way", [PLAIN], indirect=True)
@pytest.mark.parametrize("arguments", [["compare", "ktv", "--on", "rq"], ["worker", "-n", "1"]])
def test_one_that_is_too_short(way: Way, lab: Lab, arguments: list[str]) -> None:
    done = lab(way, *arguments, secret="short")
    assert done.returncode == 2
    assert "LAB_SECRET has 5 characters and needs 32" in done.stderr
    assert "Traceback" not in done.stderr
    assert "\n" not in done.stderr.strip()
