"""Barriers: all parties go on together, or all learn why not."""

from __future__ import annotations

import pickle
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import redis

from broker import Barrier, BrokenBarrierError, BrokerError, Context, InvalidArgumentError, MismatchError
from broker.engine.handle import INDEX
from broker.locks.arrival import ARRIVE, BREAK, LEAVE
from broker.locks.barrier import COMPLETE, READ, RESET
from broker.transport.scripts import Script
from tests.support.actors import SLACK, TIMEOUT, Actor, Actors
from tests.support.proxy import Fault, Proxy
from tests.support.server_state import run_command
from tests.support.waiting import wait_until

LONG = 60.0  # seconds: a lease that does not end within a bound
Process = Callable[[object], Actor]


def begin_wait(barrier: Barrier, parties: list[Actor], *arguments: object) -> None:
    """Let the actors wait, one after the other; return when all do."""
    for party in parties:
        place = barrier.n_waiting
        party.begin("wait", *arguments)
        wait_until(lambda: barrier.n_waiting == place + 1)  # noqa: B023 - called in this round only


def fails(party: Actor, match: str, timeout: float = SLACK) -> None:
    with pytest.raises(threading.BrokenBarrierError, match=match):
        party.result(timeout)


def test_parties_have_distinct_numbers_in_each_generation(ctx: Context, process: Process) -> None:
    barrier = ctx.Barrier(3, lease=LONG)
    parties = [process(barrier) for _ in range(3)]
    for _ in range(3):
        begin_wait(barrier, parties[:2])
        assert [each.pid for each in barrier.waiters()] == [each.pid for each in parties[:2]]
        assert parties[0].blocked(0.05)
        assert parties[2].call("wait") == 2
        assert [party.result() for party in parties[:2]] == [0, 1]
        assert (barrier.n_waiting, barrier.broken) == (0, False)
        parties.append(parties.pop(0))


def test_party_that_is_killed_breaks_the_barrier_and_is_named(ctx: Context, process: Process) -> None:
    barrier = ctx.Barrier(4, lease=1.0)
    parties = [process(barrier) for _ in range(3)]
    begin_wait(barrier, parties)
    dead = parties.pop(1)
    dead.kill()
    for party in parties:
        fails(party, rf"\w+-\d+ \(.*/{dead.pid}\) was lost while it waited", timeout=1.5 + SLACK)
    assert barrier.broken
    with pytest.raises(BrokenBarrierError, match=f"/{dead.pid}"):
        barrier.wait()
    barrier.reset()
    assert not barrier.broken


def test_party_that_pauses_for_longer_than_its_lease_breaks_the_barrier(ctx: Context, process: Process) -> None:
    barrier = ctx.Barrier(3, lease=1.0)
    paused, other = process(barrier), process(barrier)
    begin_wait(barrier, [paused, other])
    paused.signal(signal.SIGSTOP)
    fails(other, f"/{paused.pid}", timeout=1.5 + SLACK)
    paused.signal(signal.SIGCONT)
    fails(paused, f"/{paused.pid}")


def test_parties_that_live_wait_for_longer_than_their_lease(ctx: Context, process: Process) -> None:
    barrier = ctx.Barrier(2, lease=0.5)
    party = process(barrier)
    begin_wait(barrier, [party])
    assert party.blocked(1.5)
    assert barrier.wait() == 1
    assert party.result() == 0


class Steps:
    """An action that the test controls, and its barrier."""

    def __init__(self, ctx: Context, parties: int = 2, lease: float = LONG) -> None:
        self.began, self.go_on = ctx.Event(), ctx.Event()
        self.fails = False
        self.barrier = ctx.Barrier(parties, self.act, lease=lease)

    def act(self) -> None:
        self.began.set()
        self.go_on.wait()
        if self.fails:
            raise KeyError

    def wait(self) -> int:
        return self.barrier.wait()


def test_action_is_run_by_one_before_the_others_go_on(ctx: Context, process: Process) -> None:
    steps = Steps(ctx, lease=0.5)
    first, last, next_one = (process(steps) for _ in range(3))
    begin_wait(steps.barrier, [first])
    last.begin("wait")
    assert steps.began.wait()
    next_one.begin("wait")
    assert first.blocked(1.0), "the action may take longer than a lease"
    assert next_one.blocked()
    assert steps.barrier.n_waiting == 0
    steps.go_on.set()
    assert (first.result(), last.result()) == (0, 1)
    wait_until(lambda: steps.barrier.n_waiting == 1)
    assert steps.wait() == 1
    assert next_one.result() == 0


