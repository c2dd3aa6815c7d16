"""What compose.yaml promises besides: nobody gets in, no secret gets out, and nothing stays."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.support.compose import ComposeProject

pytestmark = pytest.mark.slow

OWN_PASSWORD = "of one's own: / @ #"
AS_NOBODY = "redis-cli info; redis-cli --user health --pass '' info; redis-cli --user lab --pass wrong info"


@pytest.fixture
def own(engine: None) -> Iterator[ComposeProject]:
    """A stack that a test may end."""
    started = ComposeProject(LAB_PASSWORD=OWN_PASSWORD)
    yield started
    started.down()


def test_no_port_is_open_to_the_outside(project: ComposeProject) -> None:
    assert [one["HostConfig"]["PortBindings"] for one in project.inspect() if one["HostConfig"]["PortBindings"]] == []


def test_redis_lets_in_nobody_but_the_lab(project: ComposeProject) -> None:
    said = project.execute("redis", "sh", "-c", AS_NOBODY)
    assert "redis_version" not in said
    assert [line.split()[0] for line in said.splitlines() if line] == ["NOAUTH", "NOPERM", "NOAUTH"]


def test_secrets_are_made_once_and_shown_nowhere(project: ComposeProject) -> None:
    made = project.execute("worker", "cat", "/keys/password", "/keys/secret")
    password, secret = made[:43], made[43:]
    assert len(secret) == 43
    project.compose("run", "--rm", "-T", "keys")
    assert project.execute("worker", "cat", "/keys/password", "/keys/secret") == made
    shown = json.dumps(project.inspect()) + project.compose("logs") + project.compose("top")
    assert "redis-server" in shown
    assert password not in shown
    assert secret not in shown


def test_redis_does_not_know_the_secret(project: ComposeProject) -> None:
    (redis,) = [one for one in project.inspect() if one["Config"]["Labels"]["com.docker.compose.service"] == "redis"]
    assert [mount["Destination"] for mount in redis["Mounts"]] == ["/data"]
    assert "secret" not in project.execute("redis", "ls", "-A", "/data")


def test_a_password_of_ones_own_is_taken_and_in_the_end_nothing_stays(own: ComposeProject) -> None:
    own.up(workers=1)
    assert own.execute("worker", "cat", "/keys/password") == OWN_PASSWORD
    assert own.leftovers()
    own.down()
    assert own.leftovers() == ""
