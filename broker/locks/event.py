"""An event for processes on any number of hosts."""

from __future__ import annotations

from broker.engine.flag_wait import wait_for_flag
from broker.engine.handle import INDEX, Handle
from broker.engine.owner import Owner
from broker.transport.scripts import Script

SET = Script("locks/lua/set_event.lua")
CLEAR = Script("locks/lua/clear_event.lua")
READ = Script("locks/lua/read_event.lua")


class Event(Handle):
    """`multiprocessing.Event` over Redis: a flag that processes set, clear and wait for.

    Every process that is waiting when `set` is called returns True, even if `clear` follows at once or its connection
    is broken at that moment: each `set` raises a generation number, which waiters compare.
    """

    _kind = "event"
    _key_suffixes = ("done",)

    def __init__(self, name: str | None = None, *, context: Owner | None = None) -> None:
        super().__init__(name, context=context)

    def _configure(self) -> None:
        indexed = (*self._keys, INDEX)
        self._set_script = SET.bind(indexed)
        self._clear_script = CLEAR.bind(indexed)
        self._read_script = READ.bind(indexed)

    def is_set(self) -> bool:
        """Return whether the flag is set now."""
        return bool(self._run(self._read_script)[0][0])

    def set(self) -> None:
        """Set the flag and wake all waiters."""
        self._run(self._set_script)

    def clear(self) -> None:
        """Clear the flag; processes that were waiting when it was set still return True."""
        self._run(self._clear_script)

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the flag is set; return True, or False if it is not set within `timeout` seconds."""
        return wait_for_flag(self, self._read_script, self._key, timeout)
