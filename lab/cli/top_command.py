"""The command `lab top`: the primitives in use and the workers, as they change."""

from __future__ import annotations

import time
from collections.abc import Sequence
from gettext import gettext as _

import redis
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

import broker
from broker import PrimitiveInfo
from broker.server.check import check_server
from jobs.exchange.client import client
from jobs.exchange.worker_list import list_workers
from lab.cli.keyboard import BACKSPACE, ENTER, ESCAPE, keyboard
from lab.cli.localized import command
from lab.cli.server import describe_server, require_url, worker_options
from lab.cli.worker_commands import summary, workers_table
from lab.language import N_
from lab.report.primitives import (
    ORDERS,
    explain_circular_wait,
    primitives_table,
    select_primitives,
    summarize_primitives,
    title_of,
)
from lab.report.server_load import ServerSample, describe_load, server_sample
from lab.wrapping import WrappedText

INTERVAL = 1.0  # seconds between two looks
STEPS = {"j": 1, "k": -1}


@worker_options
@command(short_help=N_("Watch locks, queues and workers as they change."))
def top(url: str | None, queue: str) -> None:
    """Show what `lab locks` and `lab workers` list, and how busy the server is, every second until Ctrl-C.

    What most processes wait for comes first; the key s chooses another order. / begins a filter, a part of a
    primitive's kind or name, which ENTER ends. j and k move down and up, ENTER shows only the primitive at the top, and
    ESC shows all again. q quits. The commands and the share of a core are those
    of all the server's clients, these requests included. If the output is no terminal, one second is shown.
    """
    url = require_url(url)
    console = Console()
    with broker.Context(url) as ctx, client(url) as connection:
        height = console.height if console.is_terminal else 0
        view = _View(describe_server(check_server(url)), ctx, connection, url, queue, height)
        if not console.is_terminal:
            view.take_sample()
            time.sleep(INTERVAL)
            console.print(view.render())
            return
        with Live(console=console, screen=True, auto_refresh=False) as live, keyboard() as read_keys:
            while not view.controls.ended:
                live.update(view.render(), refresh=True)
                view.controls.press(read_keys(INTERVAL))


class Controls:
    """What is shown, and in which order, as the keys say that were pressed."""

    def __init__(self) -> None:
        self.order = next(iter(ORDERS))
        self.text = ""
        self.position = 0  # of the first primitive that is shown
        self.only = ""  # the one primitive that is shown
        self.ended = False
        self._top = ""
        self._typing = False

    def press(self, keys: str) -> None:
        """Do what these keys are for."""
        for key in keys:
            (self._type if self._typing else self._choose)(key)

    def select(self, primitives: Sequence[PrimitiveInfo]) -> list[PrimitiveInfo]:
        """Return what is to be shown, in order."""
        if self.only:
            return [each for each in primitives if title_of(each) == self.only]
        selected = select_primitives(primitives, self.order, self.text)
        self.position = max(0, min(self.position, len(selected) - 1))
        self._top = title_of(selected[self.position]) if selected else ""
        return selected[self.position :]

    def _choose(self, key: str) -> None:
        if key == "s":
            orders = list(ORDERS)
            self.order, self.position = orders[(orders.index(self.order) + 1) % len(orders)], 0
        elif key == "/":
            self._typing, self.text, self.position = True, "", 0
        elif key in STEPS:
            self.position = max(0, self.position + STEPS[key])
        elif key == ENTER:
            self.only = self._top
        elif key == ESCAPE:
            self.text, self.only = "", ""
        elif key == "q":
            self.ended = True

    def _type(self, key: str) -> None:
        if key in (ENTER, ESCAPE):
            self._typing = False
        if key == ESCAPE:
            self.text = ""
        elif key == BACKSPACE:
            self.text = self.text[:-1]
        elif key.isprintable():
            self.text += key

    def __str__(self) -> str:
        chosen = f"/{self.text}_" if self._typing else f"/{self.text}" if self.text else ""
        if self.only:
            return _("only {name} (ESC: all, q: quit)").format(name=self.only)
        keys = _("s: next order, /: filter, j, k: down, up, ENTER: only the first, q: quit")
        text = _("first: {order} from place {place} ({keys})") if self.position else _("first: {order} ({keys})")
        return f"{text.format(order=_(self.order), place=self.position + 1, keys=keys)} {chosen}".strip()


class _View:
    def __init__(
        self, server: str, ctx: broker.Context, connection: redis.Redis, url: str, queue: str, height: int
    ) -> None:
        self._server = server
        self._ctx = ctx
        self._connection = connection
        self._url = url
        self._queue = queue
        self._sample: ServerSample | None = None
        self._height = height
        self.controls = Controls()

    def take_sample(self) -> str:
        """Return in words how busy the server has been since the last call."""
        seconds, micros = self._connection.time()
        before, self._sample = self._sample, server_sample(seconds + micros / 1e6, self._connection.info())
        return describe_load(before, self._sample)

    def render(self) -> Group:
        load = self.take_sample()
        assert self._sample is not None
        primitives = self._ctx.primitives(busy=True)
        selected = self.controls.select(primitives)
        workers = list_workers(self._url, self._queue)
        rows = max(1, self._height // (4 if workers else 2)) if self._height else None  # a row has up to two lines
        parts: list[RenderableType] = [
            Text(f"{self._server}{load}", style="bold"),
            WrappedText(summarize_primitives(primitives, busy_only=True)),
            WrappedText(explain_circular_wait(primitives), "bold red"),
            WrappedText(str(self.controls), "dim"),
            *([primitives_table(selected, self._sample.time, rows)] if selected else []),
            WrappedText(_("queue {queue}: {summary}").format(queue=self._queue, summary=summary(workers))),
            *([workers_table(workers)] if workers else []),
        ]
        return Group(*parts)
