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
    """A script whose keys and fixed arguments are packed in advance; a call only adds the remaining arguments."""

    __slots__ = ("_eval_prefix", "_evalsha_prefix", "sha")

    def __init__(self, script: Script, keys: Sequence[bytes], fixed_arguments: Sequence[int]) -> None:
        self.sha = script.sha
        start = b"*%d\r\n" % (3 + len(keys) + len(fixed_arguments) + script.arguments)
        bound = b"".join(map(_pack_bulk, (b"%d" % len(keys), *keys, *(b"%d" % value for value in fixed_arguments))))
        self._evalsha_prefix = start + _pack_bulk(b"EVALSHA") + _pack_bulk(script.sha) + bound
        self._eval_prefix = start + _pack_bulk(b"EVAL") + _pack_bulk(script.text) + bound

    def pack_evalsha(self, *arguments: bytes) -> bytes:
        """Return the request that runs the script by its hash."""
        return self._evalsha_prefix + b"".join(map(_pack_bulk, arguments))

    def pack_eval(self, *arguments: bytes) -> bytes:
        """Return the request that runs the script by its text; the server then knows its hash."""
        return self._eval_prefix + b"".join(map(_pack_bulk, arguments))


class Script:
    """A Lua file with its includes inserted, and the number of arguments that each call adds.

    `path` is relative to the package, and so are the included paths: `-- include engine/lua/state.lua`.
    """

    __slots__ = ("arguments", "sha", "text")

    def __init__(self, path: str, arguments: int = 1) -> None:
        self.arguments = arguments
        self.text = re.sub(rb"^-- include (\S+)$", lambda line: _read(line[1].decode()), _read(path), flags=re.M)
        self.sha = hashlib.sha1(self.text, usedforsecurity=False).hexdigest().encode()

    def bind(self, keys: Sequence[bytes], *fixed_arguments: int) -> BoundScript:
        """Return the script bound to these keys and fixed arguments."""
        return BoundScript(self, keys, fixed_arguments)


def _read(path: str) -> bytes:
    return resources.files("broker").joinpath(*path.split("/")).read_bytes()
