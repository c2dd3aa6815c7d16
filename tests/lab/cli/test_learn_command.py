"""`lab learn`: the ladder of broken locks, from a learner's folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.learn.rungs import RUNGS
from tests.support.lab import RunLab
from tests.support.rungs import solution


def solve(file: Path, encoding: str = "utf-8") -> None:
    """Replace a rung's file by a right version."""
    file.write_text(solution(file.stem[3:]), encoding)


def test_rungs_are_started_by_number_or_name(lab_in_process: RunLab, tmp_path: Path):
    started = lab_in_process("learn", "start", 3)
    assert started.returncode == 0
    assert started.stdout.startswith("learn/03_two_step_release.py\n\nA look and a delete in two steps\n\n")
    assert started.stdout.endswith("\nEdit the file, then: lab learn check 3\n")
    assert (tmp_path / "learn" / "03_two_step_release.py").read_text() == RUNGS[2].file()
    assert "lab learn check 10 --in mine" in lab_in_process("learn", "start", "barging", "--in", "mine").stdout
    assert "lab learn check 10 --in 'a folder'" in lab_in_process("learn", "--in", "a folder", "start", 10).stdout
    lines = lab_in_process("learn").stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [[str(n), rung.name] for n, rung in enumerate(RUNGS, 1)]
    assert ["started" in line for line in lines] == [number == 3 for number in range(1, 11)]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("start 11", "there is no rung '11'; there are: 1 to 10, no_expiry, foreign_delete, "),
        ("check chess", "there is no rung 'chess'; there are: 1 to 10, "),
        ("check 2", "there is no file learn/02_foreign_delete.py; write it with: lab learn start 2"),
        ("check 2 --in mine", "there is no file mine/02_foreign_delete.py; write it with: lab learn start 2 --in mine"),
        ("start 1", "learn/01_no_expiry.py exists; edit it, or delete it to begin again"),
        ("start 1 --in none/learn", "none/learn cannot be made (No such file or directory); name another folder"),
        ("--in broken", "broken/progress.json cannot be read ("),
    ],
)
def test_errors_are_one_sentence(lab_in_process: RunLab, tmp_path: Path, arguments: str, sentence: str):
    for name in ("learn/01_no_expiry.py", "broken/progress.json"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("{}")
    done = lab_in_process("learn", *arguments.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"lab: {sentence}")
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_counterexample_hints_and_what_comes_next(lab: RunLab, tmp_path: Path):
    lab("learn", "start", 4)
    failed = lab("learn", "check", 4)
    assert (failed.returncode, failed.stderr) == (1, "")
    assert "\nIn this run: A was killed before request 2 of acquire().\n" in failed.stdout
    assert "\nA  x\nB    ·······" in failed.stdout
    assert "\n    0 s  A  SETNX job <A's token> → 1\n    0 s  A  is killed\n" in failed.stdout
    assert failed.stdout.endswith("\nA hint: lab learn check 4 --hint\n")
    assert max(map(len, failed.stdout.splitlines())) <= 90
    for count in (1, 2, 3, 3):
        shown = lab("learn", "check", 4, "--hint").stdout
        assert [f"\nHint {number}: " in shown for number in (1, 2, 3)] == [number <= count for number in (1, 2, 3)]
        assert ("One more hint" in shown) == (count < 3)
    solve(tmp_path / "learn" / "04_late_expiry.py")
    held = lab("learn", "check", 4)
    assert (held.returncode, held.stderr) == (0, "")
    assert "your version holds" in held.stdout
    assert held.stdout.endswith("\nNext: A late write that nobody refuses. The file is learn/05_no_fence.py\n")
    assert (tmp_path / "learn" / "05_no_fence.py").read_text() == RUNGS[4].file()
    assert "late_expiry       holds  " in lab("learn").stdout


@pytest.mark.slow
def test_the_last_rung_ends_the_ladder(lab: RunLab, tmp_path: Path):
    lab("learn", "start", 10)
    held = [rung.name for rung in RUNGS[:-1]]
    (tmp_path / "learn" / "progress.json").write_text(json.dumps({"held": held, "hints": {}}))
    solve(tmp_path / "learn" / "10_barging.py", "utf-8-sig")  # as editors on Windows save it
    assert lab("learn", "check", 10).stdout.endswith("\n\nThat was the last one.\n")
    assert [line.split()[2] for line in lab("learn").stdout.splitlines()] == ["holds"] * 10


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("while True: pass", "the file has run for 10 s without a request or a sleep; is it an endless loop?"),
        ("import os\nos._exit(0)", "the file has ended its process"),
        ("print('here')\nimport sys\nprint('there', file=sys.stderr)\n1 / 0", "the file raised ZeroDivisionError: "),
        (
            "import threading\nclass Lock:\n    def __init__(self, client, *_): self.client = client\n"
            "    def acquire(self):\n        thread = threading.Thread(target=self.client.get, args=('key',))\n"
            "        thread.start()\n        thread.join()\n",
            "a thread of your own sent a request; here, a process has only one thread",
        ),
    ],
)
def test_versions_that_cannot_be_judged(lab: RunLab, tmp_path: Path, source: str, sentence: str):
    lab("learn", "start", 1)
    (tmp_path / "learn" / "01_no_expiry.py").write_text(source)
    done = lab("learn", "check", 1)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"lab: learn/01_no_expiry.py: {sentence}")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "learn" / "progress.json").exists()
