"""A private server is restarted, with its data or without."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
import redis

from broker.server.private_server import PrivateServer
from lab.runtime.server_restart import restart_server
from tests.support.actors import TIMEOUT


@pytest.fixture
def own_server() -> Iterator[PrivateServer]:
    with closing(PrivateServer(restart=True)) as server:
        yield server


def run_id(url: str) -> str:
    with redis.Redis.from_url(url) as client:
        return str(client.info("server")["run_id"])


@pytest.mark.parametrize("keep_data", [True, False])
def test_it_has_its_data_or_none(own_server: PrivateServer, keep_data: bool):
    before = run_id(own_server.url)
    with redis.Redis.from_url(own_server.url, decode_responses=True) as client:
        client.set("key", "value")
        restart_server(own_server.url, keep_data)
        assert client.get("key") == ("value" if keep_data else None)
    assert run_id(own_server.url) != before


def test_it_restarts_once_for_each_who_wants_it(own_server: PrivateServer):
    found: list[str] = []
    threads = [
        threading.Thread(
            target=restart_server, args=(own_server.url, False, lambda: found.append(run_id(own_server.url)))
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert len({*found, run_id(own_server.url)}) == 4


def test_after_a_restart_it_ends_as_before(own_server: PrivateServer):
    restart_server(own_server.url, keep_data=True)
    with redis.Redis.from_url(own_server.url) as client:
        server = psutil.Process(client.info("server")["process_id"])
    own_server.close()
    assert not server.is_running()
    assert not Path(own_server.url.removeprefix("unix://")).parent.exists()
