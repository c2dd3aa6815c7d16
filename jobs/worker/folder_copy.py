"""Copies of programs' folders on a host that does not have them: shared by its jobs, and removed after the last one.

A copy is a folder whose name is the digest of its content. Who uses it holds a shared `flock` on it, which ends with
the last process that has inherited it. Who gets the exclusive one may remove it. A user that has locked a folder which
was removed meanwhile notices it, and starts again. Copies are read-only: what a program wrote into one, its other
processes would not see.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import shutil
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path

from jobs.exchange.program_folder import ProgramFolder, ProgramFolderError, fetch, wait_for_digest

EMPTY = hashlib.sha256().hexdigest()


def local_copy(folder: ProgramFolder, url: str) -> str:
    """Return the path of a copy that exists as long as this process; of the folder itself if it was not sent.

    Raises `ProgramFolderError` if it does not arrive, and `SignatureError`.
    """
    digest = wait_for_digest(url, folder.key)
    if digest == EMPTY:
        return folder.path
    while not _lock(copy := _copies() / digest):  # each time, since it is removed with its last copy
        content = fetch(url, folder.key)
        if hashlib.sha256(content).hexdigest() != digest:
            raise ProgramFolderError("the program's folder was deleted from the server, or changed there")
        _unpack(content, copy)
    return str(copy)


def remove_unused_copies() -> None:
    """Remove the copies that no process of this host uses, and those that were not completed."""
    copies = _copies_path()
    if not copies.exists():
        return
    for copy in copies.iterdir():
        with suppress(OSError):  # in use, or removed by another
            _remove(copy)
    with suppress(OSError):  # not empty
        copies.rmdir()


def _copies_path() -> Path:
    return Path(tempfile.gettempdir(), f"lab-programs-{os.getuid()}")


def _copies() -> Path:
    copies = _copies_path()
    copies.mkdir(mode=0o700, exist_ok=True)
    if copies.is_symlink() or copies.stat().st_uid != os.getuid():
        raise ProgramFolderError(f"{copies} belongs to another user; set TMPDIR to a folder that is yours")
    return copies


def _lock(copy: Path) -> bool:
    """Lock a copy for as long as this process and its children exist; return False if there is none."""
    try:
        descriptor = os.open(copy, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    except FileNotFoundError:
        return False
    with suppress(FileNotFoundError):
        if os.path.samestat(os.fstat(descriptor), copy.stat()):
            return True
    os.close(descriptor)
    return False


def _unpack(content: bytes, copy: Path) -> None:
    with suppress(FileNotFoundError):  # removed before it was locked
        unfinished = Path(tempfile.mkdtemp(dir=copy.parent))
        descriptor = os.open(unfinished, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                archive.extractall(unfinished)
            _set_writable(unfinished, False)
            with suppress(FileExistsError, OSError):  # another process was faster
                unfinished.rename(copy)
        finally:
            os.close(descriptor)


def _remove(copy: Path) -> None:
    descriptor = os.open(copy, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _set_writable(copy, True)
        shutil.rmtree(copy)
    finally:
        os.close(descriptor)


def _set_writable(folder: Path, writable: bool) -> None:
    for path, _, files in os.walk(folder):
        os.chmod(path, 0o700 if writable else 0o500)
        for file in files:
            os.chmod(os.path.join(path, file), 0o600 if writable else 0o400)
