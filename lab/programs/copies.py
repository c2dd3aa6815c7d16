"""Copies of a program's folder, so that every run begins with the same files and leaves the user's own alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.errors import LabError

MOST = 100  # million bytes


def require_small(folder: Path) -> None:
    """Raise `LabError` if copies of the folder would be too much."""
    size = 0
    for file in folder.rglob("*"):
        size += file.lstat().st_size
        if size > MOST * 10**6:
            raise LabError(
                f"a comparison runs in copies of the program's folder, and {folder} holds more than {MOST} MB; "
                "put the program and its files into a folder of their own"
            )


@contextmanager
def copied(program: Path, place: Path) -> Iterator[Path]:
    """Give a copy of the program in a copy of its folder; it is always the same path in `place`."""
    folder = place / program.parent.name
    shutil.copytree(program.parent, folder, symlinks=True, ignore=_special)
    try:
        yield folder / program.name
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _special(folder: str, names: list[str]) -> list[str]:
    """Return the names of sockets and pipes, of which there is no copy."""
    paths = [Path(folder, name) for name in names]
    return [path.name for path in paths if not (path.is_symlink() or path.is_dir() or path.is_file())]
