"""The web application of docs/aio.md sells each ticket once, with several workers and many customers."""

from __future__ import annotations

import asyncio
import re
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from broker.server.private_server import PrivateServer
from tests.support.actors import TIMEOUT

PAGE = Path(__file__).parents[3] / "docs" / "aio.md"
STOCK, CUSTOMERS, WORKERS = 15, 10, 2


def load() -> Any:
    """Return the application, as a new worker has it."""
    (program,) = re.findall(r"^```python\n([^`]*FastAPI.*?)^```", PAGE.read_text(), re.M | re.S)
    module: dict[str, Any] = {"__name__": "application"}
    exec(compile(program, str(PAGE), "exec", dont_inherit=True), module)
    return module["app"]


def test_no_ticket_is_sold_twice(server: PrivateServer, client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_REDIS_URL", server.url)
    client.set("left", STOCK)
    responses: list[httpx.Response] = []

    async def serve() -> None:
        app = load()
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://app") as web,
        ):
            responses.extend(await asyncio.gather(*(web.post("/buy") for _ in range(CUSTOMERS))))

    workers = [threading.Thread(target=asyncio.run, args=(serve(),)) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(TIMEOUT)
    assert Counter(response.status_code for response in responses) == {200: STOCK, 410: WORKERS * CUSTOMERS - STOCK}
    tickets = [response.json()["ticket"] for response in responses if response.status_code == 200]
    assert sorted(tickets) == list(range(1, STOCK + 1))
    client.delete("left")
