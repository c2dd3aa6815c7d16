"""Requests and replies of values and arrays get lost: each change is made once, and never again later."""

from __future__ import annotations

import threading

import pytest
import redis

from broker import Context
from broker.transport.connection import Connection
from broker.values.stored_bytes import ADD, CREATE, READ, WRITE, WRITE_PIECES
from tests.support.proxy import Fault, Proxy

pytestmark = pytest.mark.parametrize("fault", Fault)
LOCK = pytest.mark.parametrize("lock", [True, False])


@LOCK
def test_add(proxy: Proxy, proxied: Context, fault: Fault, lock: bool) -> None:
    value = proxied.Value("i", 5, lock=lock)
    proxy.inject(ADD, fault)
    assert value.add(2) == 7
    assert proxy.all_injected
    assert value.value == 7


@LOCK
def test_write(proxy: Proxy, proxied: Context, fault: Fault, lock: bool) -> None:
    values = proxied.Array("i", 5, lock=lock)
    proxy.inject(WRITE, fault)
    values[1:3] = [7, 8]
    proxy.inject(WRITE_PIECES, fault)
    values[::2] = [1, 2, 3]
    assert proxy.all_injected
    assert values[:] == [1, 7, 2, 0, 3]


def test_write_is_not_repeated_over_a_later_one(
    proxy: Proxy, proxied: Context, ctx: Context, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process writes between the write whose reply was lost, and its repetition."""
    value, direct = proxied.RawValue("i", 5, name="late"), ctx.RawValue("i", name="late")
    execute, written, thread = Connection.execute, [], threading.get_ident()

    def write_in_between(connection: Connection, *arguments: object, **options: object) -> object:
        try:
            return execute(connection, *arguments, **options)
        except redis.RedisError:
            if fault is not Fault.LOSE_REQUEST and threading.get_ident() == thread:  # not one in the background
                written.append(direct.value)
                direct.value = 9
            raise

    proxy.inject(WRITE, fault)
    monkeypatch.setattr(Connection, "execute", write_in_between)
    value.value = 6
    monkeypatch.undo()
    assert proxy.all_injected
    assert (written, direct.value) == (([], 6) if fault is Fault.LOSE_REQUEST else ([6], 9))
    direct.delete()


@LOCK
def test_read(proxy: Proxy, proxied: Context, fault: Fault, lock: bool) -> None:
    text = proxied.Array("c", b"text", lock=lock)
    proxy.inject(READ, fault)
    assert text.value == b"text"
    assert proxy.all_injected


@pytest.mark.parametrize("name", [None, "created"])
def test_creation(proxy: Proxy, proxied: Context, fault: Fault, name: str | None) -> None:
    proxy.inject(CREATE, fault)
    value = proxied.RawValue("i", 5, name=name)
    assert proxy.all_injected
    assert value.value == 5
    value.delete()
