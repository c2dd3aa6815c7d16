"""Workers on a private server, and contexts."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from typing import Any

import pytest
import redis

import jobs
from broker.server.private_server import PrivateServer
from jobs.exchange.client import client


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    server = PrivateServer()
    yield server.url
    server.close()


@pytest.fixture(scope="session")
def workers(url: str) -> Iterator[jobs.Workers]:
    """Two workers, for all files: idle ones cost a thousandth of a core, and to start them takes a second."""
    with jobs.Workers(url, "lab", 2) as workers:
        yield workers


@pytest.fixture
def ctx(url: str, workers: jobs.Workers) -> Iterator[jobs.Context]:
    context = jobs.get_context(url)
    yield context
    context.close()


@pytest.fixture(params=["multiprocessing", "jobs"])
def either(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A context of jobs, and multiprocessing's own, which shows what is right."""
    yield multiprocessing.get_context("fork") if request.param == "multiprocessing" else request.getfixturevalue("ctx")
    for process in multiprocessing.active_children():
        process.kill()
        process.join()


@pytest.fixture
def connection(url: str) -> Iterator[redis.Redis]:
    with client(url) as connection:
        yield connection


@pytest.fixture
def signals() -> Iterator[None]:
    """Restores the signal handlers of this process, which a worker replaces."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
