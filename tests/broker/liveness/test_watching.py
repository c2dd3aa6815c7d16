"""Watching a board: what is heard, and how seldom it is asked."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest

from broker import Context
from broker.liveness.board import Board
from broker.liveness.snapshot import Change, Reading
from tests.support.actors import TIMEOUT, Actors
from tests.support.waiting import wait_until

LONG = 60.0  # seconds: an interval that no test waits for


def test_a_watcher_hears_of_everybody_who_comes_and_leaves(ctx: Context) -> None:
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


def test_a_watcher_that_was_thrown_out_comes_back(ctx: Context, actors: Actors) -> None:
    board = ctx.Board(LONG)
    changes = board.watch(TIMEOUT)
    with ctx.Heartbeat(board, "first"):
        assert next(changes) == Change("first", "alive")
        watcher = actors.thread(changes)
        watcher.begin("__next__")
        board._run(board._forget_script, b"nobody")
        session = board._get_session()
        connection = session.acquire_connection()
        wait_until(lambda: connection.run_command(b"PUBSUB", b"NUMSUB", board._key)[1] == 1)
        connection.run_command(b"CLIENT", b"KILL", b"TYPE", b"pubsub")
        session.release_connection(connection)
        with ctx.Heartbeat(board, "second"):
            assert watcher.result() == Change("second", "alive")


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When this process has looked at a board."""
    moments: list[float] = []
    see = Board._read

    def seen(*arguments: Any) -> Reading:
        moments.append(time.monotonic())
        return see(*arguments)

    monkeypatch.setattr(Board, "_read", seen)
    return moments


def test_a_watcher_does_not_ask_while_nothing_can_happen(ctx: Context, looks: list[float]) -> None:
    board = ctx.Board(LONG)
    board._run(board._join_script, b"token", b"me")
    assert [change.state for change in board.watch(1.5)] == ["alive"]
    assert len(looks) == 1


def test_a_watcher_looks_twice_a_second_at_most_whatever_happens(
    ctx: Context, actors: Actors, looks: list[float]
) -> None:
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
    assert len(looks) <= 4
    assert min(later - earlier for earlier, later in itertools.pairwise(looks)) > 0.49
    assert Change("0", "alive") in seen
