"""The commands for RQ workers: `lab worker` runs some, `lab workers` lists all."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import socket
import sys
from collections import Counter
from collections.abc import Sequence
from gettext import gettext as _
from gettext import ngettext, pgettext

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from broker.server.check import check_server
from jobs.exchange.worker_list import WorkerInfo, list_workers
from jobs.worker.supervisor import Supervisor
from lab.cli.localized import command, option
from lab.cli.server import describe_server, require_url, warn_if_unsigned, worker_options
from lab.formatting import format_age
from lab.language import N_
from lab.wrapping import WrappedText, wrap

LOG_FORMAT = "%(asctime)s %(message)s"
COLUMNS = (N_("host"), N_("pid"), N_("job or state"))
COLUMNS_OF_TIMES = (N_("running for"), N_("last heartbeat"), N_("uptime"))
NOT_RESPONDING = N_("not responding")
# What RQ and `jobs` say of a worker.
STATES = (N_("started"), N_("idle"), N_("busy"), N_("suspended"))
PROBLEMS = (N_("killed or cut off"), N_("paused or cut off"))


@worker_options
@command(short_help=N_("Run RQ workers."))
@option(
    "-n",
    "count",
    type=click.IntRange(1),
    show_default=N_("the number of cores"),
    help=N_("Number of workers to run."),
)
def worker(count: int | None, url: str | None, queue: str) -> None:
    """Run RQ workers until SIGTERM or Ctrl-C. They finish running jobs first; a second signal kills these."""
    url = require_url(url)
    server = describe_server(check_server(url))
    warn_if_unsigned(url)
    count = count or os.cpu_count() or 1
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT, stream=sys.stdout)
    sys.path.append(os.getcwd())  # jobs may use functions of modules in the current folder
    sentence = ngettext(
        "{count} worker on {host} for queue {queue} of {server}",
        "{count} workers on {host} for queue {queue} of {server}",
        count,
    )
    logging.info(sentence.format(count=count, host=socket.gethostname(), queue=queue, server=server))
    Supervisor(url, queue, count).run()


@worker_options
@command(short_help=N_("List the workers of a queue."))
@option("--here", is_flag=True, help=N_("List only this host's; exit with 2 if none of them responds."))
@option("--json", "as_json", is_flag=True, help=N_("Print JSON."))
def workers(url: str | None, queue: str, here: bool, as_json: bool) -> int:
    """List the workers of a queue: their hosts, what each of them is doing, and which no longer respond."""
    url = require_url(url)
    server = describe_server(check_server(url))
    found = [worker for worker in list_workers(url, queue) if not here or worker.host == socket.gethostname()]
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(worker) for worker in found], indent=2))
    else:
        console = Console()
        heading = _("queue {queue} of {server}: {summary}").format(queue=queue, server=server, summary=summary(found))
        console.print(Text(wrap(heading, console.width), style="bold"))
        if found:
            console.print(workers_table(found))
    return 2 if here and not any(worker.responds for worker in found) else 0


def summary(workers: Sequence[WorkerInfo]) -> str:
    """Return in words how many workers there are, and in which states."""
    if not workers:
        return _("no workers; start some with `lab worker`")
    states = Counter(worker.state if worker.responds else NOT_RESPONDING for worker in workers)
    counts = [_("{count} {state}").format(count=count, state=_(state)) for state, count in sorted(states.items())]
    hosts = len({worker.host for worker in workers})
    return _("{hosts}, {workers}: {counts}").format(
        hosts=ngettext("{count} host", "{count} hosts", hosts).format(count=hosts),
        workers=ngettext("{count} worker", "{count} workers", len(workers)).format(count=len(workers)),
        counts=pgettext("list", ", ").join(counts),
    )


def workers_table(workers: Sequence[WorkerInfo]) -> Table:
    """Return a table of the workers."""
    table = Table()
    for column in COLUMNS:
        table.add_column(_(column))
    for column in COLUMNS_OF_TIMES:
        table.add_column(_(column), justify="right")
    for worker in workers:
        running_for = "" if worker.running_for is None else format_age(worker.running_for)
        ages = format_age(worker.heartbeat_age), format_age(worker.uptime)
        table.add_row(Text(worker.host), str(worker.pid), _job_or_state(worker), running_for, *ages)
    return table


def _job_or_state(worker: WorkerInfo) -> WrappedText:
    if worker.problem:
        text = _("not responding: {problem} ({job})") if worker.current_job else _("not responding: {problem}")
        return WrappedText(text.format(problem=_(worker.problem), job=worker.current_job), "bold red")
    return WrappedText(worker.current_job) if worker.current_job else WrappedText(_(worker.state), "dim")
