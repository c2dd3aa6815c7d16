"""Heartbeats of real processes that are killed, paused or busy, and of servers that are killed or paused."""

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

MARGIN = 0.05  # seconds by which this process's clock and the server's may drift apart meanwhile
LONG, SHORT = 60.0, 4.0  # seconds: an interval that no test waits for, and one that tests wait for

PROGRAM = """
import os, sys
import broker
ctx = broker.get_context(sys.argv[1])
heartbeat = ctx.Heartbeat(ctx.Board(60.0, name=sys.argv[2]), "program")
exec(sys.argv[3])
"""


class MonitoredProcess:
    """A process with a heartbeat."""

    def __init__(self, board: Board, who: str) -> None:
        self._board = board
        self._who = who

    def start_heartbeat(self) -> int:
        """Return the process id of the reporter."""
        self._heartbeat = Heartbeat(self._board, self._who)
        return self._heartbeat._reporter.pid

    def reporter(self) -> int:
        return self._heartbeat._reporter.pid

    def stop(self) -> None:
        self._heartbeat.stop()

    def keep_busy(self) -> None:
        """Hold the interpreter's lock, for longer than any test takes."""
        sum(range(10**11))

    def fork(self) -> int:
        """Return the process id of a forked child, which calls stop() and then sleeps."""
        child = os.fork()
        if child == 0:
            self._heartbeat.stop()
            signal.pause()
        return child


StartMonitored = Callable[[Board, str], Actor]


@pytest.fixture
def start_monitored(ctx: Context, actors: Actors) -> Iterator[StartMonitored]:
    """Starts a process with a heartbeat."""

    reporters: list[int] = []

    def start_monitored(board: Board, who: str) -> Actor:
        monitored = actors.process(ctx, MonitoredProcess(board, who))
        reporters.append(monitored.call("start_heartbeat"))
        return monitored

    yield start_monitored
    for pid in reporters:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)  # a paused one would never end


def has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def states(board: Board, *, until: str, timeout: float = TIMEOUT) -> list[tuple[str, float]]:
    """Watch until a name has the state `until`; return each new state, and after how many seconds."""
    started, seen = time.monotonic(), []
    for change in board.watch(timeout):
        seen.append((change.state, time.monotonic() - started))
        if change.state == until:
            return seen
    raise AssertionError(f"no name was {until}, only {seen}")


def test_process_is_alive_from_start_and_gone_after_stop(ctx: Context) -> None:
    board = ctx.Board()
    with ctx.Heartbeat(board, "me") as heartbeat:
        assert board.snapshot().alive.keys() == {"me"}
        reporter = heartbeat._reporter.pid
    assert board.snapshot() == ({}, {}, {})
    assert has_ended(reporter)
    heartbeat.stop()


@pytest.mark.slow
def test_process_can_beat_without_a_daemon(ctx: Context) -> None:
    board = ctx.Board(SHORT)
    with ctx.Heartbeat(board, "me", daemon=False) as heartbeat:
        assert board.snapshot().alive.keys() == {"me"}
        assert [state for state, _ in states(board, until="dead")] == ["alive", "late", "dead"]
        heartbeat.beat()
        assert board.snapshot().alive.keys() == {"me"}
        heartbeat.beat()
        assert board.snapshot().alive["me"] < SHORT
    assert board.snapshot() == ({}, {}, {})


def test_default_name_is_host_and_pid(ctx: Context) -> None:
    with ctx.Heartbeat(ctx.Board()) as heartbeat:
        assert heartbeat.who.endswith(f"/{os.getpid()}")


def test_killed_process_is_dead_at_once(ctx: Context, start_monitored: StartMonitored) -> None:
    board = ctx.Board(LONG)
    monitored = start_monitored(board, "main")
    reporter = monitored.call("reporter")
    monitored.kill()
    assert [state for state, _ in states(board, until="dead")][-1] == "dead"
    wait_until(lambda: has_ended(reporter))
    assert board.snapshot().dead.keys() == {"main"}


