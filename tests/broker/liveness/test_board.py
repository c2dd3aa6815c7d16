"""A board with a fake clock: which names are alive, late or dead, also around outages of the server."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import hypothesis.strategies as st
import pytest
import redis
from hypothesis import example, given

from broker import Context
from broker.liveness import board
from broker.liveness.board import Board
from broker.liveness.snapshot import Reading, Snapshot
from tests.support.fake_clock import SECOND, FakeClock, ScriptClient, with_fake_clock

DAY = 86400.0
REPORT_PERIOD = 4.0  # seconds between the reports of a process that is always alive


def read_once(board: Board) -> Reading:
    """Read the board once, even if it is not certain who is dead."""
    return board._drive(board._read)


class BoardHarness:
    """A board with the course's interval of 60 s, and processes whose requests the test sends."""

    def __init__(self, url: str, client: redis.Redis, interval: float = 60.0) -> None:
        client.flushall()
        self.client = client
        self.clock = FakeClock(client)
        self.board = Board.at(url, "test", interval=interval)
        self._sender = ScriptClient(url)

    def join(self, name: str, token: str = "") -> int:
        return int(self._sender.run(self.board._join_script, (token or name).encode(), name.encode()))

    def report(self, name: str) -> int:
        """Report as a heartbeat does: join if the report is refused."""
        return self.report_only(name) or self.join(name)

    def report_only(self, name: str) -> int:
        return int(self._sender.run(self.board._report_script, name.encode()))

    def die(self, name: str, token: str = "") -> None:
        self._sender.run(self.board._leave_script, (token or name).encode(), name.encode(), b"1")

    def leave(self, name: str, token: str = "") -> None:
        self.board._leave(token or name, name)

    def advance(self, seconds: float) -> None:
        """Advance the clock; no process reports."""
        self.clock.advance(round(seconds * SECOND))

    def advance_with_reports(self, seconds: float, *reporting: str) -> None:
        """Advance the clock while these processes and another one report."""
        while seconds > 0:
            self.advance(min(REPORT_PERIOD, seconds))
            seconds -= REPORT_PERIOD
            for name in ("other", *reporting):
                self.report(name)

    def snapshot(self) -> Snapshot:
        return read_once(self.board).snapshot

    def close(self) -> None:
        self.board.delete()
        self._sender.disconnect()

    def state(self, name: str) -> str | None:
        return next((state for state, names in self.snapshot()._asdict().items() if name in names), None)


@pytest.fixture
def scripts_with_fake_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JOIN", "REPORT", "LEAVE", "SNAPSHOT", "FORGET"):
        monkeypatch.setattr(board, name, with_fake_clock(getattr(board, name)))


@pytest.fixture
def harness(ctx: Context, client: redis.Redis, scripts_with_fake_clock: None) -> Iterator[BoardHarness]:
    started = BoardHarness(ctx.url, client)
    yield started
    started.close()


def test_name_becomes_late_and_dead_at_the_documented_times(harness: BoardHarness) -> None:
    harness.join("a")
    harness.advance_with_reports(54.9)
    assert harness.state("a") == "alive"
    harness.advance_with_reports(0.2)
    assert harness.state("a") == "late"
    harness.advance_with_reports(4.8)
    assert harness.state("a") == "late"
    harness.advance_with_reports(0.1)
    assert harness.state("a") == "dead"
    assert harness.snapshot().dead == {"a": pytest.approx(60.0)}
    assert harness.state("other") == "alive"


def test_snapshot_shows_seconds_since_the_last_report(harness: BoardHarness) -> None:
    harness.join("a")
    harness.advance_with_reports(50)
    harness.join("b")
    harness.advance_with_reports(5)
    alive, late, dead = harness.snapshot()
    assert (alive, late, dead) == ({"b": 5.0, "other": 0.0}, {"a": 55.0}, {})


