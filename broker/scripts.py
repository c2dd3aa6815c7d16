"""The Lua scripts, and the exact bytes that call them.

A script is one atomic step; what several share stands in a file that they include. Scripts are called by hash; a server
that has forgotten them (restart, `SCRIPT FLUSH`) gets the whole text once more.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from importlib import resources

Argument = bytes | int


def _bulk(argument: Argument) -> bytes:
    value = argument if isinstance(argument, bytes) else b"%d" % argument
    return b"$%d\r\n%b\r\n" % (len(value), value)


class Command:
    """A script bound to its keys and to the arguments that never change, so that a call only adds the rest."""

    __slots__ = ("_arguments", "_name", "_tail", "_text")

    def __init__(self, script: Script, keys: Sequence[bytes], fixed: Sequence[Argument]) -> None:
        self._name = b"$7\r\nEVALSHA\r\n" + _bulk(script.sha)
        self._text = b"$4\r\nEVAL\r\n" + _bulk(script.text)
        self._tail = b"".join(map(_bulk, (len(keys), *keys, *fixed)))
        self._arguments = 3 + len(keys) + len(fixed)

    def pack(self, *arguments: Argument) -> bytes:
        """Return the request that runs the script by its hash."""
        return self._pack(self._name, arguments)

    def pack_text(self, *arguments: Argument) -> bytes:
        """Return the request that also teaches the server the script."""
        return self._pack(self._text, arguments)

    def _pack(self, head: bytes, arguments: tuple[Argument, ...]) -> bytes:
        count = b"*%d\r\n" % (self._arguments + len(arguments))
        return b"".join((count, head, self._tail, *map(_bulk, arguments)))


class Script:
    """One file of `broker/lua`, its includes put in."""

    __slots__ = ("sha", "text")

    def __init__(self, name: str) -> None:
        self.text = re.sub(rb"^-- include (\w+)$", lambda line: _read(line[1].decode()), _read(name), flags=re.M)
        self.sha = hashlib.sha1(self.text, usedforsecurity=False).hexdigest().encode()

    def bind(self, keys: Sequence[bytes], *fixed: Argument) -> Command:
        """Return the script as a command on these keys, its first arguments fixed."""
        return Command(self, keys, fixed)


def _read(name: str) -> bytes:
    return (resources.files(__package__) / "lua" / f"{name}.lua").read_bytes()


ACQUIRE, RELEASE, RENEW, ADD, VALUE = map(Script, ("acquire", "release", "renew", "add", "value"))
SET, CLEAR, LOOK = map(Script, ("set", "clear", "look"))
