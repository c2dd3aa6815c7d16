"""The time from a signal in one process to the wake-up of others that waited for it, all idle before.

The time is that from the moment before the call that sends the signal to the moment after the waiting call has
returned, in the last waiter if there are several.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, MutableSequence, Sequence
from threading import Barrier

from rich.table import Table

from bench.figures import Measurement, Rows, Target, ratio, summary, time_table
from bench.implementations import Broker, Implementation, Manager, implementations_of, locks
from bench.server import Server
from bench.signals import BarrierSignal, ConditionSignal, EventSignal, LockSignal, RawSignal, Signal
from bench.workers import CONTEXT, start_workers

ROUNDS, QUICK_ROUNDS = 40, 8
PAUSE = (0.02, 0.12)  # seconds before a signal, at random, so that it is not in step with an implementation that polls
HAND_OFF = "hand-off of a Lock"
PARTIES = 8  # of a barrier
SETTLE = 0.2  # further seconds until the last of many waiters surely waits


def wake_times(signals: Sequence[Signal], rounds: int, processes: int = 1, threads: int = 1) -> Rows:
    """Send each signal in turn, round after round, and return how long the last waiter took to wake up."""
    waiters = processes * threads
    stamps = CONTEXT.RawArray("q", waiters)
    samples: dict[str, list[float]] = {signal.name: [] for signal in signals}
    with start_workers(processes, threads, _wait, signals, rounds, stamps) as barrier:
        endpoints = [signal.connect() for signal in signals]
        for number in range(rounds + 1):
            for signal, endpoint in zip(signals, endpoints, strict=True):
                endpoint.reset()
                barrier.wait()
                time.sleep(random.uniform(*PAUSE) + (SETTLE if waiters > 1 else 0))
                sent = endpoint.send()
                barrier.wait()
                if number:  # the first round warms up
                    samples[signal.name].append((max(stamps) - sent) / 1e3)
    return {name: summary(times) for name, times in samples.items()}


def _wait(index: int, barrier: Barrier, signals: Sequence[Signal], rounds: int, stamps: MutableSequence[int]) -> None:
    endpoints = [signal.connect() for signal in signals]
    for _ in range(rounds + 1):
        for endpoint in endpoints:
            barrier.wait()
            stamps[index] = endpoint.wait()
            endpoint.finish()
            barrier.wait()


def _handoff(server: Server, quick: bool) -> Rows:
    return wake_times(_signals(server, LockSignal, locks(server)), QUICK_ROUNDS if quick else ROUNDS)


def _semaphore(server: Server, quick: bool) -> Rows:
    signals = _signals(server, LockSignal, implementations_of(server.url, "Semaphore"))
    return wake_times(signals, QUICK_ROUNDS if quick else ROUNDS)


def _condition(server: Server, quick: bool) -> Rows:
    compared = implementations_of(server.url, "Condition")
    lock = LockSignal(Broker(server.url, "Lock", name=HAND_OFF))
    signals = [*_signals(server, ConditionSignal, compared), lock]
    return wake_times(signals, QUICK_ROUNDS if quick else ROUNDS)


def _event(server: Server, quick: bool) -> Rows:
    signals = _signals(server, EventSignal, implementations_of(server.url, "Event"))
    return wake_times(signals, QUICK_ROUNDS if quick else ROUNDS)


def _barrier(server: Server, quick: bool) -> Rows:
    signals = _signals(server, BarrierSignal, implementations_of(server.url, "Barrier", PARTIES))
    return wake_times(signals, QUICK_ROUNDS if quick else ROUNDS, processes=PARTIES - 1)


def _fan_out(server: Server, quick: bool) -> Rows:
    signals = _signals(server, EventSignal, implementations_of(server.url, "Event"))
    return wake_times(signals, QUICK_ROUNDS // 2 if quick else ROUNDS // 4, processes=8, threads=25)


def _signals(
    server: Server, kind: Callable[[Implementation], Signal], implementations: Sequence[Implementation]
) -> list[Signal]:
    return [RawSignal(server.url), *map(kind, implementations)]


def _table(rows: Rows) -> Table:
    return time_table(rows, RawSignal.name)


def _within(what: str, bound: float) -> Callable[[Rows], list[Target]]:
    return lambda rows: [Target(f"{what}: x {RawSignal.name}", ratio(rows, "broker", RawSignal.name), bound)]


def _handoff_targets(rows: Rows) -> list[Target]:
    return [
        *_within("hand-off", 1.7)(rows),
        Target(f"hand-off: x {Manager.name}", ratio(rows, "broker", Manager.name), 0.9),
        Target("hand-off: x python-redis-lock", ratio(rows, "broker", "python-redis-lock"), 0.6),
    ]


def _condition_targets(rows: Rows) -> list[Target]:
    return [Target(f"condition: x {HAND_OFF}", ratio(rows, "broker", HAND_OFF), 1.3)]


HANDOFF = Measurement("Hand-off of a lock, release to acquire", _handoff, _table, _handoff_targets)
SEMAPHORE = Measurement("Wake of one by a semaphore's release", _semaphore, _table, _within("semaphore", 1.6))
CONDITION = Measurement("Wake of one by a condition's notify", _condition, _table, _condition_targets)
EVENT = Measurement("Wake of one by an event's set", _event, _table, _within("event", 1.6))
BARRIER = Measurement("Wake of 7 by the 8th party of a barrier", _barrier, _table, _within("barrier of 8", 1.6))
FAN_OUT = Measurement("Wake of 200 by one set, until the last is awake", _fan_out, _table, _within("200 waiters", 1.6))
