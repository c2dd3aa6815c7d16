"""The times that follow from a board's interval."""

from __future__ import annotations

from dataclasses import dataclass

from broker.engine.arguments import check_duration

MIN_INTERVAL = 0.01  # seconds: a report takes a round trip
MAX_INTERVAL = 86400.0  # seconds: dead names stay on the board for a day
MAX_SLACK = 10.0  # seconds
MAX_GRACE = 2.0  # seconds: longer than a heartbeat needs to reconnect to a server that is available again


@dataclass(frozen=True)
class Timing:
    """When heartbeats report and boards are read, in seconds; raises `InvalidArgumentError` for a bad interval."""

    interval: float

    def __post_init__(self) -> None:
        checked = check_duration(self.interval, "an interval", MIN_INTERVAL, MAX_INTERVAL)
        object.__setattr__(self, "interval", checked)  # a float, of whatever type the number was

    @property
    def slack(self) -> float:
        """By how much a report may be delayed before its name is dead."""
        return min(MAX_SLACK, self.interval * 2 / 3)

    @property
    def period(self) -> float:
        """The time between two reports."""
        return self.interval - self.slack

    @property
    def late(self) -> float:
        """The time without a report after which a name is late."""
        return self.interval - self.slack / 2

    @property
    def gap(self) -> float:
        """The time for which the server may be unavailable without making any name dead."""
        return self.slack / 2

    @property
    def poll_interval(self) -> float:
        """The longest time between two reads of a watched board: shorter than a gap, even on a busy machine."""
        return self.slack * 0.4

    @property
    def grace(self) -> float:
        """The time that processes have to report again after a gap."""
        return min(MAX_GRACE, self.interval)
