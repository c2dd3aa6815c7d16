"""Small programs print on each backend what they print with multiprocessing, line by line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

GALLERY = Path(__file__).parent / "gallery"
PROGRAMS = sorted(GALLERY.glob("*.py"))
LAB = str(Path(sys.executable).with_name("lab"))
GUARD = '\nif __name__ == "__main__":\n'
TIMEOUT = 120.0  # seconds
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


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_prints_what_it_prints_with_fork(program: Path, tmp_path: Path) -> None:
    source = program.read_text(encoding="utf-8")
    expected = run(source, tmp_path / "case", sys.executable)
    assert expected[0] == 0
    for backend in ("local", "redis", "rq"):
        assert run(source, tmp_path / "case", LAB, "run", "--on", backend) == expected, backend


@pytest.mark.slow
@pytest.mark.parametrize(
    "program",
    [each for each in PROGRAMS if NEEDS_FORK not in each.read_text(encoding="utf-8")],
    ids=lambda each: each.stem,
)
def test_prints_what_it_prints_with_spawn(program: Path, tmp_path: Path) -> None:
    source = program.read_text(encoding="utf-8").replace(GUARD, GUARD + CHOOSE.format(method="spawn"))
    expected = run(source, tmp_path / "case", sys.executable)
    assert expected[0] == 0
    for backend in ("local", "redis", "rq"):
        assert run(source, tmp_path / "case", LAB, "run", "--on", backend) == expected, backend
