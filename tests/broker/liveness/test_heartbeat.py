"""Heartbeats of real processes, which are killed, stopped and kept busy; so is the server."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from broker import Context, Heartbeat, InvalidArgumentError, MismatchError, ServerUnavailableError
from broker.liveness.board import Board
from tests.support.actors import SLACK, TIMEOUT, Actor, Actors
from tests.support.server_state import run_command
from tests.support.servers import Server
from tests.support.waiting import wait_until

MARGIN = 0.05  # seconds by which the clock here and that of the server may differ in this time
LONG, SHORT = 60.0, 4.0  # seconds: one that no test waits for, and one that a test does

PROGRAM = """
import os, sys
import broker
ctx = broker.get_context(sys.argv[1])
heartbeat = ctx.Heartbeat(ctx.Board(60.0, name=sys.argv[2]), "program")
exec(sys.argv[3])
"""


class Main:
    """What a main process does: nothing, or too much."""

    def __init__(self, board: Board, who: str) -> None:
        self._board = board
        self._who = who

    def begin(self) -> int:
        """Return the process that reports."""
        self._heartbeat = Heartbeat(self._board, self._who)
        return self._heartbeat._reporter.pid

    def reporter(self) -> int:
        return self._heartbeat._reporter.pid

    def stop(self) -> None:
        self._heartbeat.stop()

    def keep_busy(self) -> None:
        """Keep the interpreter's lock, for longer than any test takes."""
        sum(range(10**11))

    def fork(self) -> int:
        """Return a forked child, which stops what it can and then waits."""
        child = os.fork()
        if child == 0:
            self._heartbeat.stop()
            signal.pause()
        return child


Begin = Callable[[Board, str], Actor]


@pytest.fixture
def begin(ctx: Context, actors: Actors) -> Iterator[Begin]:
    """Starts a process that reports."""

    reporters: list[int] = []

    def begin(board: Board, who: str) -> Actor:
        main = actors.process(ctx, Main(board, who))
        reporters.append(main.call("begin"))
        return main

    yield begin
    for pid in reporters:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)  # one that was stopped would stay for ever


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def states(board: Board, *, until: str, timeout: float = TIMEOUT) -> list[tuple[str, float]]:
    """Return the states of whoever changes until somebody's is `until`, and when, in seconds."""
    started, seen = time.monotonic(), []
    for change in board.watch(timeout):
        seen.append((change.state, time.monotonic() - started))
        if change.state == until:
            return seen
    raise AssertionError(f"nobody was {until}, only {seen}")


def test_a_process_is_alive_from_the_first_moment_and_gone_when_it_stops(ctx: Context) -> None:
    board = ctx.Board()
    with ctx.Heartbeat(board, "me") as heartbeat:
        assert board.snapshot().alive.keys() == {"me"}
        reporter = heartbeat._reporter.pid
    assert board.snapshot() == ({}, {}, {})
    assert gone(reporter)
    heartbeat.stop()


@pytest.mark.slow
def test_a_process_may_beat_by_itself(ctx: Context) -> None:
    board = ctx.Board(SHORT)
    with ctx.Heartbeat(board, "me", daemon=False) as heartbeat:
        assert board.snapshot().alive.keys() == {"me"}
        assert [state for state, _ in states(board, until="dead")] == ["alive", "late", "dead"]
        heartbeat.beat()
        assert board.snapshot().alive.keys() == {"me"}
        heartbeat.beat()
        assert board.snapshot().alive["me"] < SHORT
    assert board.snapshot() == ({}, {}, {})


def test_its_name_is_host_and_process_unless_one_is_given(ctx: Context) -> None:
    with ctx.Heartbeat(ctx.Board()) as heartbeat:
        assert heartbeat.who.endswith(f"/{os.getpid()}")


def test_a_killed_process_is_dead_at_once(ctx: Context, begin: Begin) -> None:
    board = ctx.Board(LONG)
    main = begin(board, "main")
    reporter = main.call("reporter")
    main.kill()
    assert [state for state, _ in states(board, until="dead")][-1] == "dead"
    wait_until(lambda: gone(reporter))
    assert board.snapshot().dead.keys() == {"main"}


@pytest.mark.slow
def test_a_host_that_ends_is_dead_after_the_interval_and_not_before(ctx: Context, begin: Begin) -> None:
    board = ctx.Board(SHORT)
    main, other = begin(board, "main"), begin(board, "other")
    os.kill(main.call("reporter"), signal.SIGSTOP)  # no more reports, and no farewell
    looked = time.monotonic()
    silent = board.snapshot().alive["main"]
    main.kill()
    changes = []
    for change in board.watch(SHORT + SLACK):
        changes.append(change)
        if change.state == "dead":
            break
    assert [change.state for change in changes if change.who == "main"] == ["alive", "late", "dead"]
    assert [change.state for change in changes if change.who == "other"] == ["alive"]
    assert time.monotonic() - looked > SHORT - silent - MARGIN
    assert other.call("reporter")


