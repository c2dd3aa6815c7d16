"""`context` is a context of each kind; `backend` adds actors: threads, and processes of each start method."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from broker.server.private_server import PrivateServer
from tests.contract.backends import ALL, BACKENDS, THREADS, WITH_ACTORS, Backend
from tests.support.actors import Actors


@pytest.fixture(params=ALL)
def context(request: pytest.FixtureRequest, server: PrivateServer) -> Iterator[Any]:
    with BACKENDS[request.param]("fork", server.url) as made:
        yield made


@pytest.fixture(params=WITH_ACTORS)
def backend(request: pytest.FixtureRequest, server: PrivateServer, actors: Actors) -> Iterator[Backend]:
    name, actor_kind = request.param.split("-")
    with BACKENDS[name]("fork" if actor_kind == THREADS else actor_kind, server.url) as context:
        yield Backend(context, name != "multiprocessing", actor_kind, actors)
