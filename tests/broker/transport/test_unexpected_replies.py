"""What is no reply to a request grants nothing: it is an error of the broker that says what came."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import queue
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import broker
from broker import BrokerError, Context, UnsuitableServerError, aio
from broker.engine.session import get_session
from broker.messages.pipe_ends import CLOSED
from tests.support.errors import message_of
from tests.support.fake_server import FakeServer
from tests.support.resp import encode

NO_REPLIES = [
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"+OK\r\n",
    b"+QUEUED\r\n",
    b"$-1\r\n",
    b"_\r\n",
    b"#t\r\n",
    b"%1\r\n+a\r\n+b\r\n",
    b"*1\r\n" * 1000,
    b"$99999999999\r\n",
]
NO_GRANTS = [
    b":0\r\n",
    b":-1\r\n",
    b"$3\r\nabc\r\n",
    b"*0\r\n",
    b"*3\r\n" + b":1\r\n" * 3,
    b"*4\r\n:1\r\n:2\r\n:3\r\n$1\r\n4\r\n",
    b"*5\r\n" + b":1\r\n" * 5,
]
NO_ITEMS = [b":1\r\n", b"*1\r\n$1\r\nx\r\n"]


@pytest.mark.parametrize("reply", NO_REPLIES + NO_GRANTS, ids=lambda reply: reply[:20])
@pytest.mark.parametrize("timeout", [0.0, 0.5])
def test_lock_is_not_granted(reply: bytes, timeout: float) -> None:
    with FakeServer(reply) as server:
        lock = broker.Lock.at(server.url, "a lock")
        with pytest.raises(UnsuitableServerError) as error:
            lock.acquire(timeout=timeout)
        assert "unexpected reply" in message_of(error)
        assert not lock.held
        get_session(server.url).close()


@pytest.mark.parametrize("reply", NO_REPLIES + NO_ITEMS, ids=lambda reply: reply[:20])
def test_no_item_is_got(reply: bytes) -> None:
    with FakeServer(reply) as server:
        with pytest.raises(UnsuitableServerError, match="unexpected reply"):
            broker.Queue.at(server.url, "a queue").get(False)
        get_session(server.url).close()


@pytest.mark.parametrize("reply", NO_REPLIES, ids=lambda reply: reply[:20])
@pytest.mark.parametrize(
    "call",
    [
        lambda url: broker.Event.at(url, "an event").wait(0.5),
        lambda url: broker.Lock.at(url, "a lock").delete(),
        lambda url: next(broker.Board.at(url, "a board").watch(0.1)),
    ],
)
def test_every_call_ends_with_an_error_of_the_broker(call: Callable[[str], object], reply: bytes) -> None:
    with FakeServer(reply) as server:
        with pytest.raises(BrokerError, match="unexpected reply"):
            call(server.url)
        get_session(server.url).close()


GRANTED = 2**50  # also a fence
TOKEN = b"host/1/main/00:1/1"
FORMS: list[Any] = [
    *(1, -1, 2**62, b"", b"x", b"\xff", b"+", b"+x", b"+1:x", [], [1], [b"x"], [[]], [1, b"x"], [b"x", 1], [1, 1]),
    *([1, [b"x"]], [1, 1, [b"x"]], [1, [], [b"x"]], [1, [b"x", b"1 2 3"], [b"x", b"1"]], [TOKEN, b"1 2 3"]),
    *([1, [TOKEN, b"x"], [TOKEN, b"x"]], [1, 1, [TOKEN, b"x"]], [1, 1, b"x"], [1] * 5, [1] * 6, [b"-1"] * 4),
    *([b"x", b"", [b"", []]], [1, b"", [b"x", []]], [1, b"", [b"broker:{lock:x}", [1]]], [1, b"", 1]),
    *([1, b"", [b"broker:{lock:x}", [b"1", [TOKEN, b"x"], []]]], [1, b"", [b"broker:{board:x}", [b"\xff"]]]),
    *([1, 1, b"v", b"x", b"[]"], [1, 1, b"v", b'["x"]', b"[]"], [1, 1, b"v", b"[]", b"{}"], [-1, b"other x"]),
]


def held(permits: Any) -> Any:
    permits.acquire()
    return permits


# What makes a primitive on a server that replies GRANTED, and what is called when it replies something else.
CALLS: dict[str, tuple[Callable[[Context], Any], Callable[[Any], object]]] = {
    "check": (lambda ctx: ctx, lambda ctx: ctx.check()),
    "primitives": (lambda ctx: ctx, lambda ctx: ctx.primitives()),
    "open": (lambda ctx: ctx, lambda ctx: ctx.Semaphore(2, name="name")),
    "acquire": (lambda ctx: ctx.Lock(), lambda lock: lock.acquire(timeout=0.0)),
    "release": (lambda ctx: held(ctx.Lock()), lambda lock: lock.release()),
    "locked": (lambda ctx: ctx.Lock(), lambda lock: lock.locked()),
    "holders": (lambda ctx: ctx.RLock(), lambda lock: lock.holders()),
    "waiters": (lambda ctx: ctx.Semaphore(), lambda semaphore: semaphore.waiters()),
    "get_value": (lambda ctx: ctx.Semaphore(), lambda semaphore: semaphore.get_value()),
    "is_set": (lambda ctx: ctx.Event(), lambda event: event.is_set()),
    "wait": (lambda ctx: ctx.Event(), lambda event: event.wait(0.001)),
    "event.waiters": (lambda ctx: ctx.Event(), lambda event: event.waiters()),
    "notify": (lambda ctx: held(ctx.Condition()), lambda condition: condition.notify()),
    "condition.waiters": (lambda ctx: ctx.Condition(), lambda condition: condition.waiters()),
    "n_waiting": (lambda ctx: ctx.Barrier(2), lambda barrier: barrier.n_waiting),
    "broken": (lambda ctx: ctx.Barrier(2), lambda barrier: barrier.broken),
    "barrier.waiters": (lambda ctx: ctx.Barrier(2), lambda barrier: barrier.waiters()),
    "arrive": (lambda ctx: ctx.Barrier(2), lambda barrier: barrier.wait(0.001)),
    "get": (lambda ctx: ctx.Queue(1), lambda items: items.get(timeout=0.0)),
    "full": (lambda ctx: ctx.Queue(1), lambda items: items.full()),
    "queue.waiters": (lambda ctx: ctx.SimpleQueue(), lambda items: items.waiters()),
    "queue.holders": (lambda ctx: ctx.JoinableQueue(), lambda items: items.holders()),
    "join": (lambda ctx: ctx.JoinableQueue(), lambda items: items.join()),
    "poll": (lambda ctx: ctx.Pipe(), lambda ends: ends[0].poll(0.001)),
    "Heartbeat": (lambda ctx: ctx.Board(), lambda board: broker.Heartbeat(board, daemon=False).beat()),
    "snapshot": (lambda ctx: ctx.Board(), lambda board: board.snapshot()),
    "watch": (lambda ctx: ctx.Board(), lambda board: list(board.watch(0.001))),
    "Value": (lambda ctx: ctx, lambda ctx: ctx.Value("i")),
    "value": (lambda ctx: ctx.Value("i", lock=False), lambda value: value.value),
    "locked value": (lambda ctx: ctx.Value("i"), lambda value: value.value),
    "value.add": (lambda ctx: ctx.Value("d"), lambda value: value.add(1.0)),
    "array": (lambda ctx: ctx.Array("i", 2, lock=False), lambda array: array[:]),
    "change": (lambda ctx: ctx.Array("i", 2), lambda array: array.__setitem__(0, 1)),
    "list": (lambda ctx: ctx.Manager().list(), lambda items: items[:]),
    "list.append": (lambda ctx: ctx.Manager().list(), lambda items: items.append(1)),
    "list.pop": (lambda ctx: ctx.Manager().list(), lambda items: items.pop()),
    "dict": (lambda ctx: ctx.Manager().dict(), lambda entries: entries.items()),
    "dict.get": (lambda ctx: ctx.Manager().dict(), lambda entries: entries.get(1)),
    "dict.setdefault": (lambda ctx: ctx.Manager().dict(), lambda entries: entries.setdefault(1, 2)),
    "dict.popitem": (lambda ctx: ctx.Manager().dict(), lambda entries: entries.popitem()),
    "len": (lambda ctx: ctx.Manager().dict(), len),
}
AIO_CALLS: dict[str, Callable[[aio.Context], Awaitable[object]]] = {
    "acquire": lambda ctx: ctx.Lock(name="lock").acquire(timeout=0.0),
    "locked": lambda ctx: ctx.Lock(name="lock").locked(),
    "holders": lambda ctx: ctx.Lock(name="lock").holders(),
    "waiters": lambda ctx: ctx.Lock(name="lock").waiters(),
    "is_set": lambda ctx: ctx.Event(name="event").is_set(),
    "wait": lambda ctx: ctx.Event(name="event").wait(0.001),
    "event.waiters": lambda ctx: ctx.Event(name="event").waiters(),
    "barrier.waiters": lambda ctx: ctx.Barrier(2, name="barrier").waiters(),
    "condition.waiters": lambda ctx: ctx.Condition(name="condition").waiters(),
    "value": lambda ctx: ctx.Value("i", lock=False).get(),
    "get": lambda ctx: ctx.Queue(name="queue").get(timeout=0.0),
    "queue.waiters": lambda ctx: ctx.Queue(name="queue").waiters(),
    "queue.holders": lambda ctx: ctx.JoinableQueue(name="tasks").holders(),
}
# Another program may have put what is no pickle.
EXPECTED = (BrokerError, queue.Empty, queue.Full, pickle.UnpicklingError, EOFError)


@pytest.mark.parametrize("call", CALLS)
def test_reply_of_another_form_is_an_error_of_the_broker(call: str) -> None:
    make, use = CALLS[call]
    with FakeServer(encode(GRANTED)) as server:
        ctx, kept = Context(server.url), []
        for form in FORMS:
            server.reply = encode(GRANTED)
            kept.append(make(ctx))  # else it is deleted, with further requests
            server.reply = encode(form)
            if (call, form) == ("poll", CLOSED):
                continue  # it is a message of a pipe
            with contextlib.suppress(*EXPECTED):
                use(kept[-1])
        get_session(server.url).close()


@pytest.mark.parametrize("call", AIO_CALLS)
def test_reply_of_another_form_is_an_error_of_the_broker_for_a_task(call: str) -> None:
    async def use_all(server: FakeServer) -> None:
        ctx = aio.Context(server.url)
        for form in FORMS:
            server.reply = encode(form)
            with contextlib.suppress(*EXPECTED):
                await AIO_CALLS[call](ctx)
        await ctx.close()

    with FakeServer(b"") as server:
        asyncio.run(use_all(server))
