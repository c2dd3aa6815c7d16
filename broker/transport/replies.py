"""Replies of the server: a parser of RESP2 that does no I/O, so that any kind of connection can use it.

See https://redis.io/docs/latest/develop/reference/protocol-spec/. What is not well-formed, or what no server sends to
the broker, raises `UnexpectedReplyError`. The bytes come from a network: no reply may cost more time or memory than its
length explains.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from broker.transport.scripts import BoundScript, Command
from broker.transport.server_errors import UnexpectedReplyError, server_error

INTEGER, ARRAY, BULK, ERROR, STATUS = b":*$-+"  # the first byte of a reply

MAX_LINE = 65536  # bytes
MAX_BULK = 1 << 32  # bytes
MAX_ELEMENTS = 1 << 24  # of one array
MAX_DEPTH = 16  # of nested arrays
MIN_INTEGER, MAX_INTEGER, MAX_DIGITS = -(1 << 63), (1 << 63) - 1, 19

SMALL_NUMBERS = {b"%d" % number: number for number in range(256)}  # looking it up is faster than parsing it

CHUNK_SIZE, MAX_CHUNK_SIZE = 65536, 1 << 20  # bytes per receive

T = TypeVar("T")

INCOMPLETE: Any = object()
"""What `ReplyParser.next` returns if more bytes are needed."""


class ReplyParser:
    """Makes replies of the bytes that it is fed.

    Integers are `int`, bulk strings `bytes`, simple strings `str` (scripts return none), arrays lists, and a null is
    None. Every byte is copied a constant number of times, in whatever pieces it arrives.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._position = 0  # where the next value begins
        self._arrays: list[tuple[list[Any], int]] = []  # incomplete ones and their lengths
        self._bulk: list[bytes] = []  # the pieces of a bulk string that is not complete, with its final CR LF
        self._missing = 0  # bytes of that bulk string

    @property
    def wanted(self) -> int:
        """How many bytes to receive next."""
        return CHUNK_SIZE if self._missing <= CHUNK_SIZE else min(self._missing, MAX_CHUNK_SIZE)

    @property
    def has_bytes(self) -> bool:
        """Whether there are bytes from which `next` has not made a reply."""
        return self._position < len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Add bytes that were received."""
        if self._missing > 0:
            self._bulk.append(data)
            self._missing -= len(data)
        elif self._position == len(self._buffer):
            self._buffer, self._position = data, 0
        else:
            self._buffer, self._position = self._buffer[self._position :] + data, 0

    def next(self) -> Any:
        """Return the next reply, or `INCOMPLETE`; raise the server's error, or `UnexpectedReplyError`."""
        while (value := self._next_value()) is not INCOMPLETE:
            while self._arrays:
                elements, length = self._arrays[-1]
                elements.append(value)
                if len(elements) < length:
                    break
                value = elements
                self._arrays.pop()
            else:
                return value
        return INCOMPLETE

    def _next_value(self) -> Any:
        """Return the next value that is not an array with elements."""
        while True:
            if self._bulk:
                return INCOMPLETE if self._missing > 0 else self._finish_bulk()
            buffer, start = self._buffer, self._position
            end = buffer.find(b"\r\n", start)
            if end < 0:
                self._check_partial_line()
                return INCOMPLETE
            kind, content = buffer[start], buffer[start + 1 : end]
            self._position = end + 2
            number = SMALL_NUMBERS.get(content)
            if kind == INTEGER:
                return self._number(content) if number is None else number
            if kind == BULK:
                if number is not None:  # the usual case, without further calls: all of it has arrived
                    start, end = end + 2, end + 2 + number
                    if buffer[end : end + 2] == b"\r\n":
                        self._position = end + 2
                        return buffer[start:end]
                length = self._length(content, MAX_BULK)
                return None if length is None else self._read_bulk(length)
            if kind != ARRAY:
                return self._text(kind, content)
            length = self._length(content, MAX_ELEMENTS) if number is None else number
            if not length:
                return length if length is None else []
            if len(self._arrays) == MAX_DEPTH:
                raise UnexpectedReplyError(content)
            self._arrays.append(([], length))

    def _read_bulk(self, length: int) -> Any:
        start, end = self._position, self._position + length
        if end + 2 <= len(self._buffer):
            if self._buffer[end : end + 2] != b"\r\n":
                raise UnexpectedReplyError(self._buffer[start:])
            self._position = end + 2
            return self._buffer[start:end]
        self._bulk = [self._buffer[start:]]
        self._missing = length + 2 - len(self._bulk[0])
        self._buffer, self._position = b"", 0
        return INCOMPLETE

    def _finish_bulk(self) -> bytes:
        pieces, excess = self._bulk, -self._missing
        self._bulk, self._missing = [], 0
        if len(pieces[-1]) < excess + 2:  # CR and LF arrived separately
            pieces[-2:] = [pieces[-2] + pieces[-1]]
        content_end = len(pieces[-1]) - excess - 2
        if pieces[-1][content_end : content_end + 2] != b"\r\n":
            raise UnexpectedReplyError(pieces[0])
        self._buffer, self._position = pieces[-1], content_end + 2
        return b"".join([*pieces[:-1], memoryview(pieces[-1])[:content_end]])

    def _text(self, kind: int, content: bytes) -> str:
        text = content.decode(errors="replace")
        if kind == ERROR and not self._arrays:
            raise server_error(text)
        if kind != STATUS:
            raise UnexpectedReplyError(bytes([kind]) + content)
        return text

    def _length(self, content: bytes, limit: int) -> int | None:
        length = self._number(content)
        if not -1 <= length <= limit:
            raise UnexpectedReplyError(content)
        return None if length == -1 else length

    def _number(self, content: bytes) -> int:
        if content.isdigit() and len(content) < MAX_DIGITS:
            return int(content)
        digits = content.removeprefix(b"-")
        if digits.isdigit() and len(digits) <= MAX_DIGITS and MIN_INTEGER <= (number := int(content)) <= MAX_INTEGER:
            return number
        raise UnexpectedReplyError(content)

    def _check_partial_line(self) -> None:
        length = len(self._buffer) - self._position
        if length > MAX_LINE or (length and self._buffer[self._position] not in b":*$-+"):
            raise UnexpectedReplyError(self._buffer[self._position :])


