"""The command `lab locks`: who holds which lock, and who waits for it."""

from __future__ import annotations

import dataclasses
import json
from gettext import gettext as _

import click
from rich.console import Console
from rich.text import Text

import broker
from broker.server.check import check_server
from jobs.exchange.client import client
from lab.cli.localized import command, option
from lab.cli.server import describe_server, require_url, server_option
from lab.language import N_
from lab.report.primitives import explain_circular_wait, primitives_table, summarize_primitives
from lab.wrapping import wrap


@server_option
@command(short_help=N_("List locks, semaphores, queues, events and boards in use."))
@option("--all", "show_all", is_flag=True, help=N_("List idle ones, too."))
@option("--json", "as_json", is_flag=True, help=N_("Print JSON."))
def locks(url: str | None, show_all: bool, as_json: bool) -> None:
    """List the locks, semaphores, queues, pipes, events and boards that are in use on a server.

    It shows who holds what, under which fence and since when, who waits in which place, how many items queues hold, and
    which events are set; and it names threads that wait for each other's locks in a circle. The server's state is not
    changed.
    """
    url = require_url(url)
    server = describe_server(check_server(url))
    with broker.Context(url) as ctx, client(url) as connection:
        primitives = ctx.primitives(busy=not show_all)
        seconds, micros = connection.time()
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(primitive) for primitive in primitives], indent=2))
        return
    console = Console()
    heading = _("{server}: {summary}").format(server=server, summary=summarize_primitives(primitives, not show_all))
    console.print(Text(wrap(heading, console.width), style="bold"))
    if primitives:
        console.print(primitives_table(primitives, seconds + micros / 1e6))
    if circle := explain_circular_wait(primitives):
        console.print(Text(wrap(circle, console.width), style="bold red"))
