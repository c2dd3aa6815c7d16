"""A board's rules under a clock that the test sets: who is late, who is dead, and that an absent server kills none."""

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
STEP = 4.0  # seconds between the reports of one who is always there


def see(board: Board) -> Reading:
    """Look once, without waiting for certainty."""
    session = board._get_session()
    connection = session.acquire_connection()
    try:
        return board._read(connection)
    finally:
        session.release_connection(connection)


class World:
    """A board at the course's 60 s, and processes that do what the test says."""

    def __init__(self, url: str, client: redis.Redis, interval: float = 60.0) -> None:
        client.flushall()
        self.client = client
        self.clock = FakeClock(client)
        self.board = Board.at(url, "test", interval=interval)
        self._sender = ScriptClient(url)

    def join(self, who: str, token: str = "") -> int:
        return int(self._sender.run(self.board._join_script, (token or who).encode(), who.encode()))

    def report(self, who: str) -> int:
        """Report as a heartbeat does: whoever is not known joins."""
        return self.hear(who) or self.join(who)

    def hear(self, who: str) -> int:
        return int(self._sender.run(self.board._report_script, who.encode()))

    def die(self, who: str, token: str = "") -> None:
        self._sender.run(self.board._leave_script, (token or who).encode(), who.encode(), b"1")

    def leave(self, who: str, token: str = "") -> None:
        self.board._leave(token or who, who)

    def pass_by(self, seconds: float) -> None:
        """Let time go by without a word from anybody."""
        self.clock.advance(round(seconds * SECOND))

    def go_on(self, seconds: float, *living: str) -> None:
        """Let time go by while the server hears of somebody else, and of these."""
        while seconds > 0:
            self.pass_by(min(STEP, seconds))
            seconds -= STEP
            for who in ("other", *living):
                self.report(who)

    def snapshot(self) -> Snapshot:
        return see(self.board).snapshot

    def close(self) -> None:
        self.board.delete()
        self._sender.disconnect()

    def state(self, who: str) -> str | None:
        return next((state for state, names in self.snapshot()._asdict().items() if who in names), None)


@pytest.fixture
def timed_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JOIN", "REPORT", "LEAVE", "SNAPSHOT", "FORGET"):
        monkeypatch.setattr(board, name, with_fake_clock(getattr(board, name)))


@pytest.fixture
def world(ctx: Context, client: redis.Redis, timed_scripts: None) -> Iterator[World]:
    made = World(ctx.url, client)
    yield made
    made.close()


def test_late_and_dead_at_the_stated_seconds(world: World) -> None:
    world.join("a")
    world.go_on(54.9)
    assert world.state("a") == "alive"
    world.go_on(0.2)
    assert world.state("a") == "late"
    world.go_on(4.8)
    assert world.state("a") == "late"
    world.go_on(0.1)
    assert world.state("a") == "dead"
    assert world.snapshot().dead == {"a": pytest.approx(60.0)}
    assert world.state("other") == "alive"


def test_it_says_for_how_long_each_was_not_heard(world: World) -> None:
    world.join("a")
    world.go_on(50)
    world.join("b")
    world.go_on(5)
    alive, late, dead = world.snapshot()
    assert (alive, late, dead) == ({"b": 5.0, "other": 0.0}, {"a": 55.0}, {})


def test_whoever_reports_again_is_alive(world: World) -> None:
    world.join("a")
    world.go_on(55)
    assert world.state("a") == "late"
    assert world.hear("a") == 1
    assert world.state("a") == "alive"
    world.go_on(60)
    assert world.state("a") == "dead"
    assert world.hear("a") == 0, "the dead have to join again"
    assert world.report("a") == 1
    assert world.state("a") == "alive"


def test_a_death_that_is_reported_is_known_at_once(world: World) -> None:
    world.join("a")
    world.die("a")
    assert world.state("a") == "dead"
    world.go_on(10)
    assert world.snapshot().dead == {"a": 10.0}


def test_whoever_leaves_is_gone_also_if_he_was_dead(world: World) -> None:
    world.join("a")
    world.leave("a")
    assert world.state("a") is None
    world.join("b")
    world.go_on(60)
    assert world.state("b") == "dead"
    world.leave("b")
    assert world.state("b") is None


@pytest.mark.parametrize("end", ["die", "leave"])
def test_the_end_of_a_heartbeat_does_not_bring_a_deleted_board_back(world: World, end: str) -> None:
    world.join("a")
    world.board.delete()
    getattr(world, end)("a")
    assert not any(world.client.exists(key) for key in world.board._keys)


@pytest.mark.parametrize("end", ["die", "leave"])
def test_what_was_sent_before_the_end_and_arrives_after_it_changes_nothing(world: World, end: str) -> None:
    world.join("a")
    getattr(world, end)("a")
    after = world.state("a")
    assert world.hear("a") == 0
    assert world.join("a") == 0
    assert world.state("a") == after
    getattr(world, end)("a")
    assert world.state("a") == after


def test_the_end_of_one_is_not_the_end_of_another_under_the_same_name(world: World) -> None:
    world.join("a", "first")
    world.join("a", "second")
    world.die("a", "first")
    world.leave("a", "first")
    assert world.state("a") == "alive"
    world.die("a", "second")
    assert world.state("a") == "dead"


def test_the_dead_are_listed_for_a_day(world: World) -> None:
    world.join("a")
    world.go_on(60)
    assert world.state("a") == "dead"
    world.pass_by(DAY - 60)
    assert world.state("a") == "dead"
    world.pass_by(61)
    assert world.state("a") is None
    assert not world.client.hexists(world.board._keys[3], "a")


