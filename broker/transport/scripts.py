"""The Lua scripts, and the exact bytes that call them.

A script is one atomic step; what several share stands in a file that they include. Scripts are called by hash; a server
that has forgotten them (restart, `SCRIPT FLUSH`) gets the whole text once more.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from importlib import resources


def pack(*parts: bytes) -> bytes:
    """Return a plain command as a request."""
    return b"*%d\r\n" % len(parts) + b"".join(map(_bulk, parts))


def _bulk(argument: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(argument), argument)


class Command:
    """A script bound to its keys and its first arguments, so that a call only adds the last ones."""

    __slots__ = ("_by_hash", "_by_text")

    def __init__(self, script: Script, keys: Sequence[bytes], fixed: Sequence[int]) -> None:
        start = b"*%d\r\n" % (3 + len(keys) + len(fixed) + script.arguments)
        bound = b"".join(map(_bulk, (b"%d" % len(keys), *keys, *(b"%d" % number for number in fixed))))
        self._by_hash = start + _bulk(b"EVALSHA") + _bulk(script.sha) + bound
        self._by_text = start + _bulk(b"EVAL") + _bulk(script.text) + bound

    def pack(self, *arguments: bytes) -> bytes:
        """Return the request that runs the script by its hash."""
        return self._by_hash + b"".join(map(_bulk, arguments))

    def pack_text(self, *arguments: bytes) -> bytes:
        """Return the request that also teaches the server the script."""
        return self._by_text + b"".join(map(_bulk, arguments))


class Script:
    """A Lua file, its includes put in, and how many arguments each call adds.

    `path` is relative to the package, and so is what the file includes: `-- include engine/lua/state.lua`.
    """

    __slots__ = ("arguments", "sha", "text")

    def __init__(self, path: str, arguments: int = 1) -> None:
        self.arguments = arguments
        self.text = re.sub(rb"^-- include (\S+)$", lambda line: _read(line[1].decode()), _read(path), flags=re.M)
        self.sha = hashlib.sha1(self.text, usedforsecurity=False).hexdigest().encode()

    def bind(self, keys: Sequence[bytes], *fixed: int) -> Command:
        """Return the script as a command on these keys, its first arguments fixed."""
        return Command(self, keys, fixed)


def _read(path: str) -> bytes:
    return resources.files("broker").joinpath(*path.split("/")).read_bytes()
