"""The Redis server that a command uses: the options that name it, and the checks before its use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from gettext import gettext as _

import click
from click.core import ParameterSource

import broker
from broker.server.environment import server_url
from broker.server.private_server import PrivateServer
from jobs.exchange.signing import unsigned_jobs_warning
from jobs.exchange.worker_list import worker_count
from lab.backends import QUEUE
from lab.cli.localized import Option
from lab.errors import LabError
from lab.language import N_
from lab.runtime.fault_plan import FaultPlan


def describe_server(server: str) -> str:
    """Return in the current language what `check_server` has returned: the server's name, version and address."""
    product, _at, address = server.partition(" at ")
    return _("{product} at {address}").format(product=product, address=address)


@dataclass(frozen=True)
class Server:
    """The server of a run, after its checks; the fields are empty if the run needs none.

    `log_url` is that of another server, for what is recorded; it is empty if that is this server's.
    """

    url: str = field(default="", repr=False)  # it may hold a password
    description: str | None = None
    log_url: str = field(default="", repr=False)


@contextmanager
def open_server(
    url: str | None, backends: Sequence[str], min_workers: int = 1, faults: FaultPlan | None = None
) -> Iterator[Server]:
    """Check the server that the backends need, and start a private one if `url` and the environment name none.

    `min_workers` is how many workers the command needs, whatever its `--workers` is. If faults are to restart the
    server, it is a private one, and so is the one for what is recorded; raises `LabError` if another one is named.
    """
    if list(backends) == ["local"]:
        yield Server()
        return
    restarts = faults is not None and faults.restarts_server
    if faults and restarts and (url or server_url()):
        raise LabError(
            _(
                "--fault {kind} restarts only a server that the lab has started itself, as others may use the one that "
                "is named: leave out --redis-url, and unset LAB_REDIS_URL"
            ).format(kind=faults.kind)
        )
    own = _restartable_server() if restarts else nullcontext((url, ""))
    with own as (named, log_url), broker.Context(named) as ctx:
        description = ctx.check()
        if "rq" in backends:
            warn_if_unsigned(ctx.url)
            _warn_if_other_workers(ctx.url, min_workers)
        yield Server(ctx.url, description, log_url)


@contextmanager
def _restartable_server() -> Iterator[tuple[str, str]]:
    """Start a server that can be restarted, and another one for what is recorded; yield their URLs."""
    with closing(PrivateServer(restart=True)) as server, closing(PrivateServer()) as log:
        yield server.url, log.url


def server_option(command: click.Command) -> click.Command:
    """Give a command the option that says which server it is about: `url`."""
    command.params.append(
        Option(["--redis-url", "url"], default=server_url, show_default="LAB_REDIS_URL", help=N_("Redis server."))
    )
    return command


def worker_options(command: click.Command) -> click.Command:
    """Give a command the options that say where the workers are: `url` and `queue`."""
    queue = Option(["--queue"], default=QUEUE, show_default=True, help=N_("RQ queue."))
    server_option(command).params.append(queue)
    return command


def require_url(url: str | None) -> str:
    """Return `url`; raise `LabError` if there is none."""
    if not url:
        raise LabError(
            _("no Redis server is named; set LAB_REDIS_URL, which hides a password from other users, or --redis-url")
        )
    return url


def warn_if_unsigned(url: str) -> None:
    """Print a warning to standard error if workers run unsigned jobs; raise `SecretError` for an unusable secret."""
    if warning := unsigned_jobs_warning(url):
        click.echo(warning, err=True)


def _warn_if_other_workers(url: str, needed: int) -> None:
    """Print a warning to standard error if the command's `--workers` was given, and it runs on another number."""
    command = click.get_current_context()
    asked_for = command.params["workers"]
    if command.get_parameter_source("workers") is ParameterSource.DEFAULT:
        return
    running = worker_count(url, QUEUE)
    if running not in (0, asked_for):
        ignored = _(
            "--workers {number} is ignored: this run uses the workers that are running on queue {queue} ({running})"
        )
        click.echo("lab: " + ignored.format(number=asked_for, queue=QUEUE, running=running), err=True)
    elif not running and asked_for < needed:
        too_few = _(
            "--workers {number} is too few: {name} needs {needed} workers at the same time, and so many are started"
        )
        click.echo("lab: " + too_few.format(number=asked_for, name=command.info_name, needed=needed), err=True)
