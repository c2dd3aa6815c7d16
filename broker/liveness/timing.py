"""The lengths of time that follow from a board's interval."""

from __future__ import annotations

from dataclasses import dataclass

from broker.errors import InvalidArgumentError

LONGEST = 86400.0  # seconds: the dead are listed for a day
SLACK = 10.0  # seconds by which a report may be late, at most two thirds of an interval
GRACE = 2.0  # seconds, at most an interval: longer than a heartbeat takes to find a server that is back


@dataclass(frozen=True)
class Rhythm:
    """When a heartbeat reports and a board looks, in seconds; raises `InvalidArgumentError` for a bad interval."""

    interval: float

    def __post_init__(self) -> None:
        given = self.interval
        if not isinstance(given, (int, float)) or isinstance(given, bool) or not 0 < given <= LONGEST:
            raise InvalidArgumentError(f"an interval is a number of seconds above 0, a day at most, not {given!r}")

    @property
    def slack(self) -> float:
        """By how much a report may be late."""
        return min(SLACK, self.interval * 2 / 3)

    @property
    def period(self) -> float:
        """From one report to the next."""
        return self.interval - self.slack

    @property
    def late(self) -> float:
        """The silence after which a name is late."""
        return self.interval - self.slack / 2

    @property
    def gap(self) -> float:
        """For so long the server may be away without any of the living coming too late."""
        return self.slack / 2

    @property
    def glance(self) -> float:
        """At least so often a watcher looks, and so leaves no gap, also on a busy machine."""
        return self.slack * 0.4

    @property
    def grace(self) -> float:
        """What the living are given after a gap to report again."""
        return min(GRACE, self.interval)
