"""The command line: runs the measurements, prints the results, and writes the figures and the plot."""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from redis.utils import HIREDIS_AVAILABLE
from rich.console import Console
from rich.table import Table

from bench.board import BOARD
from bench.fairness import FAIRNESS
from bench.figures import Measurement, Rows, Target
from bench.managed_dict import MANAGED_DICT
from bench.messages import MESSAGES
from bench.plot import draw
from bench.pool import POOL
from bench.queue import ITEM_HANDOFF, QUEUE
from bench.server import Server
from bench.uncontended import REENTRANT, UNCONTENDED
from bench.value import VALUE
from bench.wake import BARRIER, CONDITION, EVENT, FAN_OUT, HANDOFF, SEMAPHORE
from broker import BrokerError

MEASUREMENTS: dict[str, Measurement] = {
    "uncontended": UNCONTENDED,
    "reentrant": REENTRANT,
    "handoff": HANDOFF,
    "fairness": FAIRNESS,
    "messages": MESSAGES,
    "semaphore": SEMAPHORE,
    "condition": CONDITION,
    "event": EVENT,
    "barrier": BARRIER,
    "fanout": FAN_OUT,
    "queue": QUEUE,
    "item": ITEM_HANDOFF,
    "value": VALUE,
    "dict": MANAGED_DICT,
    "board": BOARD,
    "pool": POOL,
}
PACKAGES = ("redis", "python-redis-lock", "walrus", "pottery", "portalocker", "redis-fifo-lock", "lithops")
WIDTH = 110  # columns, where there is no terminal to ask

Results = dict[str, Rows]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 0 if all targets were met, 1 if some were missed, 2 if it could not run."""
    options = _parser().parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    try:
        server = Server()
    except BrokerError as error:
        return _refuse(str(error))
    try:
        setting = _setting(server)
        console.print(setting, highlight=False)
        results = _run(server, options.only or list(MEASUREMENTS), options.quick, console)
    except threading.BrokenBarrierError:
        return _refuse("a process of a measurement failed or was stuck; see its output above")
    except KeyboardInterrupt:
        return _refuse("interrupted; no file was written")
    finally:  # after the clauses above, which release objects of a measurement that may still need the server
        gc.collect()  # lithops' objects delete their keys
        server.close()
    targets = [target for name, rows in results.items() for target in MEASUREMENTS[name].targets(rows)]
    console.print(_target_table(targets))
    if options.json:
        judged = [asdict(target) | {"met": target.met} for target in targets]
        written = {"setting": setting, "quick": options.quick, "results": results, "targets": judged}
        options.json.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    if options.plot:
        titles = {name: MEASUREMENTS[name].title for name in results}
        draw(results, titles, setting, options.plot)
    return 0 if all(target.met for target in targets) else 1


def _run(server: Server, names: Sequence[str], quick: bool, console: Console) -> Results:
    results = {}
    for name in names:
        started = time.monotonic()
        with console.status(MEASUREMENTS[name].title):
            results[name] = MEASUREMENTS[name].measure(server, quick)
        table = MEASUREMENTS[name].table(results[name])
        table.title = f"{MEASUREMENTS[name].title} ({name}, took {time.monotonic() - started:.0f} s)"
        console.print(table)
    return results


def _setting(server: Server) -> str:
    packages = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    return (
        f"Redis {server.version} over TCP on loopback, Python {platform.python_version()}, {os.cpu_count()} cores; "
        f"{packages}; {'with' if HIREDIS_AVAILABLE else 'without'} hiredis"
    )


def _target_table(targets: Sequence[Target]) -> Table:
    table = Table("target", "figure", "bound", "", title="Targets")
    for column in table.columns[1:3]:
        column.justify = "right"
    for target in targets:
        sign = ">=" if target.at_least else "<="
        verdict = "[green]met[/]" if target.met else "[red]not met[/]"
        table.add_row(target.what, f"{target.figure:.3f}", f"{sign} {target.bound:.3f}", verdict)
    return table


def _refuse(sentence: str) -> int:
    print(f"bench: {sentence}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the broker and other libraries.")
    parser.add_argument("--only", nargs="+", choices=MEASUREMENTS, metavar="NAME", help=", ".join(MEASUREMENTS))
    parser.add_argument("--quick", action="store_true", help="run fewer rounds, for rough figures")
    parser.add_argument("--json", type=_file, metavar="FILE", help="file for all figures and samples")
    parser.add_argument("--plot", type=_plot_file, metavar="FILE", help="file for a plot of the figures (.svg or .png)")
    return parser


def _file(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text} cannot be written; name a file in a folder that exists")
    return path


def _plot_file(text: str) -> Path:
    path = _file(text)
    if path.suffix not in (".svg", ".png"):
        raise argparse.ArgumentTypeError(f"{text} is not the name of a plot; it must end in .svg or .png")
    return path
