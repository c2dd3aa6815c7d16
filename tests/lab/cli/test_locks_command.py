"""`lab locks`: a table for people, JSON for programs."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from broker import Context, Holder, Lock, PrimitiveInfo, Waiter
from broker.server.private_server import PrivateServer
from lab.report.primitives import primitives_table, summarize_primitives
from tests.support.actors import Actor
from tests.support.lab import RunLab
from tests.support.server_state import start_waiting
from tests.support.waiting import wait_until

Process = Callable[[object], Actor]


def rows(output: str) -> list[list[str]]:
    """Return the table's lines; a cell may be wrapped over several."""
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in output.splitlines() if line.startswith("│")]


@pytest.fixture
def ctx() -> Iterator[Context]:
    """A context on a server of its own, where nothing else is in use."""
    with closing(PrivateServer()) as server, Context(server.url) as context:
        yield context


def test_nothing_in_use(lab_in_process: RunLab, ctx: Context):
    done = lab_in_process("locks", "--redis-url", ctx.url)
    assert done.returncode == 0
    assert "no primitive is held, waited for or not empty" in " ".join(done.stdout.split())
    assert json.loads(lab_in_process("locks", "--redis-url", ctx.url, "--json").stdout) == []
    assert "no primitives" in " ".join(lab_in_process("locks", "--redis-url", ctx.url, "--all").stdout.split())


def test_holders_and_waiters(lab_in_process: RunLab, ctx: Context, process: Process):
    lock, idle = ctx.Lock(name="tickets", lease=60.0), ctx.Lock(name="idle")
    waiter = process(lock)
    idle.open()
    with lock:
        start_waiting(lock, [waiter])
        [found] = json.loads(lab_in_process("locks", "--redis-url", ctx.url, "--json").stdout)
        both = json.loads(lab_in_process("locks", "--redis-url", ctx.url, "--json", "--all").stdout)
        done = lab_in_process("locks", "--redis-url", ctx.url)
    assert (found["kind"], found["name"], found["free"], found["waiting"]) == ("Lock", "tickets", 0, 1)
    [holder], [waits] = found["holders"], found["waiters"]
    assert (holder["pid"], holder["thread"]) == (os.getpid(), threading.get_native_id())
    assert 0 < holder["lease_left"] <= 60
    assert (waits["pid"], waits["place"], waits["call"]) == (waiter.pid, 1, "acquire")
    assert {"tickets", "idle"} <= {each["name"] for each in both}
    assert "1 busy primitive, 1 held, 1 waiting" in " ".join(done.stdout.split())
    text = "".join("".join(cells) for cells in rows(done.stdout))
    assert "tickets" in text
    assert "idle" not in text
    assert waiter.result() is True
    waiter.call("release")


class TwoLocks:
    """What a process does that acquires two locks, one after the other."""

    def __init__(self, first: Lock, second: Lock) -> None:
        self._first, self._second = first, second

    def acquire_first(self) -> bool:
        return self._first.acquire()

    def acquire_second(self) -> bool:
        return self._second.acquire()


def test_circular_wait_is_named(lab_in_process: RunLab, ctx: Context, process: Process):
    a, b = ctx.Lock(name="a", lease=60.0), ctx.Lock(name="b", lease=60.0)
    left, right = process(TwoLocks(a, b)), process(TwoLocks(b, a))
    for actor in (left, right):
        actor.call("acquire_first")
    left.begin("acquire_second")
    wait_until(lambda: b.waiters())
    assert "Circular wait" not in lab_in_process("locks", "--redis-url", ctx.url).stdout
    right.begin("acquire_second")
    wait_until(lambda: a.waiters())
    text = " ".join(lab_in_process("locks", "--redis-url", ctx.url).stdout.split())
    assert "Circular wait: " in text
    assert f"/{left.pid}) holds a and waits for b" in text
    assert f"/{right.pid}) holds b and waits for a" in text
    a.delete()
    b.delete()


def table_rows(*primitives: PrimitiveInfo) -> list[tuple[str, ...]]:
    table = primitives_table(primitives, now=1000.0)
    return [tuple(map(str, row)) for row in zip(*(column.cells for column in table.columns), strict=True)]


def test_one_row_for_each_holder_and_waiter():
    held = PrimitiveInfo(
        *("Lock", "db", 1, 0),
        waiting=1,
        holders=(Holder("one", 7, "client 1", 7, 997_000_000, 997.0, 9.51),),
        waiters=(Waiter("two", 8, "client 2", 9, "acquire", 1, 998.5),),
    )
    assert table_rows(held) == [
        ("Lock db", "held", "client 1\none/7", "holds, fence\n997000000", "3 s", "9.5 s"),
        ("", "", "client 2\ntwo/8/9", "waits: acquire,\nplace 1", "2 s", ""),
    ]


def test_who_waits_for_an_event_has_no_place():
    event = PrimitiveInfo(
        "Event", "go", is_set=False, waiting=1, waiters=(Waiter("two", 8, "client 2", 8, "wait", 1, 998.5),)
    )
    assert table_rows(event) == [("Event go", "not set, 1 waiting", "client 2\ntwo/8", "waits", "2 s", "")]


def test_states_of_all_kinds():
    states = [
        (PrimitiveInfo("Lock", "x", capacity=1, free=1), "free"),
        (PrimitiveInfo("Semaphore", "x", capacity=3, free=2), "2 of 3 free"),
        (PrimitiveInfo("Array", "x", type="float64[3]"), "float64[3]"),
        (PrimitiveInfo("Queue", "x", items=1), "1 item"),
        (PrimitiveInfo("Queue", "x", items=2), "2 items"),
        (PrimitiveInfo("Queue", "x", capacity=5, items=1), "1 of 5 items"),
        (PrimitiveInfo("Event", "x", is_set=True), "set"),
        (PrimitiveInfo("Event", "x", is_set=False, waiting=3), "not set, 3 waiting"),
        (PrimitiveInfo("Board", "x", alive=("a",)), "alive: a"),
        (PrimitiveInfo("Board", "x", alive=("a", "b")), "alive: 2\na\nb"),
    ]
    for primitive, state in states:
        assert table_rows(primitive) == [(f"{primitive.kind} x", state, "", "", "", "")]


def test_summary():
    idle = PrimitiveInfo("Lock", "x", capacity=1, free=1)
    assert summarize_primitives([idle, idle], busy_only=False) == "2 primitives, 0 held, 0 waiting"


def test_unavailable_server(lab_in_process: RunLab):
    done = lab_in_process("locks", "--redis-url", "redis://127.0.0.1:1")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no Redis server answers" in done.stderr
    assert lab_in_process("locks", "--redis-url", "nonsense").returncode == 2
    assert "no Redis server is named" in lab_in_process("locks").stderr