def test_party_that_came_during_the_action_arrives_as_soon_as_it_is_over(ctx: Context, process: Process) -> None:
    steps = Steps(ctx)
    first, last, next_one = (process(steps) for _ in range(3))
    begin_wait(steps.barrier, [first])
    last.begin("wait")
    assert steps.began.wait()
    next_one.begin("wait")
    wait_until(lambda: run_command(steps.barrier, b"ZCARD", steps.barrier._keys[3]) == 1)
    steps.go_on.set()
    wait_until(lambda: steps.barrier.n_waiting == 1, timeout=SLACK)
    assert next_one.blocked()


def test_action_that_fails_breaks_the_barrier(ctx: Context, process: Process) -> None:
    steps = Steps(ctx)
    steps.fails = True
    steps.go_on.set()
    first, last = process(steps), process(steps)
    begin_wait(steps.barrier, [first])
    last.begin("wait")
    with pytest.raises(KeyError):
        last.result()
    fails(first, f"the action has failed in .*/{last.pid}")
    assert steps.barrier.broken


def test_party_that_is_killed_in_the_action_breaks_the_barrier(ctx: Context, process: Process) -> None:
    steps = Steps(ctx, lease=1.0)
    first, last = process(steps), process(steps)
    begin_wait(steps.barrier, [first])
    last.begin("wait")
    assert steps.began.wait()
    last.kill()
    fails(first, f"/{last.pid}", timeout=1.5 + SLACK)


def test_timeout_breaks_the_barrier(ctx: Context, process: Process) -> None:
    barrier = ctx.Barrier(3, timeout=0.1, lease=LONG)
    first, second = process(barrier), process(barrier)
    begin_wait(barrier, [first], LONG)
    second.begin("wait")
    for party in (second, first):
        fails(party, f"/{second.pid}.* has waited for longer than its timeout")
    assert barrier.broken


def test_ctrl_c_leaves_the_barrier_to_the_others(ctx: Context, process: Process) -> None:
    barrier = ctx.Barrier(3, lease=LONG)
    first, second, third = (process(barrier) for _ in range(3))
    begin_wait(barrier, [first, second])
    first.signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        first.result()
    assert [each.pid for each in barrier.waiters()] == [second.pid]
    begin_wait(barrier, [third])
    assert barrier.wait() == 2
    assert (second.result(), third.result()) == (1, 0), "numbers are distinct"


def test_party_that_leaves_after_a_long_wait_gives_its_place_to_another(
    ctx: Context, client: redis.Redis, process: Process
) -> None:
    barrier = ctx.Barrier(3, lease=LONG)
    first, second, third = (process(barrier) for _ in range(3))
    begin_wait(barrier, [first, second])
    client.delete(*barrier._keys[6:])  # as after ten minutes
    first.signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        first.result()
    begin_wait(barrier, [third])
    assert barrier.wait() == 2
    assert (second.result(), third.result()) == (1, 0), "numbers are distinct"


@pytest.mark.parametrize(("call", "broken"), [("abort", True), ("reset", False)])
def test_abort_and_reset_wake_all(ctx: Context, process: Process, call: str, broken: bool) -> None:
    barrier = ctx.Barrier(3, lease=LONG)
    parties = [process(barrier) for _ in range(2)]
    begin_wait(barrier, parties)
    getattr(barrier, call)()
    for party in parties:
        fails(party, rf"has called {call}\(\)")
    assert barrier.broken is broken
    barrier.reset()
    begin_wait(barrier, parties)
    assert barrier.wait() == 2


@pytest.fixture
def both(proxied: Context, ctx: Context) -> tuple[Barrier, Barrier]:
    """A barrier behind the proxy, and a direct handle for it."""
    barrier = proxied.Barrier(2, list, lease=LONG)
    return barrier, ctx.Barrier(2, list, name=barrier.name, lease=LONG)


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("script", [ARRIVE, COMPLETE])
@pytest.mark.parametrize("is_last", [False, True])
def test_lost_messages_of_an_arrival(
    both: tuple[Barrier, Barrier], proxy: Proxy, actors: Actors, script: Script, fault: Fault, is_last: bool
) -> None:
    barrier, direct = both
    party, other = actors.thread(barrier), actors.thread(direct)
    for _ in range(2):
        if script is ARRIVE or is_last:
            proxy.inject(script, fault)
        first, last = (other, party) if is_last else (party, other)
        begin_wait(direct, [first])
        assert last.call("wait") == 1
        assert first.result() == 0
        assert proxy.all_injected
        assert (direct.n_waiting, direct.broken) == (0, False)
    direct.delete()


@pytest.mark.parametrize("fault", Fault)
def test_lost_messages_of_a_timeout_abort_and_reset(
    both: tuple[Barrier, Barrier], proxy: Proxy, actors: Actors, fault: Fault
) -> None:
    barrier, direct = both
    party = actors.thread(direct)
    proxy.inject(BREAK, fault)
    with pytest.raises(BrokenBarrierError, match="timeout"):
        barrier.wait(0.05)
    wait_until(lambda: proxy.all_injected and direct.broken)
    proxy.inject(RESET, fault)
    barrier.reset()
    assert not direct.broken
    begin_wait(direct, [party])
    proxy.inject(BREAK, fault)
    barrier.abort()
    fails(party, "abort")
    assert proxy.all_injected
    direct.delete()


