"""The cost of a shared value: one read and one write of it, with its lock, which nobody else wants."""

from __future__ import annotations

from typing import Any

from bench.figures import Measurement, Rows, Target, ratio
from bench.implementations import Broker, Implementation, Manager, RawRoundTrips, implementations_of
from bench.pairs import Pair, pair_times, pairs_table
from bench.server import Server

ARGUMENTS = ("i", 5)


def values(server: Server) -> list[Implementation]:
    """Return new values of all implementations, on the servers of a run."""
    return [
        *implementations_of(server.url, "Value", *ARGUMENTS),
        Broker(server.url, "RawValue", *ARGUMENTS, name="broker's RawValue"),
        Manager(server, "Value", *ARGUMENTS),
    ]


def measure(server: Server, quick: bool) -> Rows:
    """Time the values in turn, round after round."""
    return pair_times(server, quick, values(server), _pair)


def _pair(shared: Any) -> Pair:
    def read_and_write() -> None:
        shared.value = shared.value

    return read_and_write


def targets(rows: Rows) -> list[Target]:
    """Return the targets for a value."""
    return [Target("value: x two raw round trips", ratio(rows, "broker", RawRoundTrips.name), 1.8)]


VALUE = Measurement("Read and write of a value, on one core", measure, pairs_table, targets)