def test_one_look_names_the_dead_also_where_nobody_else_reports(ctx: Context, begin: Begin) -> None:
    board = ctx.Board(0.5)
    main = begin(board, "main")
    os.kill(main.call("reporter"), signal.SIGSTOP)
    main.kill()
    time.sleep(0.6)  # without asking the server anything
    assert board.snapshot().dead.keys() == {"main"}


@pytest.mark.slow
def test_a_busy_process_is_never_late(ctx: Context, begin: Begin) -> None:
    board = ctx.Board(SHORT)
    main = begin(board, "main")
    main.begin("keep_busy")
    assert [change.state for change in board.watch(1.5 * SHORT)] == ["alive"]
    assert main.blocked(), "or else it proved nothing"


def test_a_board_that_was_deleted_stays_away_when_its_last_process_dies(ctx: Context, begin: Begin) -> None:
    with Context(ctx.url) as other:
        board = other.Board(0.3)
        main = begin(board, "main")
        reporter = main.call("reporter")
        main.signal(signal.SIGSTOP)
        os.kill(reporter, signal.SIGSTOP)
        main.signal(signal.SIGKILL)
    os.kill(reporter, signal.SIGCONT)
    wait_until(lambda: gone(reporter))
    assert not any(run_command(board, b"EXISTS", key) for key in board._keys)


@pytest.mark.slow
def test_a_stopped_process_lives(ctx: Context, begin: Begin) -> None:
    board = ctx.Board(SHORT)
    main = begin(board, "main")
    main.signal(signal.SIGSTOP)
    assert [change.state for change in board.watch(1.5 * SHORT)] == ["alive"]


def test_a_stopped_host_is_dead_and_comes_back(ctx: Context, begin: Begin) -> None:
    board = ctx.Board(SHORT)
    main = begin(board, "main")
    reporter = main.call("reporter")
    for pid in (main.pid, reporter):
        os.kill(pid, signal.SIGSTOP)
    assert [state for state, _ in states(board, until="dead")] == ["alive", "late", "dead"]
    for pid in (main.pid, reporter):
        os.kill(pid, signal.SIGCONT)
    assert [state for state, _ in states(board, until="alive")][-1] == "alive"


def test_a_killed_reporter_is_replaced_before_anybody_notices(ctx: Context, begin: Begin) -> None:
    board = ctx.Board(SHORT)
    main = begin(board, "main")
    for _ in range(2):
        first = main.call("reporter")
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: main.call("reporter") != first)  # noqa: B023 - called in this round only
    assert [change.state for change in board.watch(1.5 * SHORT)] == ["alive"]
    second = main.call("reporter")
    main.kill()
    assert states(board, until="dead")
    wait_until(lambda: gone(second))


def test_a_forked_child_keeps_nobody_alive_and_stops_nothing(ctx: Context, begin: Begin) -> None:
    board = ctx.Board(LONG)
    main = begin(board, "main")
    child = main.call("fork")
    try:
        wait_until(lambda: psutil.Process(child).status() == psutil.STATUS_SLEEPING)
        assert board.snapshot().alive.keys() == {"main"}
        main.kill()
        assert states(board, until="dead")
    finally:
        os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_daemon_may_have_a_heartbeat(ctx: Context, method: str) -> None:
    board = ctx.Board(LONG)
    daemon = multiprocessing.get_context(method).Process(target=beat, args=(board,), daemon=True)
    daemon.start()
    assert [state for state, _ in states(board, until="alive")] == ["alive"]
    daemon.terminate()
    daemon.join()
    assert states(board, until="dead")


def beat(board: Board) -> None:
    Heartbeat(board, "daemon")
    signal.pause()


@pytest.mark.parametrize(
    ("end", "state"),
    [
        ("heartbeat.stop()", "gone"),
        ("ctx.close()", "gone"),
        ("", "dead"),
        ("sys.exit(3)", "dead"),
        ("os._exit(0)", "dead"),
        ("os.kill(os.getpid(), 15)", "dead"),
    ],
)
def test_whoever_ends_without_a_stop_is_dead(ctx: Context, end: str, state: str) -> None:
    board = ctx.Board(LONG, name="ends")
    try:
        program = subprocess.Popen([sys.executable, "-c", PROGRAM, ctx.url, board.name, end])
        program.wait()
        expected = {"program"} if state == "dead" else set()
        wait_until(lambda: board.snapshot().dead.keys() == expected and not board.snapshot().alive)
    finally:
        board.delete()


