"""The folder of a program: what a host that does not have it gets.

The job's side finds out whether its host has the folder. If not, it asks for it with a `FolderRequest`, and the parent
packs the folder and stores it on the server, once for all its jobs. A folder that is too large is not sent.
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
import socket
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from broker.errors import BrokerError
from jobs.exchange.client import client
from jobs.exchange.signing import sign, verify

MAX_SIZE = 16 * 2**20  # bytes of all files together
MAX_FILES = 2000
TTL = 24 * 3600  # seconds for which the server keeps it, if its parent is killed
ARRIVAL_TIMEOUT = 30.0  # seconds for which a job waits for it
POLL_INTERVAL = 0.05  # seconds
VIRTUAL_ENVIRONMENT = "pyvenv.cfg"  # a file in its folder
NEVER_SENT = "__pycache__"
KIND = "program folder"  # in signatures


class ProgramFolderError(BrokerError):
    """Raised if a program's folder cannot be sent, or has not arrived."""


@dataclass(frozen=True)
class ProgramFolder:
    """The folder at `path` on `host`; `files` are the program's modules in it, each with the digest of its content.

    The folder is stored under `key` on the server when a job has asked for it. A program without a file has no folder:
    `path` is empty.
    """

    host: str
    path: str
    files: tuple[tuple[str, str], ...]
    key: str

    @classmethod
    def here(cls, path: str, files: list[str], key: str) -> ProgramFolder:
        """Return the folder at `path` on this host."""
        digests = ((os.path.relpath(file, path), digest_of(file)) for file in files)
        return cls(socket.gethostname(), path, tuple(digests), key)

    def is_here(self) -> bool:
        """Return whether this host has the folder, with the same modules."""
        if not self.path or self.host == socket.gethostname():
            return True
        return all(digest_of(os.path.join(self.path, file)) == digest for file, digest in self.files)

    def pack(self) -> bytes:
        """Return its files as a zip archive; raise `ProgramFolderError` if they are too many or too large."""
        content = io.BytesIO()
        size = 0
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            for count, file in enumerate(_files(Path(self.path)), 1):
                size += file.stat().st_size
                if size > MAX_SIZE or count > MAX_FILES:
                    raise ProgramFolderError(
                        f"{self.path} was not sent to other hosts: it has more than {MAX_SIZE >> 20} MB or {MAX_FILES} "
                        "files; put the program into a folder of its own, or copy the folder to all hosts"
                    )
                archive.write(file, file.relative_to(self.path))
        return content.getvalue()


class FolderStore:
    """The parent's side: where the folder of this process's program is stored for its jobs."""

    def __init__(self, url: str, name: str) -> None:
        self.key = f"lab:program:{name}"
        self._url = url
        self._stored = False

    def put(self, folder: ProgramFolder) -> None:
        """Store the folder, unless it is stored already; what cannot be sent is said on standard error."""
        if self._stored:
            return
        try:
            content = folder.pack()
        except (ProgramFolderError, OSError) as error:
            print(error, file=sys.stderr)
            content = b""
        with client(self._url) as connection, connection.pipeline() as transaction:
            transaction.hset(self.key, mapping={"digest": _digest(content), "content": sign(content, KIND, self.key)})
            transaction.expire(self.key, TTL)
            transaction.execute()
        self._stored = True

    def delete(self) -> None:
        """Delete it from the server."""
        if self._stored:
            with client(self._url) as connection:
                connection.delete(self.key)


def wait_for_digest(url: str, key: str) -> str:
    """Return the digest of a folder when it is stored; raise `ProgramFolderError` if that takes too long."""
    deadline = time.monotonic() + ARRIVAL_TIMEOUT
    with client(url) as connection:
        while (digest := connection.hget(key, "digest")) is None:
            if time.monotonic() > deadline:
                raise ProgramFolderError(f"the program's folder has not arrived within {ARRIVAL_TIMEOUT:g} s")
            time.sleep(POLL_INTERVAL)
    return str(digest.decode())


def fetch(url: str, key: str) -> bytes:
    """Return the archive that is stored under `key`, empty if the folder was not sent; raise `SignatureError`."""
    with client(url) as connection:
        return verify(connection.hget(key, "content") or b"", KIND, key)


@functools.lru_cache(maxsize=1024)
def digest_of(file: str) -> str:
    """Return the digest of a file's content; empty if it cannot be read."""
    with suppress(OSError):
        return _digest(Path(file).read_bytes())
    return ""


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name == NEVER_SENT or entry.is_symlink():
            continue
        if entry.is_dir() and not (entry / VIRTUAL_ENVIRONMENT).exists():
            yield from _files(entry)
        elif entry.is_file():
            yield entry