@pytest.mark.slow
def test_process_of_a_lost_host_is_dead_after_an_interval_and_not_before(
    ctx: Context, start_monitored: StartMonitored
) -> None:
    board = ctx.Board(SHORT)
    monitored, other = start_monitored(board, "main"), start_monitored(board, "other")
    os.kill(monitored.call("reporter"), signal.SIGSTOP)  # it neither reports nor leaves the board
    looked = time.monotonic()
    silent = board.snapshot().alive["main"]
    monitored.kill()
    changes = []
    for change in board.watch(SHORT + SLACK):
        changes.append(change)
        if change.state == "dead":
            break
    assert [change.state for change in changes if change.who == "main"] == ["alive", "late", "dead"]
    assert [change.state for change in changes if change.who == "other"] == ["alive"]
    assert time.monotonic() - looked > SHORT - silent - MARGIN
    assert other.call("reporter")


def test_one_snapshot_finds_the_dead_without_other_reports(ctx: Context, start_monitored: StartMonitored) -> None:
    board = ctx.Board(0.5)
    monitored = start_monitored(board, "main")
    os.kill(monitored.call("reporter"), signal.SIGSTOP)
    monitored.kill()
    time.sleep(0.6)  # without a request to the server
    assert board.snapshot().dead.keys() == {"main"}


@pytest.mark.slow
def test_busy_process_is_never_late(ctx: Context, start_monitored: StartMonitored) -> None:
    board = ctx.Board(SHORT)
    monitored = start_monitored(board, "main")
    monitored.begin("keep_busy")
    assert [change.state for change in board.watch(1.5 * SHORT)] == ["alive"]
    assert monitored.blocked(), "the process was busy all the time"


def test_death_of_a_process_does_not_recreate_a_deleted_board(ctx: Context, start_monitored: StartMonitored) -> None:
    with Context(ctx.url) as other:
        board = other.Board(0.3)
        monitored = start_monitored(board, "main")
        reporter = monitored.call("reporter")
        monitored.signal(signal.SIGSTOP)
        os.kill(reporter, signal.SIGSTOP)
        monitored.signal(signal.SIGKILL)
    os.kill(reporter, signal.SIGCONT)
    wait_until(lambda: has_ended(reporter))
    assert not any(run_command(board, b"EXISTS", key) for key in board._keys)


@pytest.mark.slow
def test_paused_process_is_alive(ctx: Context, start_monitored: StartMonitored) -> None:
    board = ctx.Board(SHORT)
    monitored = start_monitored(board, "main")
    monitored.signal(signal.SIGSTOP)
    assert [change.state for change in board.watch(1.5 * SHORT)] == ["alive"]


def test_paused_host_is_dead_and_alive_again_when_it_continues(ctx: Context, start_monitored: StartMonitored) -> None:
    board = ctx.Board(SHORT)
    monitored = start_monitored(board, "main")
    reporter = monitored.call("reporter")
    for pid in (monitored.pid, reporter):
        os.kill(pid, signal.SIGSTOP)
    assert [state for state, _ in states(board, until="dead")] == ["alive", "late", "dead"]
    for pid in (monitored.pid, reporter):
        os.kill(pid, signal.SIGCONT)
    assert [state for state, _ in states(board, until="alive")][-1] == "alive"


def test_killed_reporter_is_replaced_before_the_process_is_late(ctx: Context, start_monitored: StartMonitored) -> None:
    board = ctx.Board(SHORT)
    monitored = start_monitored(board, "main")
    for _ in range(2):
        first = monitored.call("reporter")
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: monitored.call("reporter") != first)  # noqa: B023 - called in this round only
    assert [change.state for change in board.watch(1.5 * SHORT)] == ["alive"]
    second = monitored.call("reporter")
    monitored.kill()
    assert states(board, until="dead")
    wait_until(lambda: has_ended(second))


def test_forked_child_neither_keeps_its_parent_alive_nor_stops_its_heartbeat(
    ctx: Context, start_monitored: StartMonitored
) -> None:
    board = ctx.Board(LONG)
    monitored = start_monitored(board, "main")
    child = monitored.call("fork")
    try:
        wait_until(lambda: psutil.Process(child).status() == psutil.STATUS_SLEEPING)
        assert board.snapshot().alive.keys() == {"main"}
        monitored.kill()
        assert states(board, until="dead")
    finally:
        os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_daemon_process_can_have_a_heartbeat(ctx: Context, method: str) -> None:
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
    ("last_statement", "state"),
    [
        ("heartbeat.stop()", "gone"),
        ("ctx.close()", "gone"),
        ("", "dead"),
        ("sys.exit(3)", "dead"),
        ("os._exit(0)", "dead"),
        ("os.kill(os.getpid(), 15)", "dead"),
    ],
)
def test_process_that_exits_without_stop_is_dead(ctx: Context, last_statement: str, state: str) -> None:
    board = ctx.Board(LONG, name="ends")
    try:
        program = subprocess.Popen([sys.executable, "-c", PROGRAM, ctx.url, board.name, last_statement])
        program.wait()
        expected = {"program"} if state == "dead" else set()
        wait_until(lambda: board.snapshot().dead.keys() == expected and not board.snapshot().alive)
    finally:
        board.delete()


