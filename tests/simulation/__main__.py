"""Simulates processes, networks and servers that fail: `python -m tests.simulation --help`."""

from __future__ import annotations

import argparse
import sys
import time
from itertools import count

import redis

from broker.server.private_server import PrivateServer
from tests.simulation.mutants import MUTANTS, catch
from tests.simulation.runs import Totals, report, run
from tests.simulation.schedule import Schedule, make_schedule
from tests.simulation.workloads import WORKLOADS


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--primitive", choices=sorted(WORKLOADS), help="only this one")
    parser.add_argument("--total", type=int, default=20_000, help="grants of each primitive; a tenth as many faults")
    parser.add_argument("--hours", type=float, help="for how long to run, instead of --total")
    parser.add_argument("--seed", type=int, help="the first seed; without --hours, the only one")
    parser.add_argument("--grants", type=int, default=500, help="grants of each schedule")
    parser.add_argument("--schedule", help="the schedule that a report has printed")
    parser.add_argument("--mutants", nargs="?", const="", metavar="NAME", help="catch the seeded bugs, or this one")
    return parser


def main() -> int:
    """Run what the command line says; return the exit status: 1 if something was found, or a seeded bug was not."""
    options = make_parser().parse_args()
    server = PrivateServer()
    try:
        if options.schedule:
            return _repeat(server.url, options.schedule)
        if options.mutants is not None:
            return _catch(server.url, options.mutants)
        return _explore(server.url, options)
    finally:
        server.close()


def _repeat(url: str, text: str) -> int:
    found = run(url, Schedule.from_json(text)).violations
    for violation in found:
        print(violation)
    return bool(found)


def _catch(url: str, name: str) -> int:
    missed = 0
    for mutant in MUTANTS:
        if name in mutant.name:
            result = catch(url, mutant)
            missed += result is None
            found = "nothing" if result is None else f"`{result.violations[0].check}`, seed {result.schedule.seed}"
            print(f"| {mutant.name} | {mutant.primitive} | {mutant.why} | {found} |", flush=True)
    return bool(missed)


def _explore(url: str, options: argparse.Namespace) -> int:
    totals = {primitive: Totals() for primitive in ([options.primitive] if options.primitive else WORKLOADS)}
    started, found = time.monotonic(), 0
    for seed in count(options.seed or 0):
        for primitive, total in totals.items():
            if options.hours or total.grants < options.total:
                result = run(url, make_schedule(primitive, seed, options.grants))
                total.add(result)
                if result.violations:
                    found += 1
                    print(report(url, result), flush=True)
        elapsed = time.monotonic() - started
        if options.hours:
            is_over = elapsed > options.hours * 3600
        else:
            is_over = options.seed is not None or all(total.grants >= options.total for total in totals.values())
        if is_over:
            break
    for primitive, total in totals.items():
        print(f"{primitive}: {total.runs} seeds, {total.grants} grants, {total.faults.total()} faults")
        print("  " + ", ".join(f"{kind} {times}" for kind, times in sorted(total.faults.items())))
    grants, used = sum(total.grants for total in totals.values()), _cpu_seconds(url)
    print(f"{found} seeds found something; {elapsed:.0f} s, {used:.0f} of CPU: {grants / used:.0f} grants a second")
    return bool(found)


def _cpu_seconds(url: str) -> float:
    """Return what this process and its server have computed."""
    with redis.Redis.from_url(url) as client:
        used = client.info("cpu")
    return time.process_time() + float(used["used_cpu_user"]) + float(used["used_cpu_sys"])


if __name__ == "__main__":
    sys.exit(main())
