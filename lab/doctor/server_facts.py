"""Looks at a server; what an ACL user may not see is left out."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import redis
from rq.utils import as_text

from broker.server.check import check_server
from broker.transport.wire import wire_factory
from jobs.exchange.client import client
from lab.doctor.facts import Clock, ServerFacts
from lab.errors import LabError

ROUNDS = 21  # round trips, of which the quickest tells the clocks and the median the time
SETTINGS = ("appendfsync", "save", "client-output-buffer-limit")


def examine_server(url: str) -> ServerFacts:
    """Return what can be seen; raise `LabError` or `broker.BrokerError` if the server cannot be looked at."""
    wire_factory(url)  # raises for what is no URL
    with client(url) as connection:
        try:
            _permitted(connection.ping)
        except redis.AuthenticationError as error:
            raise LabError(
                f"the Redis server wants other credentials ({error}); put them into LAB_REDIS_URL"
            ) from error
        except (redis.ConnectionError, redis.TimeoutError):
            check_server(url)  # says in a sentence what is wrong
            raise
        told = _permitted(lambda: trips(connection))
        return ServerFacts(
            info=_permitted(lambda: _strings(connection.info())),
            settings=_settings(connection),
            clock=told and clock(told),
            round_trip=told and statistics.median(after - before for before, _, after in told),
        )


def clock(told: list[tuple[float, float, float]]) -> Clock:
    """Return how this host's clock stands to the server's, by the quickest of several round trips."""
    before, server, after = min(told, key=lambda trip: trip[2] - trip[0])
    return Clock((before + after) / 2 - server, (after - before) / 2)


def trips(connection: redis.Redis, rounds: int = ROUNDS) -> list[tuple[float, float, float]]:
    """Return for each round trip this host's time before, the server's time, and this host's time after."""
    return [_trip(connection) for _ in range(rounds)]


def _trip(connection: redis.Redis) -> tuple[float, float, float]:
    before = time.time()
    seconds, micros = connection.time()
    return before, seconds + micros / 1e6, time.time()


def _settings(connection: redis.Redis) -> Mapping[str, str] | None:
    found = [_permitted(lambda name=name: connection.config_get(name)) for name in SETTINGS]  # type: ignore[misc]
    return None if None in found else {name: value for each in found for name, value in _strings(each).items()}


def _permitted(look: Callable[[], Any]) -> Any:
    try:
        return look()
    except redis.ResponseError:  # no permission, or a service that hides the command
        return None


def _strings(found: Mapping[Any, Any]) -> dict[str, str]:
    return {as_text(name): value if isinstance(value, str) else _string(value) for name, value in found.items()}


def _string(value: object) -> str:
    return as_text(value) if isinstance(value, bytes) else str(value)
