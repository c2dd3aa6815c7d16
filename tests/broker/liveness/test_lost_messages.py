"""Requests and replies of a board and its heartbeats get lost; nobody is taken for dead or alive by that."""

from __future__ import annotations

import pytest

from broker import Context
from broker.liveness.board import FORGET, JOIN, LEAVE, REPORT, SNAPSHOT
from broker.liveness.heartbeat import Heartbeat
from tests.support.clock import eventually
from tests.support.proxy import Fault, Proxy

pytestmark = pytest.mark.parametrize("fault", Fault)


def test_join(proxy: Proxy, far: Context, ctx: Context, fault: Fault) -> None:
    board = far.Board()
    proxy.plan(JOIN, fault)
    with far.Heartbeat(board, "me", daemon=False):
        assert proxy.struck
        assert board.look().alive.keys() == {"me"}
    assert board.look() == ({}, {}, {})


def test_report(proxy: Proxy, far: Context, fault: Fault) -> None:
    board = far.Board()
    with far.Heartbeat(board, "me", daemon=False) as heartbeat:
        proxy.plan(REPORT, fault)
        heartbeat.beat()
        assert proxy.struck
        assert board.look().alive.keys() == {"me"}


def test_roll_and_forget(proxy: Proxy, far: Context, fault: Fault) -> None:
    board = far.Board()
    board._run(board._join, b"token", b"me")
    board._run(board._farewell, b"token", b"me", b"1")
    proxy.plan(SNAPSHOT, fault)
    assert board.look().dead.keys() == {"me"}
    proxy.plan(FORGET, fault)
    board.forget("me")
    assert proxy.struck
    assert board.look() == ({}, {}, {})


def test_stop(proxy: Proxy, far: Context, ctx: Context, fault: Fault) -> None:
    board = far.Board()
    heartbeat = far.Heartbeat(board, "me")
    proxy.plan(LEAVE, fault)
    heartbeat.stop()
    assert proxy.struck
    assert board.look() == ({}, {}, {})


def test_reports_of_a_daemon(proxy: Proxy, far: Context, fault: Fault) -> None:
    board = far.Board(3.0)
    proxy.plan(REPORT, fault)
    with Heartbeat(board, "me"):
        eventually(lambda: proxy.struck)
        assert {change.state for change in board.watch(4.0)} == {"alive"}
