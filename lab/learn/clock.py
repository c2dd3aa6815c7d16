"""The clock of virtual time: it stands still while actors run, and jumps to the moment at which the next one can."""

from __future__ import annotations

import datetime as datetime_
import time
from collections.abc import Callable
from datetime import datetime, timezone, tzinfo
from types import ModuleType
from typing import Any

import redis

DATABASES = 3  # of the server: each stands for a server of its own where a rung needs several
TOLERANCE = 0.1  # seconds that the keys on the server may age while actors run
MONOTONIC_START = 1000.0  # seconds, at most; a monotonic clock may begin anywhere, on each host elsewhere

# ARGV[1] milliseconds pass: what would have expired by then expires now.
_ADVANCE = """
for database = 0, ARGV[2] - 1 do
  redis.call('SELECT', database)
  for _, key in ipairs(redis.call('KEYS', '*')) do
    local left = redis.call('PTTL', key)
    if left >= 0 then redis.call('PEXPIRE', key, math.max(left - ARGV[1], 0)) end
  end
end
"""


class Clock:
    """Seconds since the beginning of a run."""

    def __init__(self, server: redis.Redis) -> None:
        self.now = 0.0
        self._server = server
        self._started = time.time()
        self._held = time.monotonic()  # until when the keys on the server have not aged

    @property
    def time_of_day(self) -> float:
        """Seconds since 1970."""
        return self._started + self.now

    def move_to(self, moment: float) -> None:
        """Let the time pass until then, also for the keys on the server."""
        self._age_keys(moment - self.now)
        self.now = moment

    def hold(self) -> None:
        """Let no time pass for the keys on the server, whose own clock goes on: on a busy machine, for seconds."""
        if time.monotonic() - self._held > TOLERANCE:  # to set an expiry changes a key, also for WATCH
            self._age_keys(0.0)

    def _age_keys(self, seconds: float) -> None:
        held, self._held = self._held, time.monotonic()
        aged = max(0.0, self._held - held - TOLERANCE)  # not all: what expires at a moment has expired then
        self._server.eval(_ADVANCE, 0, round((seconds - aged) * 1000), DATABASES)

    def modules(
        self, offset: Callable[[], float], sleep: Callable[[float], None], monotonic_start: float
    ) -> dict[str, ModuleType]:
        """Return the modules `time` and `datetime` for a process whose time of day is `offset()` seconds ahead."""

        def time_of_day() -> float:
            return self.time_of_day + offset()

        def monotonic() -> float:
            return monotonic_start + self.now

        def clock_gettime(clock: int) -> float:
            return time_of_day() if clock == time.CLOCK_REALTIME else monotonic()

        functions: dict[str, Callable[..., float]] = {
            "time": time_of_day,
            "monotonic": monotonic,
            "perf_counter": monotonic,
        }
        functions |= {"clock_gettime": clock_gettime}
        in_nanoseconds = {
            f"{name}_ns": lambda *clock, read=read: int(read(*clock) * 1e9) for name, read in functions.items()
        }
        of_time, of_datetime = ModuleType("time"), ModuleType("datetime")
        vars(of_time).update(vars(time) | functions | in_nanoseconds | {"sleep": sleep})
        vars(of_datetime).update(vars(datetime_) | {"datetime": _datetime_class(time_of_day)})
        return {"time": of_time, "datetime": of_datetime}


def _datetime_class(time_of_day: Callable[[], float]) -> type[datetime]:
    class VirtualDatetime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return cls.fromtimestamp(time_of_day(), tz)

        @classmethod
        def utcnow(cls) -> Any:
            return cls.now(timezone.utc).replace(tzinfo=None)

        @classmethod
        def today(cls) -> Any:
            return cls.now()

    return VirtualDatetime
