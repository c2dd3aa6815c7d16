"""Faults that meet an actor at a chosen request of a chosen call."""

from __future__ import annotations

from dataclasses import dataclass

KILL, PAUSE, LOSE_REPLY, STEP_CLOCK = "kill", "pause", "lose reply", "step clock"
WORK = "work"  # the call in which an actor does what the lock protects; its only point is halfway


@dataclass(frozen=True)
class Fault:
    """What happens to `who` before request `number` of its first `call` that has so many; replies are lost after it.

    `seconds` is for how long it pauses, or by how much its wall clock is set forward.
    """

    kind: str
    who: str
    call: str
    seconds: float = 0.0
    number: int = 1

    def is_at(self, kind: str, who: str, call: str, number: int) -> bool:
        """Return whether it comes there."""
        return (self.kind, self.who, self.call, self.number) == (kind, who, call, number)
