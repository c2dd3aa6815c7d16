"""`lab top`: what `lab locks` and `lab workers` list, every second until Ctrl-C or q."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from broker import Context, Holder, PrimitiveInfo, Waiter
from broker.server.private_server import PrivateServer
from lab.cli.top_command import Controls
from lab.report.primitives import ORDERS, primitives_table, select_primitives
from lab.report.server_load import describe_load, server_sample
from tests.support.actors import Actor
from tests.support.lab import COMMAND, RunLab
from tests.support.server_state import start_waiting
from tests.support.terminal import CTRL_C, Terminal

Process = Callable[[object], Actor]


@pytest.fixture
def ctx() -> Iterator[Context]:
    """A context on a server of its own, where nothing else is in use."""
    with closing(PrivateServer()) as server, Context(server.url) as context:
        yield context


def test_it_shows_changes_until_ctrl_c(ctx: Context, process: Process, tmp_path: Path):
    lock = ctx.Lock(name="tickets", lease=60.0)
    waiter = process(lock)
    lock.acquire()
    words = [COMMAND, "top", "--redis-url", ctx.url, "--queue", "nobody"]
    terminal = Terminal(words, tmp_path, {"COLUMNS": "120", "LINES": "50", "TERM": "xterm"})
    try:
        terminal.read_until("Lock tickets")
        terminal.read_until("queue nobody: no workers")
        assert "waits: acquire" not in terminal.text
        start_waiting(lock, [waiter])
        terminal.read_until("waits: acquire")
        terminal.read_until(" commands/s, ")
        lock.release()
        assert waiter.result() is True
        waiter.call("release")
        terminal.read_until("no primitive is held")
        terminal.press(CTRL_C)
        assert terminal.finish() == 130
        assert "lab: interrupted" in terminal.text
        assert "Traceback" not in terminal.text
    finally:
        terminal.close()


def test_without_a_terminal_it_prints_once(lab: RunLab, ctx: Context):
    lock = ctx.Lock(name="tickets", lease=60.0)
    with lock:
        done = lab("top", "--redis-url", ctx.url)
    assert done.returncode == 0
    text = " ".join(done.stdout.split())
    assert text.count("tickets") == 1
    assert f"{lock.name}" in text
    assert " commands/s, " in text
    assert "queue lab: no workers" in text


def test_unavailable_server(lab: RunLab):
    done = lab("top", "--redis-url", "redis://127.0.0.1:1")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no Redis server answers" in done.stderr


def test_keys_filter_and_quit(ctx: Context, tmp_path: Path):
    with ctx.Lock(name="tickets", lease=60.0), ctx.Lock(name="rooms", lease=60.0):
        words = [COMMAND, "top", "--redis-url", ctx.url, "--queue", "nobody"]
        terminal = Terminal(words, tmp_path, {"COLUMNS": "120", "LINES": "50", "TERM": "xterm"})
        try:
            terminal.read_until("Lock rooms")
            terminal.read_until("Lock tickets")
            terminal.press(b"s")
            terminal.read_until("first: held longest")
            terminal.press(b"/ick\n")
            terminal.read_until("/ick")
            shown = len(terminal.text)
            terminal.press(b"s")
            terminal.read_until("first: name")
            assert "Lock rooms" not in terminal.text[shown:]
            terminal.press(b"q")
            assert terminal.finish() == 0
        finally:
            terminal.close()


def test_it_works_with_a_closed_standard_input(ctx: Context, tmp_path: Path):
    command = f"exec {COMMAND} top --redis-url {ctx.url} <&-"
    terminal = Terminal(["sh", "-c", command], tmp_path, {"COLUMNS": "120", "TERM": "xterm"})
    try:
        terminal.read_until("no primitive is held")
        terminal.press(CTRL_C)
        assert terminal.finish() == 130
        assert "Traceback" not in terminal.text
    finally:
        terminal.close()


@pytest.mark.parametrize(
    ("keys", "order", "text", "ended"),
    [
        ("", "most waiting", "", False),
        ("s", "held longest", "", False),
        ("sss", "most waiting", "", False),
        ("/qs\x7f", "most waiting", "q", False),
        ("/lock\ns", "held longest", "lock", False),
        ("/lock\x1b", "most waiting", "", False),
        ("/lock\n\x1b", "most waiting", "", False),
        ("x/a\nq", "most waiting", "a", True),
    ],
)
def test_keys(keys: str, order: str, text: str, ended: bool):
    controls = Controls()
    controls.press(keys)
    assert (controls.order, controls.text, controls.ended) == (order, text, ended)


def lock(name: str, waiting: int = 0) -> PrimitiveInfo:
    waiters = [Waiter("one", number, "me", number, "acquire", number, 1.0) for number in range(1, waiting + 1)]
    return PrimitiveInfo("Lock", name, capacity=1, free=0, waiting=waiting, waiters=tuple(waiters))


@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        ("", "cba"),
        ("j", "ba"),
        ("jjjjj", "a"),
        ("jjkkk", "cba"),
        ("ss", "abc"),
        ("j\n", "b"),
        ("j\nj", "b"),
        ("j\n\x1b", "ba"),
        ("/lock a\n\n", "a"),
        ("\n/nothing\n", "c"),
    ],
)
def test_keys_move_and_show_one_primitive(keys: str, shown: str):
    found = [lock("a"), lock("b", 1), lock("c", 2)]
    controls = Controls()
    for key in keys:
        controls.select(found)
        controls.press(key)
    assert "".join(each.name for each in controls.select(found)) == shown


def test_what_the_screen_cannot_show_is_not_rendered():
    table = primitives_table((lock(str(number), 3) for number in range(10_000)), now=2.0, rows=5)
    assert table.row_count == 5
    assert [str(cell) for cell in table.columns[0].cells] == ["Lock 0", "", "", "Lock 1", ""]


def test_orders_and_filter():
    def held(name: str, since: float, waiting: int) -> PrimitiveInfo:
        return PrimitiveInfo("Lock", name, holders=(Holder("one", 7, "me", 7, 1, since, 9.0),), waiting=waiting)

    event = PrimitiveInfo("Event", "event", is_set=True)
    found = [event, held("new", 30.0, 0), held("old", 20.0, 0), held("wanted", 40.0, 2)]
    orders = {order: [each.name for each in select_primitives(found, order)] for order in ORDERS}
    assert orders == {
        "most waiting": ["wanted", "old", "new", "event"],
        "held longest": ["old", "new", "wanted", "event"],
        "name": ["event", "new", "old", "wanted"],
    }
    assert [each.name for each in select_primitives(found, "name", "LOCK W")] == ["wanted"]


def test_load_between_two_samples():
    def info(commands: int, cpu: float) -> dict[str, float]:
        return {"total_commands_processed": commands, "used_cpu_sys": cpu / 2, "used_cpu_user": cpu / 2}

    before = server_sample(100.0, info(1000, 5.0))
    assert describe_load(before, server_sample(102.0, info(1500, 5.5))) == ", 250 commands/s, 25% of a core"
    assert describe_load(None, before) == ""
    assert describe_load(before, server_sample(102.0, info(3, 0.1))) == "", "the server was restarted"
