"""The Lua scripts, and the packed requests that run them.

Each script is one atomic step; scripts that share code include a common file. A script is called by its hash. If the
server does not know the hash (after a restart or `SCRIPT FLUSH`), the request is repeated with the full text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from importlib import resources


def pack_command(*parts: bytes) -> bytes:
    """Return a Redis command as a packed request."""
    return b"*%d\r\n" % len(parts) + b"".join(map(_pack_bulk, parts))


def _pack_bulk(argument: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(argument), argument)


class BoundScript:
    """A script with its keys and fixed arguments, which are packed once; a call only adds the remaining arguments.

    They are packed at the first call: many handles use few of their scripts.
    """

    __slots__ = ("_fixed_arguments", "_keys", "_prefix", "_script", "sha")

    def __init__(self, script: Script, keys: Sequence[bytes], fixed_arguments: Sequence[int]) -> None:
        self.sha = script.sha
        self._script = script
        self._keys = keys
        self._fixed_arguments = fixed_arguments
        self._prefix: bytes | None = None

    def pack_evalsha(self, *arguments: bytes) -> bytes:
        """Return the request that runs the script by its hash."""
        if self._prefix is None:
            self._prefix = self._pack(b"EVALSHA", self.sha)
        return self._prefix + b"".join(map(_pack_bulk, arguments))

    def pack_eval(self, *arguments: bytes) -> bytes:
        """Return the request that runs the script by its text; the server then knows its hash."""
        return self._pack(b"EVAL", self._script.text) + b"".join(map(_pack_bulk, arguments))

    def _pack(self, command: bytes, script: bytes) -> bytes:
        fixed = (b"%d" % value for value in self._fixed_arguments)
        start = (command, script, b"%d" % len(self._keys), *self._keys, *fixed)
        return b"*%d\r\n" % (len(start) + self._script.arguments) + b"".join(map(_pack_bulk, start))


class Script:
    """A Lua file with its includes inserted, and the number of arguments that each call adds.

    `path` is relative to the package, and so are the included paths: `-- include engine/lua/state.lua`. An included
    file may include others.
    """

    __slots__ = ("arguments", "sha", "text")

    def __init__(self, path: str, arguments: int = 1) -> None:
        self.arguments = arguments
        self.text = _read(path)
        self.sha = hashlib.sha1(self.text, usedforsecurity=False).hexdigest().encode()

    def bind(self, keys: Sequence[bytes], *fixed_arguments: int) -> BoundScript:
        """Return the script bound to these keys and fixed arguments."""
        return BoundScript(self, keys, fixed_arguments)


def _read(path: str) -> bytes:
    text = resources.files("broker").joinpath(*path.split("/")).read_bytes()
    return re.sub(rb"^ *-- include (\S+)$", lambda line: _read(line[1].decode()), text, flags=re.M)