def test_name_that_reports_again_is_alive(harness: BoardHarness) -> None:
    harness.join("a")
    harness.advance_with_reports(55)
    assert harness.state("a") == "late"
    assert harness.report_only("a") == 1
    assert harness.state("a") == "alive"
    harness.advance_with_reports(60)
    assert harness.state("a") == "dead"
    assert harness.report_only("a") == 0, "a dead name must join again"
    assert harness.report("a") == 1
    assert harness.state("a") == "alive"


def test_reported_death_is_visible_at_once(harness: BoardHarness) -> None:
    harness.join("a")
    harness.die("a")
    assert harness.state("a") == "dead"
    harness.advance_with_reports(10)
    assert harness.snapshot().dead == {"a": 10.0}


def test_name_that_leaves_is_removed_even_if_dead(harness: BoardHarness) -> None:
    harness.join("a")
    harness.leave("a")
    assert harness.state("a") is None
    harness.join("b")
    harness.advance_with_reports(60)
    assert harness.state("b") == "dead"
    harness.leave("b")
    assert harness.state("b") is None


@pytest.mark.parametrize("end", ["die", "leave"])
def test_end_of_a_heartbeat_does_not_recreate_a_deleted_board(harness: BoardHarness, end: str) -> None:
    harness.join("a")
    harness.board.delete()
    getattr(harness, end)("a")
    assert not any(harness.client.exists(key) for key in harness.board._keys)


@pytest.mark.parametrize("end", ["die", "leave"])
def test_delayed_requests_of_an_ended_heartbeat_change_nothing(harness: BoardHarness, end: str) -> None:
    harness.join("a")
    getattr(harness, end)("a")
    after = harness.state("a")
    assert harness.report_only("a") == 0
    assert harness.join("a") == 0
    assert harness.state("a") == after
    getattr(harness, end)("a")
    assert harness.state("a") == after


def test_end_of_one_heartbeat_does_not_end_another_of_the_same_name(harness: BoardHarness) -> None:
    harness.join("a", "first")
    harness.join("a", "second")
    harness.die("a", "first")
    harness.leave("a", "first")
    assert harness.state("a") == "alive"
    harness.die("a", "second")
    assert harness.state("a") == "dead"


def test_dead_names_are_listed_for_a_day(harness: BoardHarness) -> None:
    harness.join("a")
    harness.advance_with_reports(60)
    assert harness.state("a") == "dead"
    harness.advance(DAY - 60)
    assert harness.state("a") == "dead"
    harness.advance(61)
    assert harness.state("a") is None
    assert not harness.client.hexists(harness.board._keys[3], "a")


def test_pickled_board_is_the_same_board(harness: BoardHarness) -> None:
    harness.join("a")
    pickled = pickle.dumps(harness.board)
    assert len(pickled) < 500
    copy = pickle.loads(pickled)
    assert (copy.name, copy.interval) == (harness.board.name, 60.0)
    assert read_once(copy).snapshot.alive.keys() == {"a"}


def test_forget_removes_dead_names_only(harness: BoardHarness) -> None:
    harness.join("a")
    harness.join("b")
    harness.die("a")
    for name in ("a", "a", "b"):
        harness.board.forget(name)
    assert (harness.state("a"), harness.state("b")) == (None, "alive"), "only dead names are forgotten"


def test_server_outage_makes_no_reporting_name_dead(harness: BoardHarness) -> None:
    for name in ("a", "b"):
        harness.join(name)
    harness.advance_with_reports(40, "a", "b")
    harness.advance(300)
    assert harness.state("a") == harness.state("b") == "late"
    harness.advance(1)
    harness.report("a")
    harness.advance(1)
    assert (harness.state("a"), harness.state("b")) == ("alive", "late")
    harness.advance(0.01)
    assert (harness.state("a"), harness.state("b")) == ("alive", "dead")


def test_first_reports_after_an_outage_do_not_hide_it(harness: BoardHarness) -> None:
    for name in ("a", "b", "c"):
        harness.join(name)
    harness.advance(300)
    harness.report("a")
    harness.report("b")
    assert harness.state("c") == "late"
    harness.report("c")
    assert harness.state("c") == "alive"


