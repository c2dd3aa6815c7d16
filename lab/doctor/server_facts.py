"""Collects facts about a server, without what its ACL hides from this user."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from gettext import gettext as _
from typing import Any

import redis
from rq.utils import as_text

from broker.server.check import check_server
from broker.transport.wire import wire_factory
from jobs.exchange.client import client
from lab.doctor.facts import ClockOffset, ServerFacts
from lab.doctor.server_findings import is_loopback
from lab.errors import LabError

ROUND_TRIPS = 21  # the fastest gives the clock offset, the median the time
SETTINGS = ("appendfsync", "save", "client-output-buffer-limit", "bind", "protected-mode", "port", "tls-port")


def inspect_server(url: str) -> ServerFacts:
    """Return the facts; raise `LabError` or `broker.BrokerError` if the server cannot be used."""
    wire_factory(url)  # raises for an invalid URL
    with client(url) as connection:
        try:
            _permitted(connection.ping)
        except redis.AuthenticationError as error:
            sentence = _("the Redis server rejects the credentials ({error}); put the right ones into LAB_REDIS_URL")
            raise LabError(sentence.format(error=error)) from error
        except (redis.ConnectionError, redis.TimeoutError):
            check_server(url)  # its error says in a sentence what is wrong
            raise
        samples = _permitted(lambda: round_trips(connection))
        return ServerFacts(
            info=_permitted(lambda: _strings(connection.info())),
            settings=_settings(connection),
            clock=samples and clock_offset(samples),
            round_trip=samples and statistics.median(after - before for before, _server, after in samples),
            needs_credentials=_needs_credentials(url),
            local=_is_local(connection.connection_pool.connection_kwargs),
        )


def clock_offset(samples: list[tuple[float, float, float]]) -> ClockOffset:
    """Return the offset of this host's clock from the server's, from the fastest of several round trips."""
    before, server, after = min(samples, key=lambda sample: sample[2] - sample[0])
    return ClockOffset((before + after) / 2 - server, (after - before) / 2)


def round_trips(connection: redis.Redis, count: int = ROUND_TRIPS) -> list[tuple[float, float, float]]:
    """Return, for each round trip, this host's time before, the server's time, and this host's time after."""
    return [_round_trip(connection) for _ in range(count)]


def _needs_credentials(url: str) -> bool:
    """Return whether a client has to show a password, or a certificate; asks the server without either."""
    with client(url) as anonymous:
        options = anonymous.connection_pool.connection_kwargs
        options.update(username=None, password=None)
        try:
            return not _permitted(anonymous.ping) or bool(options.get("ssl_certfile"))
        except redis.AuthenticationError:
            return True


def _is_local(options: Mapping[str, Any]) -> bool:
    """Return whether a connection with these options is to a Unix socket or a loopback address."""
    return "path" in options or is_loopback(options.get("host", "localhost"))


def _round_trip(connection: redis.Redis) -> tuple[float, float, float]:
    before = time.time()
    seconds, micros = connection.time()
    return before, seconds + micros / 1e6, time.time()


def _settings(connection: redis.Redis) -> Mapping[str, str] | None:
    found = [_permitted(lambda name=name: connection.config_get(name)) for name in SETTINGS]  # type: ignore[misc]
    return None if None in found else {name: value for each in found for name, value in _strings(each).items()}


def _permitted(command: Callable[[], Any]) -> Any:
    try:
        return command()
    except redis.ResponseError:  # no permission, or a service that hides the command
        return None


def _strings(found: Mapping[Any, Any]) -> dict[str, str]:
    return {as_text(name): value if isinstance(value, str) else _string(value) for name, value in found.items()}


def _string(value: object) -> str:
    return as_text(value) if isinstance(value, bytes) else str(value)
