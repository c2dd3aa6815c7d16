"""The cost of a managed dictionary: one get and one set of a key."""

from __future__ import annotations

from typing import Any

import broker
from bench.figures import Measurement, Rows, Target, ratio
from bench.implementations import Implementation, Lithops, Manager, RawRoundTrips
from bench.pairs import Pair, pair_times, pairs_table
from bench.server import Server


class Broker:
    """A dictionary of the broker's manager: a hash on the server."""

    name = "broker"

    def __init__(self, url: str) -> None:
        self._proxy = broker.get_context(url).Manager().dict()

    def connect(self) -> Any:
        """Return the proxy; the threads of a process share connections."""
        return self._proxy


class LithopsDict(Lithops):
    """A dictionary of lithops' manager: a hash on the server."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "Manager")
        self._primitive = self._primitive.dict()


def dictionaries(server: Server) -> list[Implementation]:
    """Return new dictionaries of all implementations, on the servers of a run."""
    return [Broker(server.url), LithopsDict(server.url), Manager(server, "dict")]


def measure(server: Server, quick: bool) -> Rows:
    """Time the dictionaries in turn, round after round."""
    return pair_times(server, quick, dictionaries(server), _pair)


def _pair(shared: Any) -> Pair:
    shared["key"] = 5

    def get_and_set() -> None:
        shared["key"] = shared["key"]

    return get_and_set


def targets(rows: Rows) -> list[Target]:
    """Return the targets for a dictionary."""
    return [
        Target("dict: x two raw round trips", ratio(rows, "broker", RawRoundTrips.name), 1.8),
        Target("dict: x SyncManager's", ratio(rows, "broker", Manager.name), 0.9),
    ]


MANAGED_DICT = Measurement("Get and set of a managed dictionary, on one core", measure, pairs_table, targets)
