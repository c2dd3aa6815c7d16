"""An event for processes on any number of hosts."""

from __future__ import annotations

from broker.engine.flag_wait import wait_for_flag
from broker.engine.handle import INDEX_KEY, Handle
from broker.engine.owner import Owner
from broker.transport.scripts import PackedKeys, Script

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
    __slots__ = ("_clear_script", "_read_script", "_set_script")

    def __init__(self, name: str | None = None, *, context: Owner | None = None) -> None:
        super().__init__(name, context=context)

    def _configure(self) -> None:
        keys = PackedKeys(self._keys)
        self._set_script = SET.bind(keys, more_keys=INDEX_KEY)
        self._clear_script = CLEAR.bind(keys, more_keys=INDEX_KEY)
        self._read_script = READ.bind(keys, more_keys=INDEX_KEY)

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
        return self._drive(lambda client: wait_for_flag(client, self._read_script, self._key, timeout))
