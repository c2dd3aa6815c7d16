"""The facts that the doctor collects. None stands for what the user may not see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ClockOffset:
    """By how many seconds a clock is ahead of the server's; the true value is within `error` of it."""

    ahead: float
    error: float


@dataclass(frozen=True)
class Versions:
    """The versions installed on a host."""

    python: str
    rq: str
    redis: str
    project: str


@dataclass(frozen=True)
class ServerFacts:
    """The replies to INFO and CONFIG GET, this host's clock, and the median time of a round trip in seconds.

    `needs_credentials` says whether the server refuses a client that has none; `local` whether the URL names a Unix
    socket or a loopback address.
    """

    info: Mapping[str, str] | None
    settings: Mapping[str, str] | None
    clock: ClockOffset | None
    round_trip: float | None
    needs_credentials: bool
    local: bool


@dataclass(frozen=True)
class ProbeResult:
    """What a probe found on a worker; `failed` is the last line of the traceback if it could not run."""

    worker: str
    host: str
    versions: Versions | None = None
    missing: tuple[str, ...] = ()
    clock: ClockOffset | None = None
    failed: str | None = None
