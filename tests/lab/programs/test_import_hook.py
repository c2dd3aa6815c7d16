"""Which modules get a proxy of multiprocessing, and what it provides."""

from __future__ import annotations

import builtins
import multiprocessing
import multiprocessing.pool
import sysconfig
from collections.abc import Iterator
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import pytest

import broker
from lab.programs import import_hook

FOLDER = Path("/home/somebody/programs")


@pytest.fixture
def hook() -> Iterator[Any]:
    """The hook; it resolves each name to the name in capitals."""
    import_hook.install(lambda name, value: name.upper(), FOLDER)
    yield builtins.__import__
    import_hook.uninstall()


def imported_by(hook: Any, file: Any, name: str = "multiprocessing", names: tuple[str, ...] = ()) -> Any:
    return hook(name, {"__file__": str(file)}, None, names, 0)


@pytest.mark.parametrize("file", [FOLDER / "a.py", FOLDER / "package" / "b.py"])
def test_a_programs_modules_get_proxies(hook: Any, file: Path):
    module = imported_by(hook, file)
    assert (module.Lock, module.Process) == ("LOCK", "PROCESS")
    assert module.pool.Pool == "POOL"
    assert imported_by(hook, file, "multiprocessing.pool", ("Pool",)).Pool == "POOL"
    assert imported_by(hook, file, "multiprocessing.util", ("Finalize",)).Finalize is Finalize
    assert imported_by(hook, file, "multiprocessing.queues", ("Queue",)).Queue == "QUEUE"
    assert module.get_context == "GET_CONTEXT"
    executors = imported_by(hook, file, "concurrent.futures.process", ("ProcessPoolExecutor",))
    assert executors.ProcessPoolExecutor == "PROCESSPOOLEXECUTOR"
    assert executors.mp is multiprocessing
    assert imported_by(hook, file, "concurrent.futures").futures.ThreadPoolExecutor == "THREADPOOLEXECUTOR"
    with pytest.raises(AttributeError):
        module.Lok  # noqa: B018 - the access is what is tested


def test_other_modules_get_multiprocessing_itself(hook: Any):
    for file in (Path("/home/somebody/elsewhere/a.py"), Path("/home/somebody/programs2/a.py"), ""):
        assert imported_by(hook, file) is multiprocessing
    assert hook("multiprocessing") is multiprocessing
    assert hook("multiprocessing.pool", None, None, ("Pool",), 0) is multiprocessing.pool
    assert imported_by(hook, FOLDER / "a.py", "json").__name__ == "json"


@pytest.mark.parametrize(
    "library", [sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), Path(broker.__file__).parent]
)
def test_libraries_below_the_programs_folder_get_multiprocessing_itself(library: str | Path):
    import_hook.install(lambda name, value: name.upper(), Path("/"))
    try:
        assert imported_by(builtins.__import__, Path(library) / "some.py") is multiprocessing
        assert imported_by(builtins.__import__, "/somewhere/some.py") is not multiprocessing
    finally:
        import_hook.uninstall()
    assert imported_by(builtins.__import__, "/somewhere/some.py") is multiprocessing
