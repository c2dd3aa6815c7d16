"""Seeded bugs of events."""

from __future__ import annotations

from tests.simulation.mutants.mutant import lua, python

EVENTS = (
    python(
        "a wait does not look again when it has subscribed",
        "event",
        "a flag that is set and cleared before the subscription is missed",
        "broker.engine.waiting:wait",
        "met = yield from condition.check(retry_until)\n            while",
        "met = False\n            while",
    ),
    python(
        "a wait does not compare generations",
        "event",
        "a flag that is set and cleared at once is missed",
        "broker.engine.flag_wait:_FlagCondition.check",
        "return flag or generation != self._first_generation",
        "return flag",
    ),
    lua(
        "set publishes nothing",
        "event",
        "waiters do not wake up",
        "return redis.call('PUBLISH', STATE, raised)",
        "return 1",
    ),
    lua(
        "a set of a flag that is set raises no generation after a clear",
        "event",
        "the generation stays, so a waiter that saw it before misses the set",
        "math.max((generation or 0) + 1, now)",
        "math.max(generation or 0, 1)",
    ),
)
