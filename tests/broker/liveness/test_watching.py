"""Watching a board: which changes it yields, and how rarely it reads the board."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest

from broker import Context
from broker.liveness.board import Board
from broker.liveness.snapshot import Change, Reading
from tests.support.actors import TIMEOUT, Actors
from tests.support.server_state import run_command
from tests.support.waiting import wait_until

LONG = 60.0  # seconds: an interval that no test waits for


def test_watch_yields_every_change(ctx: Context) -> None:
    board = ctx.Board(LONG)
    changes = board.watch(TIMEOUT)
    first = ctx.Heartbeat(board, "first")
    assert next(changes) == Change("first", "alive")
    second = ctx.Heartbeat(board, "second")
    assert next(changes) == Change("second", "alive")
    first.stop()
    assert next(changes) == Change("first", "gone")
    board._run(board._leave_script, second._token.encode(), b"second", b"1")
    assert next(changes) == Change("second", "dead")
    board.forget("second")
    assert next(changes) == Change("second", "gone")
    second.stop()


def test_watch_continues_after_its_connection_was_killed(ctx: Context, actors: Actors) -> None:
    board = ctx.Board(LONG)
    changes = board.watch(TIMEOUT)
    with ctx.Heartbeat(board, "first"):
        assert next(changes) == Change("first", "alive")
        watcher = actors.thread(changes)
        watcher.begin("__next__")
        board._run(board._forget_script, b"nobody")
        wait_until(lambda: run_command(board, b"PUBSUB", b"NUMSUB", board._key)[1] == 1)
        run_command(board, b"CLIENT", b"KILL", b"TYPE", b"pubsub")
        with ctx.Heartbeat(board, "second"):
            assert watcher.result() == Change("second", "alive")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The times at which this process has read a board."""
    moments: list[float] = []
    read = Board._read

    def seen(*arguments: Any) -> Reading:
        moments.append(time.monotonic())
        return read(*arguments)

    monkeypatch.setattr(Board, "_read", seen)
    return moments


def test_watch_does_not_read_while_nothing_can_change(ctx: Context, reads: list[float]) -> None:
    board = ctx.Board(LONG)
    board._run(board._join_script, b"token", b"me")
    assert [change.state for change in board.watch(1.5)] == ["alive"]
    assert len(reads) == 1


def test_watch_reads_at_most_twice_a_second(ctx: Context, actors: Actors, reads: list[float]) -> None:
    board = ctx.Board(LONG)
    changes = actors.thread(board.watch(1.6))
    seen = set()
    changes.begin("__next__")
    for number in itertools.count():
        board._run(board._join_script, b"token", b"%d" % number)
        try:
            while not changes.blocked():
                seen.add(changes.result())
                changes.begin("__next__")
        except StopIteration:
            break
    assert len(reads) <= 4
    assert all(later - earlier > 0.49 for earlier, later in itertools.pairwise(reads))
    assert Change("0", "alive") in seen
