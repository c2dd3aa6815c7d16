"""Requests as they are sent: with the virtual time instead of the server's, and as the learner reads them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from gettext import gettext as _
from gettext import pgettext
from typing import Any, TypeAlias

Request: TypeAlias = "tuple[Any, ...]"

# In the server, TIME is not the virtual time: inside a script, this answers instead.
_TIME = (
    "local server = redis local function timed(call) return function(name, ...) "
    "if string.upper(name) == 'TIME' then return {{'{0}', '{1}'}} end return server[call](name, ...) end end "
    "local redis = setmetatable({{call = timed('call'), pcall = timed('pcall')}}, {{__index = server}}) "
)
_BLOCKS_LAST = {"BLPOP", "BRPOP", "BRPOPLPUSH", "BLMOVE", "BZPOPMIN", "BZPOPMAX"}  # the timeout is the last argument
_BLOCKS = {"XREAD", "XREADGROUP"}  # the timeout follows BLOCK, in milliseconds
FOREVER = float("inf")
MAX_ARGUMENT = 24  # characters of an argument that are shown


class Scripts:
    """The scripts that were sent, so that EVALSHA, too, can be sent with the virtual time."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def with_time(self, request: Request, now: float) -> Request:
        """Return the request, so that what it reads of the time is `now`, in seconds since 1970."""
        seconds, microseconds = int(now), int(now % 1 * 1e6)
        name = command(request)
        if name == "TIME":
            return ("EVAL", f"return {{'{seconds}', '{microseconds}'}}", 0)
        if name == "SCRIPT" and len(request) > 1:  # redis-py sends `SCRIPT LOAD` as one word
            self._remember(str(request[-1]))
        if name == "EVALSHA" and str(request[1]) in self._texts:
            name, request = "EVAL", ("EVAL", self._texts[str(request[1])], *request[2:])
        if name == "EVAL":
            self._remember(str(request[1]))
            return ("EVAL", _with_prefix(_TIME.format(seconds, microseconds), str(request[1])), *request[2:])
        return request

    def _remember(self, text: str) -> None:
        self._texts[hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()] = text


def _with_prefix(prefix: str, script: str) -> str:
    """Return the script after the prefix; a line such as `#!lua` stays the first."""
    if not script.startswith("#!"):
        return prefix + script
    first, _newline, rest = script.partition("\n")
    return f"{first}\n{prefix}{rest}"


def command(request: Request) -> str:
    """Return the name of a request's command."""
    return str(request[0]).split()[0].upper()


def without_timeout(request: Request) -> tuple[Request, float | None]:
    """Return a request that blocks forever, and for how many seconds it was to block; None if it does not block."""
    name = command(request)
    if name in _BLOCKS_LAST:
        return (*request[:-1], 0), float(request[-1]) or FOREVER
    options = [(each.decode(errors="replace") if isinstance(each, bytes) else str(each)).upper() for each in request]
    if name in _BLOCKS and "BLOCK" in options:
        place = options.index("BLOCK") + 1
        return (*request[:place], 0, *request[place + 1 :]), float(request[place]) / 1000 or FOREVER
    return request, None


def describe(request: Request, tokens: Tokens, who: str) -> str:
    """Return a request as it is shown: a script as such, long values as whose they are."""
    name, arguments = str(request[0]).upper(), list(request[1:])
    if name in _BLOCKS_LAST:
        del arguments[-1]
    if name in ("EVAL", "EVALSHA"):
        arguments = [_("script"), *arguments[2:]]
    return " ".join([name, *(tokens.describe(argument, who) for argument in arguments)])


class Tokens:
    """Long random values, called by the name of the actor that was the first to send them."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def describe(self, value: object, who: str | None = None) -> str:
        """Return a value as it is shown; `who` sends it, or None if the server does."""
        text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        if len(text) >= 16 and any(letter.isdigit() for letter in text) and who and text not in self._names:
            count = self._counts[who] = self._counts.get(who, 0) + 1
            name = _("<{who}'s token>") if count == 1 else _("<{who}'s token {count}>")
            self._names[text] = name.format(who=who, count=count)
        return self._names.get(text, text if len(text) <= MAX_ARGUMENT else text[: MAX_ARGUMENT - 1] + "…")

    def describe_reply(self, reply: object) -> str:
        """Return a reply as it is shown."""
        if reply is None:
            return pgettext("reply", "nothing")
        if isinstance(reply, Sequence) and not isinstance(reply, (str, bytes)):
            return f"[{', '.join(map(self.describe_reply, reply))}]"
        return self.describe(reply)
