"""Copies of programs' folders on a host: shared, read-only, and removed after their last user."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.exchange.program_folder import FolderStore, ProgramFolder, ProgramFolderError
from jobs.worker import folder_copy
from jobs.worker.folder_copy import local_copy, remove_unused_copies
from tests.support.actors import TIMEOUT

fork = multiprocessing.get_context("fork")


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where copies are made."""
    path = tmp_path / "tmp"
    path.mkdir()
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(path))
    return path


@pytest.fixture
def folder(url: str, tmp_path: Path) -> Iterator[ProgramFolder]:
    program = tmp_path / "program"
    program.mkdir()
    (program / "main.py").write_text("x = 1")
    store = FolderStore(url, "copied")
    folder = ProgramFolder.here(str(program), [str(program / "main.py")], store.key)
    store.put(folder)
    yield folder
    store.delete()


class User:
    """A process that uses a copy until it is told to end."""

    def __init__(self, folder: ProgramFolder, url: str) -> None:
        self._pipe, theirs = fork.Pipe()
        self._process = fork.Process(target=self._use, args=(folder, url, theirs))
        self._process.start()
        assert self._pipe.poll(TIMEOUT)
        self.path = Path(self._pipe.recv())

    @staticmethod
    def _use(folder: ProgramFolder, url: str, pipe: multiprocessing.connection.Connection) -> None:
        pipe.send(local_copy(folder, url))
        pipe.poll(None)

    def kill(self) -> None:
        self._process.kill()
        self._process.join()


def test_a_copy_exists_until_its_last_user_has_ended(folder: ProgramFolder, url: str, temporary: Path):
    first, second = User(folder, url), User(folder, url)
    assert first.path == second.path
    assert (first.path / "main.py").read_text() == "x = 1"
    assert not os.stat(first.path / "main.py").st_mode & 0o222
    first.kill()
    remove_unused_copies()
    assert (second.path / "main.py").exists()
    second.kill()
    remove_unused_copies()
    assert not list(temporary.iterdir())


def test_a_copy_that_is_removed_before_it_is_locked_is_made_again(
    folder: ProgramFolder, url: str, monkeypatch: pytest.MonkeyPatch
):
    removed = []
    unpack = folder_copy._unpack

    def unpack_and_remove(content: bytes, copy: Path) -> None:
        unpack(content, copy)
        if not removed:
            removed.append(copy)
            remove_unused_copies()

    monkeypatch.setattr(folder_copy, "_unpack", unpack_and_remove)
    user = User(folder, url)
    assert (user.path / "main.py").exists()
    user.kill()


def test_an_unfinished_copy_is_removed(temporary: Path):
    unfinished = folder_copy._copies() / "unfinished"
    unfinished.mkdir()
    remove_unused_copies()
    assert not list(temporary.iterdir())


def test_copies_are_not_made_in_a_folder_that_belongs_to_another_user(
    folder: ProgramFolder, url: str, temporary: Path, monkeypatch: pytest.MonkeyPatch
):
    (temporary / f"lab-programs-{os.getuid()}").symlink_to("/")
    with pytest.raises(ProgramFolderError, match="belongs to another user"):
        local_copy(folder, url)


def test_a_folder_that_was_not_sent_is_where_it_is(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    store = FolderStore(url, "unsent")
    missing = ProgramFolder.here(str(tmp_path / "gone"), [], store.key)
    store.put(missing)
    assert "gone" in capsys.readouterr().err
    assert local_copy(missing, url) == missing.path
    store.delete()
