"""Copies of a program's folder, so that every run starts with the same files and the user's own do not change."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from gettext import gettext as _
from pathlib import Path

from lab.errors import LabError

MAX_SIZE = 100  # million bytes


def check_size(folder: Path) -> None:
    """Raise `LabError` if the folder is too large to be copied."""
    size = 0
    for file in folder.rglob("*"):
        size += file.lstat().st_size
        if size > MAX_SIZE * 10**6:
            sentence = _(
                "a comparison runs in copies of the program's folder, and {folder} holds more than {size} MB; put the "
                "program and its files into a folder of their own"
            )
            raise LabError(sentence.format(folder=folder, size=MAX_SIZE))


@contextmanager
def copy_folder(program: Path, parent: Path) -> Iterator[Path]:
    """Copy the program's folder into `parent` for the length of the block, and yield the copied program's path.

    The path is the same for every copy in `parent`.
    """
    folder = parent / program.parent.name
    shutil.copytree(program.parent, folder, symlinks=True, ignore=_special_files)
    try:
        yield folder / program.name
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _special_files(folder: str, names: list[str]) -> list[str]:
    """Return the names of sockets and pipes, which cannot be copied."""
    paths = [Path(folder, name) for name in names]
    return [path.name for path in paths if not (path.is_symlink() or path.is_dir() or path.is_file())]
