"""`alone` is a context on each backend; `world` adds actors of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from broker.server.private_server import PrivateServer
from tests.contract.backends import ALONE, BACKENDS, THREADS, TOGETHER, World
from tests.support.actors import Actors


@pytest.fixture(params=ALONE)
def alone(request: pytest.FixtureRequest, server: PrivateServer) -> Iterator[Any]:
    with BACKENDS[request.param]("fork", server.url) as context:
        yield context


@pytest.fixture(params=TOGETHER)
def world(request: pytest.FixtureRequest, server: PrivateServer, actors: Actors) -> Iterator[World]:
    backend, actor_kind = request.param.split("-")
    with BACKENDS[backend]("fork" if actor_kind == THREADS else actor_kind, server.url) as context:
        yield World(context, backend != "multiprocessing", actor_kind, actors)
