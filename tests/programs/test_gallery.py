"""Small programs print on each backend what they print with multiprocessing, line by line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import jobs
from broker.server.private_server import PrivateServer

GALLERY = Path(__file__).parent / "gallery"
PROGRAMS = sorted(GALLERY.glob("*.py"))
LAB = str(Path(sys.executable).with_name("lab"))
GUARD = '\nif __name__ == "__main__":\n'
TIMEOUT = 120.0  # seconds
WORKERS = 8  # as many as `lab run` starts
NEEDS_FORK = "# needs fork"
CHOOSE = "    __import__('multiprocessing').set_start_method('{method}')\n"


def run(source: str, folder: Path, *command: str) -> tuple[int, list[str]]:
    folder.mkdir()
    (folder / "program.py").write_text(source, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "LAB_REDIS_URL"}
    finished = subprocess.run(
        [*command, "program.py"] if command[0] == sys.executable else [*command[:2], "program.py", *command[2:]],
        cwd=folder,
        env=environment | {"PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT,
        check=False,
    )
    shutil.rmtree(folder)
    return finished.returncode, [*finished.stdout.splitlines(), *finished.stderr.splitlines()]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server with workers, which all programs use, so that each run starts neither."""
    server = PrivateServer()
    with jobs.Workers(server.url, "lab", WORKERS):
        yield server.url
    server.close()


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_prints_what_it_prints_with_fork(program: Path, tmp_path: Path, url: str) -> None:
    source = program.read_text(encoding="utf-8")
    expected = run(source, tmp_path / "case", sys.executable)
    assert expected[0] == 0
    for backend, options in (("local", ()), ("redis", ("--redis-url", url)), ("rq", ("--redis-url", url))):
        assert run(source, tmp_path / "case", LAB, "run", "--on", backend, *options) == expected, backend


@pytest.mark.slow
@pytest.mark.parametrize(
    "program",
    [each for each in PROGRAMS if NEEDS_FORK not in each.read_text(encoding="utf-8")],
    ids=lambda each: each.stem,
)
def test_prints_what_it_prints_with_spawn(program: Path, tmp_path: Path, url: str) -> None:
    source = program.read_text(encoding="utf-8").replace(GUARD, GUARD + CHOOSE.format(method="spawn"))
    expected = run(source, tmp_path / "case", sys.executable)
    assert expected[0] == 0
    for backend, options in (("local", ()), ("redis", ("--redis-url", url)), ("rq", ("--redis-url", url))):
        assert run(source, tmp_path / "case", LAB, "run", "--on", backend, *options) == expected, backend