def test_ctrl_c_ends_the_program_and_not_its_heartbeat(ctx: Context) -> None:
    board = ctx.Board(LONG, name="interrupted")
    caught = "import signal; signal.signal(2, lambda *_: print(flush=True)); print(flush=True); input()"
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, ctx.url, board.name, caught],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert program.stdout is not None
    assert program.stdin is not None
    try:
        program.stdout.readline()
        [reporter] = psutil.Process(program.pid).children()
        os.killpg(program.pid, signal.SIGINT)
        program.stdout.readline()
        assert os.getpgid(reporter.pid) != program.pid
        assert not gone(reporter.pid)
    finally:
        program.stdin.close()
        program.wait()
        program.stdout.close()
        wait_until(lambda: board.snapshot().dead)
        board.delete()


def test_a_password_is_not_among_the_reporters_arguments(ctx: Context) -> None:
    with ctx.Heartbeat(ctx.Board()) as heartbeat:
        assert not [word for word in psutil.Process(heartbeat._reporter.pid).cmdline() if ctx.url in word]


def test_closing_the_context_takes_its_names_off(ctx: Context) -> None:
    with Context(ctx.url) as other:
        board = other.Board(name="closing")
        reporter = other.Heartbeat(board)._reporter.pid
    seen = ctx.Board(name="closing")
    assert seen.snapshot() == ({}, {}, {})
    assert gone(reporter)
    seen.delete()


def test_one_interval_for_one_name(ctx: Context) -> None:
    board = ctx.Board(30.0, name="timing")
    board.open()
    with pytest.raises(MismatchError, match="already exists with the value 30;"):
        ctx.Board(31.0, name="timing")
    with pytest.raises(MismatchError):
        Heartbeat(Board.at(ctx.url, "timing", interval=31.0))
    board.delete()


@pytest.mark.parametrize("interval", [0, -1, float("nan"), float("inf"), 86401, True, None, "60"])
def test_an_interval_that_cannot_be_meant(ctx: Context, interval: object) -> None:
    with pytest.raises(
        InvalidArgumentError, match="an interval must be a number of seconds above 0 and at most a day, not"
    ):
        ctx.Board(interval)  # type: ignore[arg-type]


@pytest.mark.parametrize("who", ["", 5, "\ud800"])
def test_a_name_that_cannot_be_meant(ctx: Context, who: object) -> None:
    with pytest.raises(InvalidArgumentError):
        ctx.Heartbeat(ctx.Board(), who)  # type: ignore[arg-type]


@pytest.mark.parametrize("who", ["zwei Wörter", "\n", "\x00", "日本", '"', "x" * 100_000])
def test_any_other_name_works(ctx: Context, who: str) -> None:
    board = ctx.Board()
    with ctx.Heartbeat(board, who):
        assert board.snapshot().alive.keys() == {who}


@pytest.fixture
def own(folder: Path) -> Iterator[Server]:
    """A server that a test may stop, and that begins anew after a restart."""
    with Server(folder, appendonly="no") as started:
        yield started


def test_a_restart_without_data_loses_nobody_who_lives(own: Server) -> None:
    with Context(own.url) as ctx:
        board = ctx.Board(SHORT)
        with ctx.Heartbeat(board, "me"):
            own.kill()
            own.start()
            assert board.snapshot().dead == {}
            wait_until(lambda: board.snapshot().alive.keys() == {"me"})


@pytest.mark.slow
def test_nobody_is_dead_because_the_server_stood_still(own: Server) -> None:
    with Context(own.url) as ctx:
        board = ctx.Board(SHORT)
        with ctx.Heartbeat(board, "me"), ctx.Heartbeat(board, "you"):
            os.kill(own._process.pid, signal.SIGSTOP)
            time.sleep(1.5 * SHORT)  # nobody can be asked meanwhile
            os.kill(own._process.pid, signal.SIGCONT)
            assert {change.state for change in board.watch(SHORT)} <= {"alive", "late"}
            assert board.snapshot().alive.keys() == {"me", "you"}


def test_a_server_that_stays_away(own: Server) -> None:
    ctx = Context(own.url)
    board = ctx.Board(0.5)
    heartbeat = ctx.Heartbeat(board)
    reporter = heartbeat._reporter.pid
    program = subprocess.Popen([sys.executable, "-c", PROGRAM, own.url, "other", "print(heartbeat._reporter.pid)"])
    program.wait()
    own.kill()
    assert not gone(reporter)
    with pytest.raises(ServerUnavailableError):
        heartbeat.stop()
    assert gone(reporter)
    ctx.close()
