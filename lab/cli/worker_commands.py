"""The commands for RQ workers: `lab worker` runs some, `lab workers` shows all."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import socket
import sys
from collections import Counter
from collections.abc import Sequence

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from broker.server.check import check_server
from broker.server.environment import server_url
from jobs.exchange.worker_list import Seen, roster
from jobs.worker.supervisor import Supervisor
from lab.backends import QUEUE
from lab.cli.unsigned_jobs import warn
from lab.errors import LabError
from lab.formatting import age

LOG_FORMAT = "%(asctime)s %(message)s"


def server_options(command: click.Command) -> click.Command:
    """Give a command the options that say where the workers are: `url` and `queue`."""
    command.params += [
        click.Option(["--redis-url", "url"], default=server_url, help="the Redis server; else LAB_REDIS_URL"),
        click.Option(["--queue"], default=QUEUE, show_default=True, help="the RQ queue"),
    ]
    return command


def require_url(url: str | None) -> str:
    """Return `url`; raise `LabError` if there is none."""
    if not url:
        raise LabError(
            "which Redis server? --redis-url names it, or LAB_REDIS_URL, whose password nobody else can read"
        )
    return url


@server_options
@click.command()
@click.option("-n", "count", type=click.IntRange(1), help="how many; as many as this machine has cores unless told")
def worker(count: int | None, url: str | None, queue: str) -> None:
    """Run RQ workers until SIGTERM or Ctrl-C; what runs by then is finished, unless one asks twice."""
    url = require_url(url)
    server = check_server(url)
    warn(url)
    count = count or os.cpu_count() or 1
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT, stream=sys.stdout)
    sys.path.append(os.getcwd())  # jobs may name functions of the folder in which this runs
    workers = "1 worker" if count == 1 else f"{count} workers"
    logging.info("%s on %s for queue %s of %s", workers, socket.gethostname(), queue, server)
    Supervisor(url, queue, count).run()


@server_options
@click.command()
@click.option("--here", is_flag=True, help="only this host's; the exit status is 2 if none of them answers")
@click.option("--json", "as_json", is_flag=True, help="for programs")
def workers(url: str | None, queue: str, here: bool, as_json: bool) -> int:
    """Show who works on a queue: hosts, workers, what each of them does, and who has stopped answering."""
    url = require_url(url)
    server = check_server(url)
    seen = [worker for worker in roster(url, queue) if not here or worker.host == socket.gethostname()]
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(worker) for worker in seen], indent=2))
    else:
        console = Console()
        console.print(Text(f"queue {queue} of {server}: {summary(seen)}", style="bold"))
        if seen:
            console.print(_table(seen))
    return 2 if here and not any(worker.answers for worker in seen) else 0


def summary(seen: Sequence[Seen]) -> str:
    """Return in words how many workers there are, and in which state."""
    if not seen:
        return "no workers; start some with `lab worker`"
    hosts = len({worker.host for worker in seen})
    states = Counter(worker.state if worker.answers else "not answering" for worker in seen)
    said = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    return f"{hosts} host{'s' * (hosts > 1)}, {len(seen)} worker{'s' * (len(seen) > 1)}: {said}"


def _table(seen: Sequence[Seen]) -> Table:
    table = Table()
    for column in ("host", "pid", "does"):
        table.add_column(column)
    for column in ("for", "heard", "up"):
        table.add_column(column, justify="right")
    for worker in seen:
        since = "" if worker.since is None else age(worker.since)
        table.add_row(Text(worker.host), str(worker.pid), _does(worker), since, age(worker.heard), age(worker.up))
    return table


def _does(worker: Seen) -> Text:
    if worker.trouble:
        last = f" ({worker.doing})" if worker.doing else ""
        return Text(f"does not answer: {worker.trouble}{last}", style="bold red")
    return Text(worker.doing) if worker.doing else Text(worker.state, style="dim")
