"""The lab's messages about a secret that is missing or too short."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.security.conftest import PASSWORD_ONLY, Access, RunLab

password_only = pytest.mark.parametrize("access", [PASSWORD_ONLY], indirect=True)
WARNING = "warning: LAB_SECRET is not set, so whoever can write to this Redis server can run code on its workers"


@password_only
@pytest.mark.parametrize(
    ("secret", "backend", "times"),
    [
        ("", "rq", 1),
        pytest.param("", "redis", 0, marks=pytest.mark.slow),
        pytest.param(None, "rq", 0, marks=pytest.mark.slow),
    ],
)
def test_missing_secret_is_warned_of_once(
    access: Access, lab: RunLab, secret: str | None, backend: str, times: int
) -> None:
    done = lab(access, "compare", "tickets", "--clients", 2, "--how", "all", "--on", backend, secret=secret)
    assert done.stderr.count(WARNING) == times, done.stderr


@pytest.mark.slow
@password_only
def test_missing_secret_is_warned_of_for_a_users_program(access: Access, lab: RunLab, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = lab(access, "run", program, "--on", "rq", secret="")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "hello\n"
    assert done.stderr.count(WARNING) == 1
    assert lab(access, "run", program, "--on", "rq").stdout == "hello\n"


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


def test_no_warning_on_a_unix_socket(lab: RunLab) -> None:
    assert lab(None, "compare", "tickets", "--clients", 2, "--on", "rq", secret="").stderr == ""


@pytest.mark.parametrize("access", [PASSWORD_ONLY], indirect=True)
@pytest.mark.parametrize("arguments", [["compare", "ktv", "--on", "rq"], ["worker", "-n", "1"]])
def test_short_secret_is_refused(access: Access, lab: RunLab, arguments: list[str]) -> None:
    done = lab(access, *arguments, secret="short")
    assert done.returncode == 2
    assert "LAB_SECRET has 5 characters and needs 32" in done.stderr
    assert "Traceback" not in done.stderr
    assert "\n" not in done.stderr.strip()
