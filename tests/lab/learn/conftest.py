"""What tests of the rungs share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from broker.server.private_server import PrivateServer
from lab.learn.rung import check
from lab.learn.rungs import RUNGS
from tests.support.rungs import Try


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server of these tests' own: each run empties it."""
    with closing(PrivateServer()) as server:
        yield server.url


@pytest.fixture
def attempt(url: str) -> Try:
    """Tries a version of the rung with that name."""
    rungs = {rung.name: rung for rung in RUNGS}
    return lambda name, source: check(rungs[name], source, url)