def test_names_rejoin_after_data_loss(harness: BoardHarness) -> None:
    harness.join("a")
    harness.advance_with_reports(100, "a")
    harness.client.delete(*harness.board._keys)
    assert harness.snapshot() == ({}, {}, {})
    assert harness.report("a") == 1
    assert harness.state("a") == "alive"


def test_snapshot_waits_until_it_is_certain_who_is_dead(ctx: Context, client: redis.Redis) -> None:
    board = ctx.Board(2.0)
    board._run(board._join_script, b"token", b"a")
    board._run(board._join_script, b"another", b"b")
    reports, now = board._keys[1], client.time()[0] * SECOND
    client.zadd(reports, {"": now - 60 * SECOND, "a": now - 60 * SECOND, "b": now - 60 * SECOND})
    reading = read_once(board)
    assert reading.snapshot.late.keys() == {"a", "b"}
    assert 0 < reading.uncertain_for < 2.01
    assert board.snapshot().dead.keys() == {"a", "b"}


def test_idle_keys_expire(harness: BoardHarness) -> None:
    for name in ("a", "b", "c"):
        harness.join(name)
    harness.die("a")
    harness.leave("b")
    harness.advance_with_reports(60)
    assert harness.state("c") == "dead"
    assert len([key for key in harness.board._keys if harness.client.exists(key)]) == 5
    assert all(harness.client.pttl(key) > 0 for key in harness.board._keys)


def test_list_of_dead_names_expires_even_without_a_reported_death(harness: BoardHarness) -> None:
    harness.join("a")
    harness.advance_with_reports(60)
    assert harness.state("a") == "dead"
    assert harness.client.pttl(harness.board._keys[2]) > 0


@given(
    phases=st.lists(st.floats(0, 1), min_size=1, max_size=6),
    ends=st.lists(st.floats(0, 300), min_size=6, max_size=6),
    outages=st.lists(st.tuples(st.floats(0, 300), st.floats(0.1, 200)), max_size=3),
    reads=st.lists(st.floats(0, 500), max_size=12),
    waits=st.lists(st.floats(0, 0.5), min_size=6, max_size=6),
)
@example(phases=[0.0, 1.0], ends=[0.0] * 6, outages=[], reads=[], waits=[0.0] * 6)  # one process never reports
def check_any_outages(harness: BoardHarness, phases, ends, outages, reads, waits) -> None:
    """Half of the processes die at some time; a watcher reads the board, and the server has outages.

    At any time, no living process is called dead; without outages, a dead one is called dead an interval after its
    last report.
    """
    harness.client.delete(*harness.board._keys)
    period, interval = harness.board.timing.period, harness.board.interval
    start = harness.clock.now

    def delivered_at(moment: float, wait: float) -> float:
        """Return when a request that is sent at `moment` reaches the server."""
        for start_of_outage, length in sorted(outages):
            if start_of_outage <= moment < start_of_outage + length:
                moment = start_of_outage + length + wait
        return moment

    alive = {f"p{number}": ends[number] if number % 2 else float("inf") for number in range(len(phases))}
    events: list[tuple[float, str]] = [(delivered_at(moment, 0.0), "") for moment in [*reads, *range(0, 560, 4)]]
    last: dict[str, float] = {}
    for number, phase in enumerate(phases):
        slots = (slot * period + phase * period for slot in range(-1, 14))
        name = f"p{number}"
        reports = [delivered_at(max(0.0, slot), waits[number]) for slot in slots if slot < alive[name]]
        events += [(moment, name) for moment in reports]
        if reports:
            last[name] = max(reports)
    for moment, name in sorted(events):
        harness.clock.advance(round(start + moment * SECOND) - harness.clock.now)
        if name:
            harness.report(name)
            continue
        dead = harness.snapshot().dead
        assert all(alive[each] <= moment for each in dead)
        if not outages:
            assert {each for each in last if moment > last[each] + interval + 0.01 and moment > 3} <= dead.keys()


def test_only_dead_processes_are_called_dead_whatever_outages_happen(harness: BoardHarness) -> None:
    check_any_outages(harness)  # type: ignore[call-arg]
