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
from jobs.exchange.worker_list import WorkerInfo, list_workers
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
@click.option("-n", "count", type=click.IntRange(1), help="how many; by default as many as this machine has cores")
def worker(count: int | None, url: str | None, queue: str) -> None:
    """Run RQ workers until SIGTERM or Ctrl-C; running jobs are finished, unless the signal is sent twice."""
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
@click.option("--here", is_flag=True, help="only this host's; the exit status is 2 if none of them responds")
@click.option("--json", "as_json", is_flag=True, help="for programs")
def workers(url: str | None, queue: str, here: bool, as_json: bool) -> int:
    """List the workers of a queue: their hosts, what each of them is doing, and which no longer respond."""
    url = require_url(url)
    server = check_server(url)
    found = [worker for worker in list_workers(url, queue) if not here or worker.host == socket.gethostname()]
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(worker) for worker in found], indent=2))
    else:
        console = Console()
        console.print(Text(f"queue {queue} of {server}: {summary(found)}", style="bold"))
        if found:
            console.print(_table(found))
    return 2 if here and not any(worker.responds for worker in found) else 0


def summary(workers: Sequence[WorkerInfo]) -> str:
    """Return in words how many workers there are, and in which state."""
    if not workers:
        return "no workers; start some with `lab worker`"
    hosts = len({worker.host for worker in workers})
    states = Counter(worker.state if worker.responds else "not responding" for worker in workers)
    counts = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    return f"{hosts} host{'s' * (hosts > 1)}, {len(workers)} worker{'s' * (len(workers) > 1)}: {counts}"


def _table(workers: Sequence[WorkerInfo]) -> Table:
    table = Table()
    for column in ("host", "pid", "job or state"):
        table.add_column(column)
    for column in ("running for", "last heartbeat", "uptime"):
        table.add_column(column, justify="right")
    for worker in workers:
        running_for = "" if worker.running_for is None else age(worker.running_for)
        ages = age(worker.heartbeat_age), age(worker.uptime)
        table.add_row(Text(worker.host), str(worker.pid), _job_or_state(worker), running_for, *ages)
    return table


def _job_or_state(worker: WorkerInfo) -> Text:
    if worker.problem:
        last = f" ({worker.current_job})" if worker.current_job else ""
        return Text(f"not responding: {worker.problem}{last}", style="bold red")
    return Text(worker.current_job) if worker.current_job else Text(worker.state, style="dim")
