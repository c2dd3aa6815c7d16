"""What of a program's folder is sent to hosts that lack it."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from jobs.exchange import program_folder
from jobs.exchange.client import client
from jobs.exchange.main_module import MainModule
from jobs.exchange.program_folder import FolderStore, ProgramFolder, ProgramFolderError, fetch, wait_for_digest
from jobs.exchange.signing import SECRET_VARIABLE, SignatureError


@pytest.fixture
def folder(tmp_path: Path) -> ProgramFolder:
    for file in ("main.py", "data/table.csv", ".hidden/key", ".env", "__pycache__/main.pyc", "venv/pyvenv.cfg"):
        path = tmp_path / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(file)
    (tmp_path / "link").symlink_to("/")
    return ProgramFolder.here(str(tmp_path), [str(tmp_path / "main.py")], "lab:program:test")


def test_hidden_files_caches_links_and_virtual_environments_are_not_sent(folder: ProgramFolder):
    with zipfile.ZipFile(io.BytesIO(folder.pack())) as archive:
        assert sorted(archive.namelist()) == ["data/table.csv", "main.py"]


@pytest.mark.parametrize("limit", ["MAX_SIZE", "MAX_FILES"])
def test_a_folder_beyond_a_limit_is_refused(folder: ProgramFolder, limit: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(program_folder, limit, 1)
    with pytest.raises(ProgramFolderError, match="was not sent to other hosts: it has more than"):
        folder.pack()


@pytest.mark.parametrize(
    ("host", "content", "here"), [("other", "main.py", True), ("other", "edited", False), (None, "edited", True)]
)
def test_another_host_has_the_folder_if_it_has_the_same_modules(
    folder: ProgramFolder, host: str | None, content: str, here: bool
):
    Path(folder.path, "main.py").write_text(content)
    program_folder.digest_of.cache_clear()
    elsewhere = ProgramFolder(host or folder.host, folder.path, folder.files, folder.key)
    assert elsewhere.is_here() is here


def test_a_stored_folder_is_signed(url: str, folder: ProgramFolder, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(SECRET_VARIABLE, "a secret of more than 32 characters, for tests")
    store = FolderStore(url, "test")
    store.put(folder)
    assert fetch(url, store.key) == folder.pack()
    assert len(wait_for_digest(url, store.key)) == 64
    with client(url) as connection:
        connection.hset(store.key, "content", folder.pack() + bytes(32))
        with pytest.raises(SignatureError):
            fetch(url, store.key)
        store.delete()
        assert not connection.exists(store.key)


@pytest.mark.parametrize(
    ("file", "package", "root"),
    [
        ("/home/me/shop/main.py", None, "/home/me/shop"),
        ("/home/me/shop/tools/main.py", "tools", "/home/me/shop"),
        ("/home/me/shop/tools/deep/__main__.py", "tools.deep", "/home/me/shop"),
        ("", None, ""),
        (pytest.__file__, "pytest", ""),
    ],
)
def test_root_is_where_modules_are_imported_from(file: str, package: str | None, root: str):
    assert MainModule(file, package, "").root == root
