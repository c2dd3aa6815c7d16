"""Requests and replies of a board and its heartbeats get lost, and no state is wrong for that."""

from __future__ import annotations

import pytest

from broker import Context
from broker.liveness.board import FORGET, JOIN, LEAVE, REPORT, SNAPSHOT
from broker.liveness.heartbeat import Heartbeat
from tests.support.proxy import Fault, Proxy
from tests.support.server_state import run_command
from tests.support.waiting import wait_until

pytestmark = pytest.mark.parametrize("fault", Fault)


def test_join(proxy: Proxy, proxied: Context, ctx: Context, fault: Fault) -> None:
    board = proxied.Board()
    proxy.inject(JOIN, fault)
    with proxied.Heartbeat(board, "me", daemon=False):
        assert proxy.all_injected
        assert board.snapshot().alive.keys() == {"me"}
    assert board.snapshot() == ({}, {}, {})


def test_report(proxy: Proxy, proxied: Context, fault: Fault) -> None:
    board = proxied.Board()
    with proxied.Heartbeat(board, "me", daemon=False) as heartbeat:
        proxy.inject(REPORT, fault)
        heartbeat.beat()
        assert proxy.all_injected
        assert board.snapshot().alive.keys() == {"me"}


def test_snapshot_and_forget(proxy: Proxy, proxied: Context, fault: Fault) -> None:
    board = proxied.Board()
    board._run(board._join_script, b"token", b"me")
    board._run(board._leave_script, b"token", b"me", b"1")
    proxy.inject(SNAPSHOT, fault)
    assert board.snapshot().dead.keys() == {"me"}
    proxy.inject(FORGET, fault)
    board.forget("me")
    assert proxy.all_injected
    assert board.snapshot() == ({}, {}, {})


def test_stop(proxy: Proxy, proxied: Context, ctx: Context, fault: Fault) -> None:
    board = proxied.Board()
    heartbeat = proxied.Heartbeat(board, "me")
    proxy.inject(LEAVE, fault)
    heartbeat.stop()
    assert proxy.all_injected
    assert board.snapshot() == ({}, {}, {})


def test_reports_of_a_daemon_continue(proxy: Proxy, proxied: Context, fault: Fault) -> None:
    board = proxied.Board(3.0)

    def last_report() -> bytes | None:
        return run_command(board, b"ZSCORE", board._keys[1], b"me")

    proxy.inject(REPORT, fault)
    with Heartbeat(board, "me"):
        wait_until(lambda: proxy.all_injected)
        before = last_report()
        wait_until(lambda: last_report() not in (None, before))
        assert board.snapshot().dead == {}
