"""The Lua scripts, and the packed requests that run them.

Each script is one atomic step; scripts that share code include a common file. A script is called by its hash. If the
server does not know the hash (after a restart or `SCRIPT FLUSH`), the request is repeated with the full text.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Sequence
from importlib import resources


def pack_command(*parts: bytes) -> bytes:
    """Return a Redis command as a packed request."""
    return b"*%d\r\n" % len(parts) + b"".join(map(_pack_bulk, parts))


def _pack_bulk(argument: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(argument), argument)


_BULK_STARTS = [b"$%d\r\n" % length for length in range(256)]  # of arguments; looking it up is faster than formatting


def _join(parts: list[bytes], arguments: Sequence[bytes]) -> bytes:
    """Return the parts of a request, and these arguments after them."""
    for argument in arguments:
        length = len(argument)
        parts += (_BULK_STARTS[length] if length < 256 else b"$%d\r\n" % length, argument, b"\r\n")
    return b"".join(parts)


class PackedKeys:
    """Keys as a part of requests, packed once for all scripts that get them."""

    __slots__ = ("count", "packed")

    def __init__(self, keys: Sequence[bytes]) -> None:
        self.count = len(keys)
        self.packed = b"".join(map(_pack_bulk, keys))


NO_KEYS = PackedKeys(())


def _pack_start(command: bytes, script: bytes, keys: int, arguments: int) -> bytes:
    parts = (command, script, b"%d" % keys)
    return b"*%d\r\n" % (len(parts) + keys + arguments) + b"".join(map(_pack_bulk, parts))


_pack_evalsha_start = functools.partial(functools.cache(_pack_start), b"EVALSHA")  # one for each script


@functools.lru_cache(maxsize=256)
def _pack_fixed(arguments: tuple[int, ...]) -> bytes:
    return b"".join(_pack_bulk(b"%d" % value) for value in arguments)


class BoundScript:
    """A script with its keys and fixed arguments; a call only adds the remaining arguments.

    A program may have many handles, so what they have in common exists once: the start of a request for all handles of
    a kind, fixed arguments for all handles with the same options, and packed keys for all scripts of a handle.
    """

    __slots__ = ("_fixed", "_fixed_count", "_more_keys", "_script", "_start", "keys")

    def __init__(self, script: Script, keys: PackedKeys, more_keys: PackedKeys, fixed: tuple[int, ...]) -> None:
        self.keys = keys
        self._more_keys = more_keys
        self._fixed = _pack_fixed(fixed)
        self._fixed_count = len(fixed)
        self._script = script
        # The number of arguments is a part of it.
        self._start = b"" if script.arguments is None else _pack_evalsha_start(script.sha, *self._counts(()))

    @property
    def sha(self) -> bytes:
        """The hash of the script."""
        return self._script.sha

    def pack_evalsha(self, *arguments: bytes) -> bytes:
        """Return the request that runs the script by its hash."""
        start = self._start or _pack_start(b"EVALSHA", self._script.sha, *self._counts(arguments))
        return self._pack(start, arguments)

    def pack_eval(self, *arguments: bytes) -> bytes:
        """Return the request that runs the script by its text; the server then knows its hash."""
        return self._pack(_pack_start(b"EVAL", self._script.text, *self._counts(arguments)), arguments)

    def _pack(self, start: bytes, arguments: Sequence[bytes]) -> bytes:
        return _join([start, self.keys.packed, self._more_keys.packed, self._fixed], arguments)

    def _counts(self, arguments: Sequence[bytes]) -> tuple[int, int]:
        added = len(arguments) if self._script.arguments is None else self._script.arguments
        return self.keys.count + self._more_keys.count, self._fixed_count + added


class Command:
    """A Redis command, which is sent as a bound script is."""

    __slots__ = ("_packed", "_parts", "sha")

    def __init__(self, *parts: bytes) -> None:
        self.sha = b""
        self._parts = parts
        self._packed = b"".join(map(_pack_bulk, parts))

    def pack_evalsha(self, *arguments: bytes) -> bytes:
        """Return the request."""
        return _join([b"*%d\r\n" % (len(self._parts) + len(arguments)), self._packed], arguments)

    pack_eval = pack_evalsha


class Script:
    """A Lua file with its includes inserted, and the number of arguments that each call adds, None if that varies.

    `path` is relative to the package, and so are the included paths: `-- include engine/lua/state.lua`. An included
    file may include others.
    """

    __slots__ = ("arguments", "path", "sha", "text")

    def __init__(self, path: str, arguments: int | None = 1) -> None:
        self.path = path
        self.arguments = arguments
        self.text = _read(path)
        self.sha = hashlib.sha1(self.text, usedforsecurity=False).hexdigest().encode()

    def __reduce__(self) -> tuple[object, ...]:
        return _unpickle, (self.path, self.arguments)

    def bind(
        self, keys: PackedKeys | Sequence[bytes], *fixed_arguments: int, more_keys: PackedKeys = NO_KEYS
    ) -> BoundScript:
        """Return the script bound to these keys and fixed arguments; `more_keys` follow the others."""
        packed = keys if isinstance(keys, PackedKeys) else PackedKeys(keys)
        return BoundScript(self, packed, more_keys, fixed_arguments)


@functools.cache
def _unpickle(path: str, arguments: int | None) -> Script:
    return Script(path, arguments)


def _read(path: str) -> bytes:
    text = resources.files("broker").joinpath(*path.split("/")).read_bytes()
    return re.sub(rb"^ *-- include (\S+)$", lambda line: _read(line[1].decode()), text, flags=re.M)
