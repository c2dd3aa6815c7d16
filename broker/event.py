"""An event for processes on any number of hosts."""

from __future__ import annotations

import time

from broker import scripts
from broker.connection import NEVER, Connection
from broker.errors import ServerUnavailableError
from broker.handle import Handle
from broker.waiting import wait


class Event(Handle):
    """`multiprocessing.Event` over Redis: a flag that processes set, clear and wait for.

    Whoever was waiting when `set` was called returns True, also if `clear` follows at once, and also if its
    connection was broken at that moment: every `set` has a generation number, and a waiter compares.
    """

    _kind = "event"
    _parts = ("done",)

    def __init__(self, url: str, name: str) -> None:
        super().__init__(url, name)
        self._set = scripts.SET.bind(self._keys)
        self._clear = scripts.CLEAR.bind(self._keys)
        self._look = scripts.LOOK.bind(self._keys)

    def is_set(self) -> bool:
        """Return whether the flag is set now."""
        return bool(self._run(self._look)[0][0])

    def set(self) -> None:
        """Set the flag and wake everybody who waits."""
        self._run(self._set)

    def clear(self) -> None:
        """Clear the flag; those who already waited when it was set return True all the same."""
        self._run(self._clear)

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the flag is set; return True, or False if it was not within `timeout` seconds."""
        deadline = NEVER if timeout is None else time.monotonic() + timeout
        here = self._here()
        connection = here.borrow()
        watch = _Watch(self, connection)
        try:
            if watch.ask(deadline):
                return True
            return deadline > time.monotonic() and (wait(connection, watch, deadline) or watch.ask(deadline))
        except ServerUnavailableError:
            if time.monotonic() < deadline:
                raise
            return False  # a time-out is no error
        finally:
            connection.unlisten(self._key)
            here.give_back(connection)

    def __reduce__(self) -> tuple[object, ...]:
        return Event, (self._url, self.name)


class _Watch:
    """One wait for an event."""

    look_at = NEVER  # a generation stays, so there is nothing to miss that a broken connection would not report

    def __init__(self, event: Event, connection: Connection) -> None:
        self.channel = event._key
        self._event = event
        self._connection = connection
        self._generation: int | None = None  # the one at which waiting began

    def ask(self, until: float) -> bool:
        token = self._connection.token()
        (flag, generation), _ = self._event._ask(self._connection, self._event._look, token, until=until)
        if self._generation is None:
            self._generation = generation
        return bool(flag) or generation > self._generation

    def hear(self, message: bytes) -> bool:
        return int(message) > (self._generation or 0)