def test_a_pickled_board_is_the_same_board(world: World) -> None:
    world.join("a")
    pickled = pickle.dumps(world.board)
    assert len(pickled) < 500
    copy = pickle.loads(pickled)
    assert (copy.name, copy.interval) == (world.board.name, 60.0)
    assert see(copy).snapshot.alive.keys() == {"a"}


def test_forgetting_the_dead(world: World) -> None:
    world.join("a")
    world.join("b")
    world.die("a")
    for who in ("a", "a", "b"):
        world.board.forget(who)
    assert (world.state("a"), world.state("b")) == (None, "alive"), "whoever lives is not forgotten"


def test_nobody_is_dead_because_the_server_was_away(world: World) -> None:
    for who in ("a", "b"):
        world.join(who)
    world.go_on(40, "a", "b")
    world.pass_by(300)
    assert world.state("a") == world.state("b") == "late"
    world.pass_by(1)
    world.report("a")
    world.pass_by(1)
    assert (world.state("a"), world.state("b")) == ("alive", "late")
    world.pass_by(0.01)
    assert (world.state("a"), world.state("b")) == ("alive", "dead")


def test_the_first_to_come_back_do_not_hide_that_the_server_was_away(world: World) -> None:
    for who in ("a", "b", "c"):
        world.join(who)
    world.pass_by(300)
    world.report("a")
    world.report("b")
    assert world.state("c") == "late"
    world.report("c")
    assert world.state("c") == "alive"


def test_after_lost_data_all_come_back_by_themselves(world: World) -> None:
    world.join("a")
    world.go_on(100, "a")
    world.client.delete(*world.board._keys)
    assert world.snapshot() == ({}, {}, {})
    assert world.report("a") == 1
    assert world.state("a") == "alive"


def test_a_look_waits_until_it_is_certain(ctx: Context, client: redis.Redis) -> None:
    board = ctx.Board(0.3)
    board._run(board._join_script, b"token", b"a")
    board._run(board._join_script, b"another", b"b")
    reports, now = board._keys[1], client.time()[0] * SECOND
    client.zadd(reports, {"": now - 60 * SECOND, "a": now - 60 * SECOND, "b": now - 60 * SECOND})
    reading = see(board)
    assert reading.snapshot.late.keys() == {"a", "b"}
    assert 0 < reading.uncertain_for < 0.31
    assert board.snapshot().dead.keys() == {"a", "b"}


def test_every_key_expires_when_it_is_idle(world: World) -> None:
    for who in ("a", "b", "c"):
        world.join(who)
    world.die("a")
    world.leave("b")
    world.go_on(60)
    assert world.state("c") == "dead"
    assert len([key for key in world.board._keys if world.client.exists(key)]) == 5
    assert all(world.client.pttl(key) > 0 for key in world.board._keys)


def test_the_list_of_the_dead_expires_also_if_nobody_was_reported_dead(world: World) -> None:
    world.join("a")
    world.go_on(60)
    assert world.state("a") == "dead"
    assert world.client.pttl(world.board._keys[2]) > 0


@given(
    phases=st.lists(st.floats(0, 1), min_size=1, max_size=6),
    ends=st.lists(st.floats(0, 300), min_size=6, max_size=6),
    outages=st.lists(st.tuples(st.floats(0, 300), st.floats(0.1, 200)), max_size=3),
    looks=st.lists(st.floats(0, 500), max_size=12),
    waits=st.lists(st.floats(0, 0.5), min_size=6, max_size=6),
)
@example(phases=[0.0, 1.0], ends=[0.0] * 6, outages=[], looks=[], waits=[0.0] * 6)  # one never reports at all
def check_outages(world: World, phases, ends, outages, looks, waits) -> None:
    """Half of the processes die at some time, and a watcher looks; the server is away now and then.

    However that falls, no living one is ever dead, and a dead one is named an interval after its last report if the
    server was there all the time.
    """
    world.client.delete(*world.board._keys)
    period, interval = world.board.timing.period, world.board.interval
    start = world.clock.now

    def served(moment: float, wait: float) -> float:
        """Return when a request that was begun at that moment gets through."""
        for begin, length in sorted(outages):
            if begin <= moment < begin + length:
                moment = begin + length + wait
        return moment

    alive = {f"p{number}": ends[number] if number % 2 else float("inf") for number in range(len(phases))}
    events: list[tuple[float, str]] = [(served(moment, 0.0), "") for moment in [*looks, *range(0, 560, 4)]]
    last: dict[str, float] = {}
    for number, phase in enumerate(phases):
        slots = (slot * period + phase * period for slot in range(-1, 14))
        who = f"p{number}"
        reports = [served(max(0.0, slot), waits[number]) for slot in slots if slot < alive[who]]
        events += [(moment, who) for moment in reports]
        if reports:
            last[who] = max(reports)
    for moment, who in sorted(events):
        world.clock.advance(round(start + moment * SECOND) - world.clock.now)
        if who:
            world.report(who)
            continue
        dead = world.snapshot().dead
        assert all(alive[each] <= moment for each in dead)
        if not outages:
            assert {each for each in last if moment > last[each] + interval + 0.01 and moment > 3} <= dead.keys()


def test_whatever_happens_no_living_one_is_dead_and_every_dead_one_is_named(world: World) -> None:
    check_outages(world)  # type: ignore[call-arg]
