"""From opening a gate in one process to going through it in others that were waiting, idle before.

Both stamps are of the machine's one monotonic clock: the first before the call that opens, the other after the
waiting call returned, of the last waiter where there are many.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, MutableSequence, Sequence
from threading import Barrier

from rich.table import Table

from bench.contestants import Contestant, locks, of_kind
from bench.crew import CONTEXT, crew
from bench.figures import Measurement, Rows, Target, ratio, summary, time_table
from bench.gates import EventGate, Gate, LockGate, RawGate
from bench.server import Server

ROUNDS, QUICK_ROUNDS = 40, 8
PAUSE = (0.02, 0.12)  # seconds, at random, before a gate opens: whoever polls must not be met in step
SETTLE = 0.2  # seconds more until the last of many waiters surely waits


def wake_times(gates: Sequence[Gate], rounds: int, processes: int = 1, threads: int = 1) -> Rows:
    """Open each gate in turn, round after round, and return how long the last waiter took to come through."""
    waiters = processes * threads
    stamps = CONTEXT.RawArray("q", waiters)
    samples: dict[str, list[float]] = {gate.name: [] for gate in gates}
    with crew(processes, threads, _pass, gates, rounds, stamps) as barrier:
        passages = [gate.connect() for gate in gates]
        for number in range(rounds + 1):
            for gate, passage in zip(gates, passages, strict=True):
                passage.shut()
                barrier.wait()
                time.sleep(random.uniform(*PAUSE) + (SETTLE if waiters > 1 else 0))
                opened = time.monotonic_ns()
                passage.open()
                barrier.wait()
                if number:  # the first round warms up
                    samples[gate.name].append((max(stamps) - opened) / 1e3)
    return {name: summary(times) for name, times in samples.items()}


def _pass(index: int, barrier: Barrier, gates: Sequence[Gate], rounds: int, stamps: MutableSequence[int]) -> None:
    passages = [gate.connect() for gate in gates]
    for _ in range(rounds + 1):
        for passage in passages:
            barrier.wait()
            passage.wait()
            stamps[index] = time.monotonic_ns()
            passage.leave()
            barrier.wait()


def _handoff(server: Server, quick: bool) -> Rows:
    return wake_times(_gates(server, LockGate, locks(server.url)), QUICK_ROUNDS if quick else ROUNDS)


def _semaphore(server: Server, quick: bool) -> Rows:
    return wake_times(_gates(server, LockGate, of_kind(server.url, "Semaphore")), QUICK_ROUNDS if quick else ROUNDS)


def _event(server: Server, quick: bool) -> Rows:
    return wake_times(_gates(server, EventGate, of_kind(server.url, "Event")), QUICK_ROUNDS if quick else ROUNDS)


def _fan_out(server: Server, quick: bool) -> Rows:
    gates = _gates(server, EventGate, of_kind(server.url, "Event"))
    return wake_times(gates, QUICK_ROUNDS // 2 if quick else ROUNDS // 4, processes=8, threads=25)


def _gates(server: Server, kind: Callable[[Contestant], Gate], contestants: Sequence[Contestant]) -> list[Gate]:
    return [RawGate(server.url), *map(kind, contestants)]


def _table(rows: Rows) -> Table:
    return time_table(rows, RawGate.name)


def _within(what: str, bound: float) -> Callable[[Rows], list[Target]]:
    return lambda rows: [Target(f"{what}: x {RawGate.name}", ratio(rows, "broker", RawGate.name), bound)]


def _handoff_targets(rows: Rows) -> list[Target]:
    return [
        *_within("hand-off", 1.6)(rows),
        Target("hand-off: x python-redis-lock", ratio(rows, "broker", "python-redis-lock"), 0.6),
    ]


HANDOFF = Measurement("Hand-off of a lock, release to acquire", _handoff, _table, _handoff_targets)
SEMAPHORE = Measurement("Wake of one by a semaphore's release", _semaphore, _table, _within("semaphore", 1.6))
EVENT = Measurement("Wake of one by an event's set", _event, _table, _within("event", 1.6))
FAN_OUT = Measurement("Wake of 200 by one set, until the last is awake", _fan_out, _table, _within("200 waiters", 1.6))
