"""One stack for all tests that leave it as they found it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest

from tests.support.stack import Lab, Stack

Start: TypeAlias = Callable[..., Lab]


def lacking() -> str:
    """Say what this machine lacks for these tests; nothing if it has it all."""
    if shutil.which("docker") is None:
        return "there is no docker command"
    if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        return "docker has no compose"
    if subprocess.run(["docker", "info"], capture_output=True).returncode:
        return "no engine answers docker"
    return ""


@pytest.fixture(scope="session")
def engine() -> None:
    """An engine; where there is none, tests are skipped, but fail in CI."""
    if reason := lacking():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


@pytest.fixture(scope="package")
def shared(engine: None) -> Iterator[Stack]:
    started = Stack()
    try:
        yield started
    finally:
        started.down()


@pytest.fixture
def stack(shared: Stack) -> Stack:
    """Three workers that listen, whatever the last test has done to them."""
    shared.up()
    return shared


@pytest.fixture
def start(stack: Stack) -> Iterator[Start]:
    """Starts a lab in the stack."""
    labs = []

    def start(*words: str) -> Lab:
        labs.append(stack.lab(*words))
        return labs[-1]

    yield start
    for each in labs:
        each.close()