def test_late_copies_have_no_effect(both: tuple[Barrier, Barrier], proxy: Proxy, actors: Actors) -> None:
    barrier, direct = both
    tokens: list[bytes] = []
    party, other = actors.thread(barrier), actors.thread(direct)
    for ends in (lambda: direct.wait(), direct.abort, direct.reset):
        proxy.inject(ARRIVE, Fault.LOSE_REPLY)
        begin_wait(direct, [party])
        tokens += direct._run(direct._bind_script(READ))[0][2][::2]
        ends()
        if direct.broken or ends == direct.reset:
            fails(party, "has called")
        else:
            party.result()
        direct.reset()
    for token in tokens:
        with suppress(BrokerError):  # it is refused, or answered as before
            direct._run(direct._bind_script(ARRIVE), token, b"", b"0", b"0")
        assert direct.n_waiting == 0
    begin_wait(direct, [other])
    assert direct.wait() == 1
    direct.delete()


def test_copy_of_an_arrival_is_refused_after_its_party_has_left(ctx: Context) -> None:
    barrier = ctx.Barrier(2)
    token = b"host/1/left/0:1/1"
    barrier._run(barrier._bind_script(LEAVE), token, b"", b"0")
    with pytest.raises(BrokerError, match="WITHDRAWN"):
        barrier._run(barrier._bind_script(ARRIVE), token, b"", b"0", b"0")
    assert barrier.n_waiting == 0


def test_copy_of_an_arrival_at_a_broken_barrier_does_not_arrive_after_its_reset(
    ctx: Context, client: redis.Redis
) -> None:
    barrier = ctx.Barrier(2)
    barrier.abort()
    broken = arrive(barrier, 1)
    assert broken[0] == -1
    client.delete(barrier._keys[4])  # the failures are forgotten after a day
    assert arrive(barrier, 1) == broken
    barrier.reset()
    assert arrive(barrier, 1) == broken
    assert (barrier.n_waiting, barrier.broken) == (0, False)


@pytest.mark.parametrize(("script", "arguments"), [(RESET, ()), (BREAK, (b"", b"0", b"aborted"))])
def test_copy_of_abort_or_reset_has_no_effect(
    ctx: Context, process: Process, script: Script, arguments: tuple[bytes, ...]
) -> None:
    barrier = ctx.Barrier(2)
    party, request = process(barrier), (b"host/1/other/0:1/1", *arguments)
    barrier._run(barrier._bind_script(script), *request)
    barrier.reset()
    begin_wait(barrier, [party])
    barrier._run(barrier._bind_script(script), *request)
    assert (barrier.n_waiting, barrier.broken) == (1, False)
    assert barrier.wait() == 1
    assert party.result() == 0


def test_party_that_cannot_reach_the_server_in_time_gets_an_error(both: tuple[Barrier, Barrier], proxy: Proxy) -> None:
    barrier, direct = both
    proxy.inject_always(ARRIVE, Fault.LOSE_REPLY)
    with pytest.raises(BrokenBarrierError, match="timeout"):
        barrier.wait(0.2)
    proxy.stop_injecting()
    wait_until(lambda: direct.n_waiting == 0)
    direct.delete()


def test_parties_go_on_although_their_connections_broke(
    both: tuple[Barrier, Barrier], proxy: Proxy, actors: Actors
) -> None:
    barrier, direct = both
    party = actors.thread(barrier)
    begin_wait(direct, [party])
    proxy.cut_messages()
    assert direct.wait() == 1
    proxy.stop_injecting()
    assert party.result() == 0
    direct.delete()


def test_lost_data_break_the_barrier(ctx: Context, client: redis.Redis, process: Process) -> None:
    barrier = ctx.Barrier(3, lease=1.0)
    party = process(barrier)
    begin_wait(barrier, [party])
    client.flushall()
    fails(party, "the server has lost its data", timeout=1.0 + SLACK)
    assert barrier.broken


def test_timeout_of_a_party_that_comes_during_the_action_does_not_break_it(ctx: Context, actors: Actors) -> None:
    acts, go_on = threading.Event(), threading.Event()

    def action() -> None:
        acts.set()
        go_on.wait(TIMEOUT)

    barrier = ctx.Barrier(1, action, lease=LONG)
    party = actors.thread(barrier)
    party.begin("wait")
    assert acts.wait(TIMEOUT)
    with pytest.raises(BrokenBarrierError, match="timeout"):
        barrier.wait(0.05)
    assert not barrier.broken
    go_on.set()
    assert party.result() == 0
    assert barrier.wait() == 0