def may_be_reply(script: BoundScript | Command, reply: Any) -> bool:
    """Return whether this can be the reply to a script or a command: no script replies null or a simple string."""
    return (reply is not None and type(reply) is not str) or type(script) is Command


def expect(kind: type[T], reply: Any) -> T:
    """Return a reply of this type; raise `ValueError` for another one."""
    if type(reply) is not kind:
        raise ValueError(reply)
    return reply


def integer(reply: Any) -> int:
    """Return a reply that is an integer; raise `ValueError` for another one."""
    return expect(int, reply)


def string(reply: Any) -> bytes:
    """Return a reply that is a string; raise `ValueError` for another one."""
    return expect(bytes, reply)


def integers(reply: Any, count: int) -> list[int]:
    """Return a reply of so many integers; raise `ValueError` for another one."""
    if type(reply) is not list or [type(part) for part in reply] != [int] * count:
        raise ValueError(reply)
    numbers: list[int] = reply
    return numbers


def either(parse: Callable[[Any], Any], *statuses: int) -> Callable[[Any], Any]:
    """Return what returns a reply that is one of these integers, and what `parse` makes of any other one."""
    return lambda reply: reply if reply in statuses else parse(reply)


def parse_message(reply: Any) -> tuple[bytes, bytes, Any]:
    """Return the kind, channel and payload of what a subscriber received: a message, or a confirmation."""
    if type(reply) is list and len(reply) == 3:
        kind, channel, payload = reply
        if type(channel) is bytes and type(payload) is (bytes if kind == b"message" else int):
            return kind, channel, payload
    raise UnexpectedReplyError(reply)
