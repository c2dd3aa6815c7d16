"""A pipe whose ends both live survives an outage of the server, or the loss of its data, of any length."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from broker import Context
from broker.messages import pipe, pipe_ends
from broker.server.private_server import PrivateServer
from tests.support.actors import Actors
from tests.support.fake_clock import SECOND, ScriptHarness, with_fake_clock
from tests.support.server_state import count_waiters
from tests.support.servers import Server
from tests.support.waiting import wait_until

OPEN, CLOSE, REMAINING = map(with_fake_clock, (pipe_ends.OPEN_END, pipe_ends.CLOSE_END, pipe_ends.REMAINING_OPEN))
KEYS = [[b"{test}0", b"{test}0:gone"], [b"{test}1", b"{test}1:gone"]]  # of each end
LEASE = 5 * SECOND
ASKING, OTHER = 0, 1


class EndsHarness(ScriptHarness):
    """The scripts of a pipe's two ends, each open in one process."""

    def open(self, end: int, renews: bool = False) -> None:
        self.clients[end].run(OPEN.bind(KEYS[end], LEASE, int(renews)), self.tokens[end])

    def close_end(self, end: int) -> None:
        self.clients[end].run(CLOSE.bind(KEYS[end]), self.tokens[end])

    def remaining(self) -> int:
        """Return for how long the other end is certain to stay open, in microseconds."""
        script = REMAINING.bind([KEYS[OTHER][0], *KEYS[ASKING]], LEASE)
        return int(self.clients[ASKING].run(script, self.tokens[ASKING]))

    def pass_time(self, seconds: int) -> None:
        """Let time pass in which the process that asks renews its lease."""
        for _ in range(seconds):
            self.clock.advance(SECOND)
            self.open(ASKING, renews=True)


@pytest.fixture
def ends(server: PrivateServer, client: redis.Redis) -> Iterator[EndsHarness]:
    harness = EndsHarness(server.url, client)
    for end in (ASKING, OTHER):
        harness.open(end)
    yield harness
    harness.close()


def test_end_of_a_killed_process_is_closed_when_its_lease_expires(ends: EndsHarness) -> None:
    ends.pass_time(4)
    assert ends.remaining() == SECOND
    ends.pass_time(1)
    assert ends.remaining() == 0


def test_end_that_is_closed_counts_as_closed_at_once(ends: EndsHarness) -> None:
    ends.close_end(OTHER)
    assert ends.remaining() == 0


@pytest.mark.parametrize("data_is_lost", [False, True])
def test_end_stays_open_across_an_outage(ends: EndsHarness, client: redis.Redis, data_is_lost: bool) -> None:
    ends.clock.advance(7 * SECOND)
    if data_is_lost:
        client.delete(*KEYS[0], *KEYS[1])
    assert ends.remaining() > 0, "nobody has been able to renew a lease"
    ends.open(ASKING, renews=True)
    assert ends.remaining() > LEASE // 2, "the other process still gets some time"
    ends.clock.advance(SECOND)
    ends.open(OTHER, renews=True)
    assert ends.remaining() == LEASE


def test_end_of_a_process_that_is_killed_in_an_outage_is_closed_after_it(ends: EndsHarness) -> None:
    ends.clock.advance(7 * SECOND)
    ends.pass_time(4)
    assert ends.remaining() > 0
    ends.pass_time(3)
    assert ends.remaining() == 0


def test_pipe_goes_on_after_a_restart_without_data(volatile_server: Server, actors: Actors) -> None:
    with Context(volatile_server.url) as ctx:
        sender, receiver = ctx.Pipe()
        waiting = actors.thread(receiver)
        waiting.begin("recv")
        wait_until(lambda: count_waiters(receiver._inbox) == 1)
        volatile_server.kill()
        volatile_server.start()
        sender.send("x")
        assert waiting.result() == "x"


def test_receiver_waits_for_the_server_for_longer_than_the_other_end_is_certain_to_stay_open(
    durable_server: Server, actors: Actors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipe, "END_LEASE", 0.1)  # seconds; the receiver asks that often whether the other end is open
    with Context(durable_server.url) as ctx:
        sender, receiver = ctx.Pipe()
        waiting = actors.thread(receiver)
        waiting.begin("recv")
        wait_until(lambda: count_waiters(receiver._inbox) == 1)
        durable_server.kill()
        assert waiting.blocked(1.0)
        durable_server.start()
        sender.send("x")
        assert waiting.result() == "x"
