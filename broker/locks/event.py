"""An event for processes on any number of hosts."""

from __future__ import annotations

from broker.engine.flag_wait import parse_flag, wait_for_flag
from broker.engine.handle import INDEX_KEY, Handle
from broker.engine.holders import Waiter, parse_event_waiters
from broker.engine.operations import Client, Steps
from broker.engine.owner import Owner
from broker.transport.scripts import BoundScript, PackedKeys, Script

SET = Script("locks/lua/set_event.lua")
CLEAR = Script("locks/lua/clear_event.lua")
READ = Script("locks/lua/read_event.lua")
WAIT = Script("locks/lua/wait_event.lua", arguments=5)
READ_WAITERS = Script("locks/lua/read_event_waiters.lua")


class Event(Handle):
    """`multiprocessing.Event` over Redis: a flag that processes set, clear and wait for.

    Every process that is waiting when `set` is called returns True, even if `clear` follows at once or its connection
    is broken at that moment: each `set` raises a generation number, which waiters compare.
    """

    _kind = "event"
    _key_suffixes = ("done", "waiters")
    __slots__ = ("_clear_script", "_read_script", "_set_script", "_wait_script")

    def __init__(self, name: str | None = None, *, context: Owner | None = None) -> None:
        super().__init__(name, context=context)

    def _configure(self) -> None:
        keys = PackedKeys(self._keys)
        self._set_script = SET.bind(keys, more_keys=INDEX_KEY)
        self._clear_script = CLEAR.bind(keys, more_keys=INDEX_KEY)
        self._read_script = READ.bind(keys, more_keys=INDEX_KEY)
        self._wait_script = WAIT.bind(keys, more_keys=INDEX_KEY)

    def is_set(self) -> bool:
        """Return whether the flag is set now."""
        return self._ask(parse_flag, self._read_script)[0]

    def set(self) -> None:
        """Set the flag and wake all waiters."""
        self._run(self._set_script)

    def clear(self) -> None:
        """Clear the flag; processes that were waiting when it was set still return True."""
        self._run(self._clear_script)

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the flag is set; return True, or False if it is not set within `timeout` seconds."""
        return self._drive(lambda client: self._wait(client, timeout))

    def waiters(self) -> list[Waiter]:
        """Return who has been waiting for a second or longer, the first one first; this changes nothing.

        A waiter that was killed or interrupted is listed for up to 15 seconds.
        """
        return self._ask(parse_event_waiters, self._waiters_script)

    @property
    def _waiters_script(self) -> BoundScript:
        return READ_WAITERS.bind(self._keys, more_keys=INDEX_KEY)

    def _wait(self, client: Client, timeout: float | None) -> Steps[bool]:
        return wait_for_flag(client, self._read_script, self._key, timeout, self._wait_script)
