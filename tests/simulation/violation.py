"""What a check finds, and what excuses a process."""

from __future__ import annotations

from dataclasses import dataclass

from tests.simulation.history import Entry, Happened

SLACK = 0.1  # seconds for messages and requests without faults
REACTION = 12.0  # seconds for which a fault has effects: two lost replies, and what is retried then


@dataclass(frozen=True)
class Violation:
    """What is wrong, and since when."""

    check: str
    time: float
    text: str

    def __str__(self) -> str:
        return f"{self.check} at {self.time:.6f}: {self.text}"


class Disturbances:
    """Until when faults have an effect on a process: those of a host or of the server, on all processes.

    An effect lasts for the fault itself and `reaction` seconds; an interrupt has none but what it says.
    """

    def __init__(self, reaction: float) -> None:
        self._reaction = reaction
        self._until: dict[int | None, float] = {}

    def follow(self, entry: Entry) -> None:
        """Process an entry of the history."""
        if isinstance(entry, Happened) and entry.kind not in ("calm", "interrupt", "interrupt twice"):
            process = None if entry.kind in ("cut", "slow") else entry.process
            until = entry.time + entry.duration + self._reaction
            self._until[process] = max(self._until.get(process, 0.0), until)

    def are_over(self, process: int, time: float) -> bool:
        """Return whether no fault has an effect on the process at that time or later."""
        return all(time > self._until.get(each, 0.0) for each in (None, process))
