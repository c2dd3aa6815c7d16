"""The stage's clock: it stands still while actors run, and jumps to the moment at which the next one can."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import ModuleType

import redis

DATABASES = 3  # of the server: each stands for a server of its own where a rung needs several
MONOTONIC_START = 1000.0  # seconds; a monotonic clock may begin anywhere

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

    @property
    def time_of_day(self) -> float:
        """Seconds since 1970."""
        return self._started + self.now

    def move_to(self, moment: float) -> None:
        """Let the time pass until then, also for the keys on the server."""
        self._server.eval(_ADVANCE, 0, round((moment - self.now) * 1000), DATABASES)
        self.now = moment

    def module(self, offset: Callable[[], float], sleep: Callable[[float], None]) -> ModuleType:
        """Return the module `time` for a process whose time of day is `offset()` seconds ahead."""
        module = ModuleType("time")
        functions = {
            "time": lambda: self.time_of_day + offset(),
            "monotonic": lambda: MONOTONIC_START + self.now,
            "perf_counter": lambda: MONOTONIC_START + self.now,
        }
        in_nanoseconds = {f"{name}_ns": lambda read=read: int(read() * 1e9) for name, read in functions.items()}
        vars(module).update(vars(time) | functions | in_nanoseconds | {"sleep": sleep})
        return module
