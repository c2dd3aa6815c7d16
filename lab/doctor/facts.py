"""What the doctor has seen. None is what could not be seen, for want of a permission."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Clock:
    """By how many seconds a clock is ahead of the server's; the truth is within `error` of it."""

    ahead: float
    error: float


@dataclass(frozen=True)
class Versions:
    """What a host has installed."""

    python: str
    rq: str
    redis: str
    project: str


@dataclass(frozen=True)
class ServerFacts:
    """A server: what INFO and CONFIG GET say, this host's clock, and a round trip's median seconds."""

    info: Mapping[str, str] | None
    settings: Mapping[str, str] | None
    clock: Clock | None
    round_trip: float | None


@dataclass(frozen=True)
class Examined:
    """What a probe has found on a worker; `failed` is the last line of the traceback if it could not begin."""

    worker: str
    host: str
    versions: Versions | None = None
    missing: tuple[str, ...] = ()
    clock: Clock | None = None
    failed: str | None = None
