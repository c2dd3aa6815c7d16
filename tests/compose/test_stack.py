"""What compose.yaml promises besides: nobody gets in, no secret gets out, and nothing stays."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.support.stack import Stack

AS_NOBODY = "redis-cli info; redis-cli --user health --pass '' info; redis-cli --user lab --pass wrong info"


@pytest.fixture
def own(engine: None) -> Iterator[Stack]:
    """A stack that a test may end."""
    started = Stack()
    yield started
    started.down()


def test_no_port_is_open_to_the_outside(stack: Stack) -> None:
    assert [one["HostConfig"]["PortBindings"] for one in stack.inspect() if one["HostConfig"]["PortBindings"]] == []


def test_redis_lets_in_nobody_but_the_lab(stack: Stack) -> None:
    said = stack.execute("redis", "sh", "-c", AS_NOBODY)
    assert "redis_version" not in said
    assert [line.split()[0] for line in said.splitlines() if line] == ["NOAUTH", "NOPERM", "NOAUTH"]


def test_secrets_are_made_once_and_shown_nowhere(stack: Stack) -> None:
    made = stack.execute("worker", "cat", "/keys/password", "/keys/secret")
    stack.compose("up", "--wait", "--force-recreate", "--scale", "worker=3")
    assert stack.execute("worker", "cat", "/keys/password", "/keys/secret") == made
    password, secret = made[:43], made[43:]
    assert len(secret) == 43
    shown = json.dumps(stack.inspect()) + stack.compose("logs") + stack.compose("top")
    assert "redis-server" in shown
    assert password not in shown
    assert secret not in shown
    assert secret not in stack.execute("redis", "sh", "-c", "cat $(find / -xdev -name '*' -type f -path '/data/*')")


def test_nothing_stays(own: Stack) -> None:
    own.up(workers=1)
    assert own.left()
    own.down()
    assert own.left() == ""
