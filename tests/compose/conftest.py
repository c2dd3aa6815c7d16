"""One Compose project for all tests that leave it unchanged."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest

from tests.support.compose import ComposeProject, LabContainer
from tests.support.missing import missing

StartLab: TypeAlias = Callable[..., LabContainer]


IMAGES = (os.environ.get("PYTHON_IMAGE", "python:3.13-slim"), os.environ.get("REDIS_IMAGE", "redis:8"))


def missing_prerequisite() -> str:
    """Return why this machine cannot run the project, or an empty string."""
    if shutil.which("docker") is None:
        return "there is no docker command"
    if fails("compose", "version"):
        return "docker has no compose"
    if fails("version", "--format", "{{.Server.Version}}"):
        return "no engine answers docker"
    absent = [image for image in IMAGES if fails("image", "inspect", image) and fails("pull", "--quiet", image)]
    return f"docker cannot pull {', '.join(absent)}" if absent else ""


def fails(*words: str) -> bool:
    return subprocess.run(["docker", *words], capture_output=True, stdin=subprocess.DEVNULL).returncode != 0


@pytest.fixture(scope="session")
def engine() -> None:
    """A Docker engine that has the images."""
    if reason := missing_prerequisite():
        missing(reason)


@pytest.fixture(scope="module")
def shared_project(engine: None) -> Iterator[ComposeProject]:
    started = ComposeProject(LAB_APPENDFSYNC="always")  # a killed Redis then restarts with all its data
    try:
        yield started
    finally:
        started.down()


@pytest.fixture
def project(shared_project: ComposeProject) -> ComposeProject:
    """The shared project with three healthy workers, whatever the last test did to them."""
    shared_project.up()
    return shared_project


@pytest.fixture
def start(project: ComposeProject) -> Iterator[StartLab]:
    """Starts a container of the lab in the project."""
    labs = []

    def start(*words: str) -> LabContainer:
        labs.append(project.lab(*words))
        return labs[-1]

    yield start
    for each in labs:
        each.close()
