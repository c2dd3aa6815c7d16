"""The commands for RQ workers: `lab worker` runs some, `lab workers` shows all."""

from __future__ import annotations

import logging
import os
import socket
import sys

import click

import broker
from jobs.supervisor import Supervisor
from lab.backends import QUEUE
from lab.errors import LabError

LOG_FORMAT = "%(asctime)s %(message)s"
HERE = (
    "--redis-url names the Redis server, or LAB_REDIS_URL in the environment, where no password can be read by others"
)


def server_options(command: click.Command) -> click.Command:
    """Give a command the options that say where the workers are: `url` and `queue`."""
    command.params += [
        click.Option(["--redis-url", "url"], envvar="LAB_REDIS_URL", help="the Redis server; else LAB_REDIS_URL"),
        click.Option(["--queue"], default=QUEUE, show_default=True, help="the RQ queue"),
    ]
    return command


def check_server(url: str | None) -> str:
    """Return what answers at `url`; raise `LabError` without one, and what `broker.get_context` raises."""
    if not url:
        raise LabError(
            "which Redis server? --redis-url names it, or LAB_REDIS_URL, whose password nobody else can read"
        )
    return broker.Context(url).check()


@server_options
@click.command()
@click.option("-n", "count", type=click.IntRange(1), help="how many; as many as this machine has cores unless told")
def worker(count: int | None, url: str, queue: str) -> None:
    """Run RQ workers until SIGTERM or Ctrl-C; what runs by then is finished, unless one asks twice."""
    server = check_server(url)
    count = count or os.cpu_count() or 1
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT, stream=sys.stdout)
    sys.path.append(os.getcwd())  # jobs may name functions of the folder in which this runs
    workers = "1 worker" if count == 1 else f"{count} workers"
    logging.info("%s on %s for queue %s of %s", workers, socket.gethostname(), queue, server)
    Supervisor(url, queue, count).run()