def test_ctrl_c_does_not_reach_the_reporter(ctx: Context) -> None:
    board = ctx.Board(LONG, name="interrupted")
    # It does not wait in `input`, which a signal just before does not interrupt.
    waits = "import select; all(not select.select([0], [], [], 0.01)[0] for _ in iter(int, 1))"
    caught = f"import signal; signal.signal(2, lambda *_: print(flush=True)); print(flush=True); {waits}"
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
        assert not has_ended(reporter.pid)
    finally:
        program.stdin.close()
        program.wait()
        program.stdout.close()
        wait_until(lambda: board.snapshot().dead)
        board.delete()


def test_reporters_arguments_do_not_contain_the_url(ctx: Context) -> None:
    with ctx.Heartbeat(ctx.Board()) as heartbeat:
        assert not [word for word in psutil.Process(heartbeat._reporter.pid).cmdline() if ctx.url in word]


def test_closing_a_context_removes_its_names(ctx: Context) -> None:
    with Context(ctx.url) as other:
        board = other.Board(name="closing")
        reporter = other.Heartbeat(board)._reporter.pid
    seen = ctx.Board(name="closing")
    assert seen.snapshot() == ({}, {}, {})
    assert has_ended(reporter)
    seen.delete()


def test_name_in_use_with_another_interval_is_refused(ctx: Context) -> None:
    board = ctx.Board(30.0, name="timing")
    board.open()
    with pytest.raises(MismatchError, match="already exists with the value 30;"):
        ctx.Board(31.0, name="timing")
    with pytest.raises(MismatchError):
        Heartbeat(Board.at(ctx.url, "timing", interval=31.0))
    board.delete()


@pytest.mark.parametrize("who", ["", 5, "\ud800"])
def test_invalid_name_is_refused(ctx: Context, who: object) -> None:
    with pytest.raises(InvalidArgumentError):
        ctx.Heartbeat(ctx.Board(), who)  # type: ignore[arg-type]


@pytest.mark.parametrize("who", ["zwei Wörter", "\n", "\x00", "日本", '"', "x" * 100_000])
def test_any_other_name_works(ctx: Context, who: str) -> None:
    board = ctx.Board()
    with ctx.Heartbeat(board, who):
        assert board.snapshot().alive.keys() == {who}


@pytest.fixture
def own_server(folder: Path) -> Iterator[Server]:
    """A server that a test may kill and pause, and that loses its data in a restart."""
    with Server(folder, appendonly="no") as started:
        yield started


def test_restart_without_data_makes_no_living_process_dead(own_server: Server) -> None:
    with Context(own_server.url) as ctx:
        board = ctx.Board(SHORT)
        with ctx.Heartbeat(board, "me"):
            own_server.kill()
            own_server.start()
            assert board.snapshot().dead == {}
            wait_until(lambda: board.snapshot().alive.keys() == {"me"})


@pytest.mark.slow
def test_paused_server_makes_no_living_process_dead(own_server: Server) -> None:
    with Context(own_server.url) as ctx:
        board = ctx.Board(SHORT)
        with ctx.Heartbeat(board, "me"), ctx.Heartbeat(board, "you"):
            os.kill(own_server._process.pid, signal.SIGSTOP)
            time.sleep(1.5 * SHORT)  # the server cannot tell when it is over
            os.kill(own_server._process.pid, signal.SIGCONT)
            assert {change.state for change in board.watch(SHORT)} <= {"alive", "late"}
            assert board.snapshot().alive.keys() == {"me", "you"}


def test_server_that_stays_unavailable(own_server: Server) -> None:
    ctx = Context(own_server.url)
    board = ctx.Board(0.5)
    heartbeat = ctx.Heartbeat(board)
    reporter = heartbeat._reporter.pid
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, own_server.url, "other", "print(heartbeat._reporter.pid)"]
    )
    program.wait()
    own_server.kill()
    assert not has_ended(reporter)
    with pytest.raises(ServerUnavailableError):
        heartbeat.stop()
    assert has_ended(reporter)
    ctx.close()
