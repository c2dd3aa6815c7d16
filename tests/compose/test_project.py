"""compose.yaml: access to Redis, secrets, and what is left after `down`."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.support.compose import ComposeProject

pytestmark = pytest.mark.slow

OWN_PASSWORD = "of one's own: / @ #"
WITHOUT_CREDENTIALS = "redis-cli info; redis-cli --user health --pass '' info; redis-cli --user lab --pass wrong info"


@pytest.fixture
def own_project(engine: None) -> Iterator[ComposeProject]:
    """A project for one test, with its own password."""
    started = ComposeProject(LAB_PASSWORD=OWN_PASSWORD)
    yield started
    started.down()


def test_no_port_is_published(project: ComposeProject) -> None:
    assert [bindings for container in project.inspect() if (bindings := container["HostConfig"]["PortBindings"])] == []


def test_redis_refuses_everyone_but_the_lab(project: ComposeProject) -> None:
    output = project.execute("redis", "sh", "-c", WITHOUT_CREDENTIALS)
    assert "redis_version" not in output
    assert [line.split()[0] for line in output.splitlines() if line] == ["NOAUTH", "NOPERM", "NOAUTH"]


def test_secrets_are_created_once_and_shown_nowhere(project: ComposeProject) -> None:
    made = project.execute("worker", "cat", "/keys/password", "/keys/secret")
    password, secret = made[:43], made[43:]
    assert len(secret) == 43
    project.compose("run", "--rm", "-T", "keys")
    assert project.execute("worker", "cat", "/keys/password", "/keys/secret") == made
    shown = json.dumps(project.inspect()) + project.compose("logs") + project.compose("top")
    assert "redis-server" in shown
    assert password not in shown
    assert secret not in shown


def test_redis_does_not_get_the_secret(project: ComposeProject) -> None:
    services = {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in project.inspect()}
    assert [mount["Destination"] for mount in services["redis"]["Mounts"]] == ["/data"]
    assert "secret" not in project.execute("redis", "ls", "-A", "/data")


def test_own_password_is_used_and_down_removes_everything(own_project: ComposeProject) -> None:
    own_project.up(workers=1)
    assert own_project.execute("worker", "cat", "/keys/password") == OWN_PASSWORD
    assert own_project.leftovers()
    own_project.down()
    assert own_project.leftovers() == ""
