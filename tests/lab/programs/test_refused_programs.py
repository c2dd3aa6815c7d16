"""Files that cannot be run are refused with one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.lab import RunLab


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
