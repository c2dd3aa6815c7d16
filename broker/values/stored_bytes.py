"""Bytes on the server: what a value or an array is there, and how processes read and change them."""

from __future__ import annotations

import contextlib
import functools
import struct
from collections.abc import Callable
from typing import Any, Protocol

from broker.engine.expiring_handle import ExpiringHandle
from broker.engine.handle import INDEX_KEY
from broker.engine.owner import Owner
from broker.errors import BrokerError, MismatchError
from broker.transport.replies import integer
from broker.transport.scripts import BoundScript, PackedKeys, Script

CREATE = Script("values/lua/create.lua", arguments=3)
READ = Script("values/lua/read.lua", arguments=5)
WRITE = Script("values/lua/write.lua", arguments=5)
WRITE_PIECES = Script("values/lua/write_pieces.lua", arguments=7)
ADD = Script("values/lua/add.lua", arguments=6)

LOST = -1  # the reply if the bytes are no longer there, see values/lua/stored_bytes.lua
NO_PERMIT = b""


class Memory(Protocol):
    """Where the bytes of a value or an array are, as it reads and changes them."""

    @property
    def stored(self) -> StoredBytes:
        """The bytes, without a lock."""

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset` on."""

    def write(self, offset: int, data: bytes) -> None:
        """Write bytes at `offset`."""

    def write_pieces(self, offset: int, data: bytes, size: int, distance: int) -> None:
        """Write pieces of `size` bytes: the first one at `offset`, each of the others `distance` behind the last."""

    def add(self, offset: int, number_format: bytes, addend: bytes) -> bytes:
        """Add to a number; the arguments and the result are those of add.lua."""

    def exclusive(self) -> contextlib.AbstractContextManager[Memory]:
        """Hold the lock, if there is one, for an access that takes several requests; what it enters makes them."""


class StoredBytes(ExpiringHandle):
    """The bytes of a value or an array, under a name.

    They are created by the first handle, and only by it. If the server loses them, every later access raises
    `DataLostError`, also when bytes of that name have been created again since: none reads a zero that nobody wrote.
    """

    _key_suffixes = ("bytes",)
    __slots__ = ("_add_script", "_created", "_read_script", "_write_script")

    def __init__(
        self, name: str | None, size: int, description: str, initial: bytes, *, context: Owner | None = None
    ) -> None:
        super().__init__(name, context=context)
        create = CREATE.bind(self._keys, more_keys=INDEX_KEY)
        self._bind_scripts(self._ask(integer, create, b"%d" % size, description.encode(), initial))

    def _bind_scripts(self, created: int) -> None:
        self._created = created  # when these bytes were created, by the server's clock
        self._read_script, self._write_script, self._add_script = self.scripts()

    def scripts(self, *more_keys: bytes) -> tuple[BoundScript, BoundScript, BoundScript]:
        """Return what reads, writes and adds; with the key of a lock, what does so under that lock."""
        keys = PackedKeys((*self._keys, *more_keys))
        read, write, add = (each.bind(keys, self._created, more_keys=INDEX_KEY) for each in (READ, WRITE, ADD))
        return read, write, add

    def pieces_script(self, write_script: BoundScript) -> BoundScript:
        """Return what writes pieces where one of the `scripts` writes."""
        return WRITE_PIECES.bind(write_script.keys, self._created, more_keys=INDEX_KEY)

    @property
    def stored(self) -> StoredBytes:
        """The bytes themselves."""
        return self

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset` on."""
        arguments = b"%d" % offset, b"%d" % (offset + size - 1)
        data: bytes = self.access(sized(size, LOST), self._read_script, NO_PERMIT, *arguments)
        return data

    def write(self, offset: int, data: bytes) -> None:
        """Write bytes at `offset`."""
        self.access(integer, self._write_script, NO_PERMIT, b"%d" % offset, data)

    def write_pieces(self, offset: int, data: bytes, size: int, distance: int) -> None:
        """Write pieces of `size` bytes: the first one at `offset`, each of the others `distance` behind the last."""
        arguments = b"%d" % offset, data, b"%d" % size, b"%d" % distance
        self.access(integer, self.pieces_script(self._write_script), NO_PERMIT, *arguments)

    def add(self, offset: int, number_format: bytes, addend: bytes) -> bytes:
        """Add to a number; the arguments and the result are those of add.lua."""
        arguments = b"%d" % offset, number_format, addend
        parse = sized(sum_size(number_format, addend), LOST)
        total: bytes = self.access(parse, self._add_script, NO_PERMIT, *arguments)
        return total

    def exclusive(self) -> contextlib.AbstractContextManager[Memory]:
        """Lock nothing."""
        return contextlib.nullcontext(self)

    def access(self, parse: Callable[[Any], Any], script: BoundScript, permit: bytes, *arguments: bytes) -> Any:
        """Run one of the `scripts`; return what `parse`, which accepts `LOST`, makes of its reply.

        Raises `DataLostError` if the bytes are no longer there.
        """
        reply = self._ask_at_once(parse, script, (self._may_renew(), permit, *arguments), has_token=True)
        if reply == LOST:
            raise self._data_lost()
        return reply

    def __getstate__(self) -> tuple[Any, ...]:
        return (*super().__getstate__(), self._created)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        *inherited, created = state
        super().__setstate__(tuple(inherited))
        self._bind_scripts(created)

    def _translate_error(self, error: Any) -> BrokerError:
        code, _, existing = str(error).partition(" ")
        if code == "MISMATCH":
            return MismatchError(f"{self!r} already exists with the type {existing}; use that type, or another name")
        return super()._translate_error(error)


@functools.lru_cache(maxsize=256)
def sized(size: int, *statuses: int) -> Callable[[Any], Any]:
    """Return what parses a reply of so many bytes, or one that is one of these integers."""

    def parse(reply: Any) -> Any:
        if type(reply) is bytes and len(reply) == size:
            return reply
        if type(reply) is int and reply in statuses:
            return reply
        raise ValueError(reply)

    return parse


def sum_size(number_format: bytes, addend: bytes) -> int:
    """Return the size of the reply to these arguments of add.lua."""
    return struct.calcsize(number_format) or len(addend)  # the format of an integer is only its byte order


class StoredValue(StoredBytes):
    """The bytes of a value."""

    _kind = "value"

    def __repr__(self) -> str:
        return f"<Value {self._name!r}>"


class StoredArray(StoredBytes):
    """The bytes of an array."""

    _kind = "array"

    def __repr__(self) -> str:
        return f"<Array {self._name!r}>"
