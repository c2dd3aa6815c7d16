"""The command `lab top`: the primitives in use and the workers, as they change."""

from __future__ import annotations

import time

import click
import redis
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

import broker
from broker.server.check import check_server
from jobs.exchange.client import client
from jobs.exchange.worker_list import list_workers
from lab.cli.server import require_url, worker_options
from lab.cli.worker_commands import summary, workers_table
from lab.report.primitives import (
    explain_circular_wait,
    most_contended_first,
    primitives_table,
    summarize_primitives,
)
from lab.report.server_load import ServerSample, describe_load, server_sample

INTERVAL = 1.0  # seconds between two looks


@worker_options
@click.command(short_help="Watch locks, queues and workers as they change.")
def top(url: str | None, queue: str) -> None:
    """Show what `lab locks` and `lab workers` list, and how busy the server is, every second until Ctrl-C.

    What most processes wait for comes first. The commands and the share of a core are those of all the server's
    clients, these requests included. If the output is no terminal, one second is shown.
    """
    url = require_url(url)
    console = Console()
    with broker.Context(url) as ctx, client(url) as connection:
        view = _View(check_server(url), ctx, connection, url, queue)
        if not console.is_terminal:
            view.take_sample()
            time.sleep(INTERVAL)
            console.print(view.render())
            return
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                live.update(view.render(), refresh=True)
                time.sleep(INTERVAL)


class _View:
    def __init__(self, server: str, ctx: broker.Context, connection: redis.Redis, url: str, queue: str) -> None:
        self._server = server
        self._ctx = ctx
        self._connection = connection
        self._url = url
        self._queue = queue
        self._sample: ServerSample | None = None

    def take_sample(self) -> str:
        """Return in words how busy the server has been since the last call."""
        seconds, micros = self._connection.time()
        before, self._sample = self._sample, server_sample(seconds + micros / 1e6, self._connection.info())
        return describe_load(before, self._sample)

    def render(self) -> Group:
        load = self.take_sample()
        assert self._sample is not None
        primitives = most_contended_first(self._ctx.primitives(busy=True))
        workers = list_workers(self._url, self._queue)
        parts: list[RenderableType] = [
            Text(f"{self._server}{load}", style="bold"),
            Text(summarize_primitives(primitives, busy_only=True)),
            Text(explain_circular_wait(primitives), style="bold red"),
            *([primitives_table(primitives, self._sample.time)] if primitives else []),
            Text(f"queue {self._queue}: {summary(workers)}"),
            *([workers_table(workers)] if workers else []),
        ]
        return Group(*parts)
