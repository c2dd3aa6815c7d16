"""An event for processes on any number of hosts."""

from __future__ import annotations

from broker.engine.handle import Handle
from broker.engine.owner import Owner
from broker.engine.watch import watch
from broker.transport.scripts import Script

SET = Script("locks/lua/set_event.lua")
CLEAR = Script("locks/lua/clear_event.lua")
READ = Script("locks/lua/read_event.lua")


class Event(Handle):
    """`multiprocessing.Event` over Redis: a flag that processes set, clear and wait for.

    Whoever was waiting when `set` was called returns True, also if `clear` follows at once, and also if its
    connection was broken at that moment: every `set` has a generation number, and a waiter compares.
    """

    _kind = "event"
    _parts = ("done",)

    def __init__(self, name: str | None = None, *, context: Owner | None = None) -> None:
        super().__init__(name, context=context)

    def _configure(self) -> None:
        self._set = SET.bind(self._keys)
        self._clear = CLEAR.bind(self._keys)
        self._look = READ.bind(self._keys)

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
        return watch(self, self._look, self._key, timeout)
