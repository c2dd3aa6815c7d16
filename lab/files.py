"""Atomic writing of files and folders."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from gettext import gettext as _
from pathlib import Path

from lab.errors import LabError


def require_file(path: Path) -> None:
    """Raise `LabError` if `write_file` would certainly fail."""
    if path.is_dir():
        raise LabError(_("{path} is a folder; name a file").format(path=path))
    _require_parent(path)


def require_folder(path: Path) -> None:
    """Raise `LabError` if `write_folder` would certainly fail."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        in_use = _("{path} exists and is not empty; name a new folder, or an empty one")
        raise LabError(in_use.format(path=path))
    _require_parent(path)


def write_file(path: Path, text: str) -> None:
    """Write a file, replacing an old one in one step; raise `LabError` if that fails."""
    with _temporary_folder(path) as temporary:
        (temporary / "file").write_text(text, encoding="utf-8")
        (temporary / "file").replace(path)


def write_folder(path: Path, files: Mapping[str, str]) -> None:
    """Create a folder with these files in one step; it may exist if it is empty. Raise `LabError` if that fails."""
    with _temporary_folder(path) as temporary:
        folder = temporary / "folder"
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        folder.replace(path)


@contextmanager
def _temporary_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder on the file system of `path`, so that its content can be moved there in one step."""
    try:
        with tempfile.TemporaryDirectory(dir=path.absolute().parent, prefix=f".{path.name}.") as temporary:
            yield Path(temporary)
    except OSError as error:
        failed = _("{path} cannot be written ({error}); name another place")
        raise LabError(failed.format(path=path, error=error.strerror)) from error


def _require_parent(path: Path) -> None:
    parent = path.absolute().parent
    if not parent.is_dir():
        missing = _("there is no folder {folder} to put {name} into; make it first")
        raise LabError(missing.format(folder=parent, name=path.name))
    if not os.access(parent, os.W_OK | os.X_OK):
        refused = _("the folder {folder} cannot be written to; name another place for {name}")
        raise LabError(refused.format(folder=parent, name=path.name))
