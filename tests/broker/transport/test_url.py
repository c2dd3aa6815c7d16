"""URLs of servers: invalid ones are refused with one sentence, and no message shows a password."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

import broker
from broker import Context, InvalidArgumentError
from tests.support.errors import message_of


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost",
        "localhost:6379",
        "http://localhost",
        "redis://host:port",
        "redis://host:99999",
        "redis://[::1",
        "redis://localhost?colour=green",
        "redis://localhost?socket_timeout=soon",
        "rediss://localhost?ssl_cert_reqs=perhaps",
        b"redis://localhost",
        6379,
    ],
)
def test_invalid_url_is_refused(url: Any) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        broker.get_context(url)
    assert "redis://" in message_of(error)


@pytest.mark.parametrize(
    "url",
    [
        "http://user:s3cret@host",
        "redis://:s3cret/with/slashes@host",
        "redis://:s3cret@host:port",
        "redis://:s3cret",
        "redis://user:s3cret@[::1",
        "redis://host?password=s3cret&colour=green",
        "user:s3cret@host",
        "redis://user:s3cret#x@host",
    ],
)
def test_message_about_an_invalid_url_hides_the_password(url: str) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        broker.get_context(url)
    assert "s3cret" not in "".join(traceback.format_exception(error.value))


def test_url_may_contain_a_socket_timeout(ctx: Context) -> None:
    with broker.get_context(ctx.url + "?socket_timeout=5") as context:
        assert context.Lock().acquire(False)
