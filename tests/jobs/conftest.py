"""Workers on a private server, and contexts whose keys must be gone at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import jobs
from broker.server import PrivateServer


@pytest.fixture(scope="package")
def url() -> Iterator[str]:
    server = PrivateServer()
    yield server.url
    server.close()


@pytest.fixture(scope="package")
def workers(url: str) -> Iterator[jobs.Workers]:
    with jobs.Workers(url, "lab", 2) as workers:
        yield workers


@pytest.fixture
def ctx(url: str, workers: jobs.Workers) -> Iterator[jobs.Context]:
    context = jobs.get_context(url)
    yield context
    context.close()
