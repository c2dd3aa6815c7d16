"""RESP2, as a server sends it."""

from __future__ import annotations

from typing import Any


def encode(value: Any) -> bytes:
    """Return a reply as bytes."""
    if isinstance(value, list):
        return b"*%d\r\n" % len(value) + b"".join(map(encode, value))
    if value is None:
        return b"$-1\r\n"
    if isinstance(value, int):
        return b":%d\r\n" % value
    if isinstance(value, str):
        return b"+%b\r\n" % value.encode()
    return b"$%d\r\n%b\r\n" % (len(value), value)
