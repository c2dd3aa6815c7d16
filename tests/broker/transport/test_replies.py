"""Replies are the same in whatever pieces they arrive, and what is no reply is an error of redis-py's kind."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from broker.transport.replies import INCOMPLETE, MAX_DEPTH, MAX_LINE, ReplyParser, parse_message
from broker.transport.server_errors import UnexpectedReplyError
from tests.support.resp import encode

INTEGERS = st.integers(-(2**63), 2**63 - 1)
STATUSES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"))
VALUES = st.recursive(
    INTEGERS | st.binary() | STATUSES | st.none(), lambda value: st.lists(value, max_size=4), max_leaves=20
)
NOISE = st.lists(st.sampled_from([b"\r\n", b":", b"$", b"*", b"-", b"+", b"1", b"3", b"99", b"-1", b"OK", b"\xff"]))


def replies(pieces: Iterable[bytes]) -> list[Any]:
    """Return the replies in these pieces, up to the first error, which is the last element."""
    parser, found = ReplyParser(), []
    for piece in pieces:
        parser.feed(piece)
        try:
            while (reply := parser.next()) is not INCOMPLETE:
                found.append(reply)
        except redis.RedisError as error:
            return [*found, (type(error), str(error))]
    return found


def bytewise(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


@st.composite
def split(draw: st.DrawFn, contents: st.SearchStrategy[bytes]) -> list[bytes]:
    data = draw(contents)
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    pieces = (data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True))
    return [piece for piece in pieces if piece]  # a socket that receives nothing is closed


@given(st.lists(VALUES, max_size=4), st.data())
def test_replies_may_arrive_in_any_pieces(values: list[Any], data: st.DataObject) -> None:
    encoded = b"".join(map(encode, values))
    assert replies([encoded]) == values
    assert replies(bytewise(encoded)) == values
    assert replies(data.draw(split(st.just(encoded)))) == values


@given(VALUES, st.data())
def test_a_truncated_reply_is_incomplete(value: Any, data: st.DataObject) -> None:
    encoded = encode(value)
    cut = data.draw(st.integers(0, len(encoded) - 1))
    assert replies([encoded[:cut]]) == []
    assert replies([encoded[:cut], encoded[cut:]]) == [value]


@given(st.data(), st.binary() | NOISE.map(b"".join))
def test_whatever_arrives_the_outcome_is_a_reply_or_an_error_of_redis_py(data: st.DataObject, noise: bytes) -> None:
    whole = replies([noise])  # another error fails the test
    pieces = data.draw(split(st.just(noise)))
    assert [type(each) for each in replies(pieces)] == [type(each) for each in whole]


@given(st.lists(VALUES, min_size=1, max_size=3), st.data())
def test_a_changed_byte_raises_no_other_error(values: list[Any], data: st.DataObject) -> None:
    encoded = bytearray(b"".join(map(encode, values)))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    replies(bytewise(bytes(encoded)))


@pytest.mark.parametrize(
    "received",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"HTTP",
        b"\r\n",
        b"\x15\x03\x01\x00\x02\x02F",  # an alert of TLS
        b"_\r\n",  # RESP3
        b"#t\r\n",
        b"%1\r\n+a\r\n+b\r\n",
        b">3\r\n",
        b":\r\n",
        b":-\r\n",
        b":+1\r\n",
        b": 1\r\n",
        b":1_000\r\n",
        b":1.5\r\n",
        b":0x1\r\n",
        b":\xd9\xa1\r\n",
        b":9223372036854775808\r\n",
        b":-9223372036854775809\r\n",
        b":" + b"9" * 5000 + b"\r\n",
        b"$-2\r\n",
        b"$\r\n",
        b"$99999999999\r\n",
        b"$3\r\nabcdef\r\n",
        b"$3\r\nabc\n\r",
        b"*-2\r\n",
        b"*x\r\n",
        b"*9999999999\r\n",
        b"*1\r\n-ERR inside\r\n",
        b"*1\r\n" * (MAX_DEPTH + 1) + b":1\r\n",
        b"*1\r\n" * 100_000,
        b"+" + b"x" * (MAX_LINE + 1),
    ],
    ids=lambda received: received[:24],
)
def test_what_is_no_reply_is_refused(received: bytes) -> None:
    for pieces in ([received], [received[:5], received[5:]]):
        *before, (kind, message) = replies(pieces)
        assert before == []
        assert kind is UnexpectedReplyError
        assert "unexpected reply" in message
        assert len(message) < 100


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 0, b"", [], [[], [b"\r\n"]], "", None])
def test_extreme_replies(value: Any) -> None:
    assert replies([encode(value)]) == [value]


def test_null_array() -> None:
    assert replies([b"*-1\r\n"]) == [None]


def test_an_error_does_not_end_the_stream() -> None:
    parser = ReplyParser()
    parser.feed(b"-NOSCRIPT No matching script.\r\n:1\r\n")
    with pytest.raises(redis.exceptions.NoScriptError, match="No matching script"):
        parser.next()
    assert parser.next() == 1


@pytest.mark.parametrize("header", [b"*16777216\r\n", b"$4294967296\r\n"])
def test_an_announced_length_costs_no_memory(header: bytes) -> None:
    parser = ReplyParser()
    tracemalloc.start()
    try:
        parser.feed(header)
        assert parser.next() is INCOMPLETE
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


LARGE = bytes(range(256)) * 8192  # 2 MB
MANY = [b"x" * 40, 12345] * 20_000


@pytest.mark.parametrize("value", [LARGE, MANY, [LARGE, [LARGE]]], ids=["large", "many", "nested"])
def test_bytes_are_copied_a_constant_number_of_times(value: Any) -> None:
    encoded = encode(value)
    pieces = [encoded[start : start + 1024] for start in range(0, len(encoded), 1024)]
    parser, reply, copied = ReplyParser(), INCOMPLETE, 0
    tracemalloc.start()
    try:
        for piece in pieces:
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            parser.feed(piece)
            reply = parser.next()
            copied += tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert reply == value
    assert copied < 8 * len(encoded), "what each piece has allocated, together"


@pytest.mark.parametrize(
    "reply",
    [1, "OK", None, b"message", [], [b"message", b"c"], [b"message", b"c", 1], [b"subscribe", b"c", b"1"], [1, 2, 3]],
)
def test_what_is_no_message_is_refused(reply: Any) -> None:
    with pytest.raises(UnexpectedReplyError):
        parse_message(reply)


@pytest.mark.parametrize("reply", [[b"message", b"c", b"text"], [b"subscribe", b"c", 1], [b"unsubscribe", b"c", 0]])
def test_messages_and_confirmations(reply: Any) -> None:
    assert parse_message(reply) == tuple(reply)