@pytest.mark.parametrize("in_same_generation", [True, False])
def test_lost_arrival_breaks_the_barrier(
    ctx: Context, client: redis.Redis, actors: Actors, in_same_generation: bool
) -> None:
    """The server restarts with data that was saved before the arrival."""
    barrier = ctx.Barrier(2, lease=1.0)
    party, other = actors.thread(barrier), actors.thread(barrier)
    assert barrier.n_waiting == 0
    saved = {key: client.dump(key) for key in barrier._keys if client.exists(key)}
    if not in_same_generation:
        begin_wait(barrier, [other])
        barrier.wait()
        other.result()
    begin_wait(barrier, [party])
    with client.pipeline() as transaction:
        transaction.delete(*barrier._keys)
        for key, value in saved.items():
            transaction.restore(key, 0, value)
        transaction.execute()
    fails(party, "the server has lost its data", timeout=1.0 + SLACK)
    assert barrier.broken


def arrive(barrier: Barrier, client: int, generation: bytes = b"", place: bytes = b"0") -> Any:
    """Send the request of a party's arrival; return the reply."""
    token = b"host/1/party/%d:1/1" % client
    return barrier._run(barrier._bind_script(ARRIVE), token, generation, place, b"0")[0]


def test_lost_arrival_is_no_success_although_later_generations_are_complete(ctx: Context, client: redis.Redis) -> None:
    barrier = ctx.Barrier(2, lease=LONG)
    arrive(barrier, 1)
    saved = {key: client.dump(key) for key in barrier._keys if client.exists(key)}
    arrive(barrier, 2)
    _, generation, place, *_ = arrive(barrier, 3)
    client.delete(*barrier._keys)
    for key, value in saved.items():
        client.restore(key, 0, value)
    for number in range(4, 9):
        arrive(barrier, number)
    assert arrive(barrier, 3, b"%d" % generation, b"%d" % place) == [-1, b"data"]
    assert barrier.broken


def test_party_that_was_paused_while_many_generations_passed_has_passed_too(ctx: Context) -> None:
    barrier = ctx.Barrier(2, lease=LONG)
    _, generation, place, *_ = arrive(barrier, 0)
    for number in range(1, 200):
        arrive(barrier, number)
        state, *_ = arrive(barrier, 0, b"%d" % generation, b"%d" % place)
        assert state == 1
    assert not barrier.broken


def test_name_with_another_number_of_parties_is_refused(ctx: Context) -> None:
    barrier = ctx.Barrier(2, name="two")
    assert barrier.n_waiting == 0
    with pytest.raises(MismatchError):
        ctx.Barrier(3, name="two").wait()
    barrier.delete()


@pytest.mark.parametrize("parties", [0, -1, True, 1.5, "2"])
def test_number_of_parties_that_makes_no_sense_is_refused(ctx: Context, parties: object) -> None:
    with pytest.raises(InvalidArgumentError):
        ctx.Barrier(parties)  # type: ignore[arg-type]


def test_pickled_barrier_has_its_action_and_timeout(ctx: Context) -> None:
    barrier = ctx.Barrier(2, action=list, timeout=0.01, lease=7.0)
    same = pickle.loads(pickle.dumps(barrier))
    assert (same.parties, same._action, same.lease, same.name) == (2, list, 7.0, barrier.name)
    with pytest.raises(BrokenBarrierError, match="timeout"):
        same.wait()


def test_it_is_registered_and_its_keys_expire(ctx: Context, client: redis.Redis, process: Process) -> None:
    barrier = ctx.Barrier(2)
    begin_wait(barrier, [process(barrier)])
    assert client.zscore(INDEX, barrier._key) is not None
    assert all(client.pttl(key) > 0 for key in barrier._keys if client.exists(key))


def test_keys_of_a_barrier_for_one_party_expire(ctx: Context, client: redis.Redis) -> None:
    seen: dict[bytes, int] = {}
    barrier = ctx.Barrier(
        1, lambda: seen.update((key, client.pttl(key)) for key in barrier._keys if client.exists(key))
    )
    assert barrier.wait() == 0
    assert {barrier._key + b":waiting", barrier._key + b":leases"} <= seen.keys()
    assert min(seen.values()) > 0


def test_arrivals_are_forgotten_before_their_key_is_used_again(ctx: Context, client: redis.Redis) -> None:
    barrier = ctx.Barrier(1)
    before = client.time()[0]
    barrier.wait()
    [remaining] = [client.pttl(key) for key in barrier._keys[6:] if client.exists(key)]
    period = 300
    assert before + remaining / 1000 < (client.time()[0] // period + 2) * period
    assert remaining > (period - 1) * 1000, "longer than a request is sent again"
