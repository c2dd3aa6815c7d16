"""The options of `lab compare` and `lab run`: those of every run, and those made from an exercise's parameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from gettext import gettext as _
from typing import Any

import click

from lab.backends import BACKENDS, DEFAULT_WORKERS, MAX_WORKERS
from lab.cli.localized import Option
from lab.cli.output import Output, json_option, output_options
from lab.errors import InvalidParameterError
from lab.exercise import Exercise, check_number
from lab.formatting import join_list
from lab.language import N_
from lab.runtime.fault_plan import KINDS, FaultPlan, parse_fault

MIN_WORKERS = 1
WORKERS = N_("RQ workers to start if none listens.")
MAX_SEED = 2**32
ALL = "all"


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of a run that are no parameters of its exercise; raises `LabError` for invalid ones."""

    backends: list[str]
    url: str | None = dataclasses.field(repr=False)  # it may hold a password
    workers: int
    output: Output
    repeat: int = 1
    faults: FaultPlan | None = None
    watch: bool = False

    def __post_init__(self) -> None:
        check_backends(self.backends)
        check_number("workers", self.workers, int, minimum=MIN_WORKERS, maximum=MAX_WORKERS)


def check_backends(names: list[str]) -> None:
    """Raise `InvalidParameterError` for a backend that does not exist."""
    for name in names:
        if name not in BACKENDS:
            unknown = _("there is no backend {name!r}; choose from {names}")
            raise InvalidParameterError(unknown.format(name=name, names=",".join(BACKENDS)))


def for_compare(exercise: type[Exercise]) -> list[click.Parameter]:
    """Return the options of `lab compare` for an exercise, its own ones first."""
    return [
        *_parameters(exercise, N_("{text}: {names}; several with commas, or all.")),
        backends_option(),
        *_fault_options(exercise),
        repeat_option(),
        _watch_option(),
        redis_url_option(),
        _workers_option(),
        *output_options(),
        json_option(),
    ]


def for_run(exercise: type[Exercise]) -> list[click.Parameter]:
    """Return the options of `lab run` for an exercise, its own ones first."""
    return [
        *_parameters(exercise, N_("{text}: {names}.")),
        Option(
            ["--on", "backend"],
            default="local",
            show_default=True,
            help=lambda: _("Backend to run on: {names}.").format(names=join_list(list(BACKENDS))),
        ),
        *_fault_options(exercise),
        repeat_option(),
        _watch_option(),
        redis_url_option(),
        _workers_option(),
        *output_options(),
    ]


def parse_compare(exercise: type[Exercise], given: Mapping[str, Any]) -> tuple[list[Exercise], Options]:
    """Return the variants to compare, and the other options."""
    parameters, common = _split(exercise, given)
    options = Options(backends=parse_names(common.pop("backends")), output=_output(common), **common)
    if "how" not in parameters:
        return [exercise(**parameters)], options
    named = parse_names(parameters.pop("how"))
    variants = list(exercise.variants()) if named == [ALL] else named
    return [exercise(**parameters, how=how) for how in variants], options  # type: ignore[call-arg]


def parse_run(exercise: type[Exercise], given: Mapping[str, Any]) -> tuple[Exercise, Options]:
    """Return the exercise to run, and the other options."""
    parameters, common = _split(exercise, given)
    return exercise(**parameters), Options(backends=[common.pop("backend")], output=_output(common), **common)


def parse_names(text: str) -> list[str]:
    """Return the names in a list with commas, each once."""
    return list(dict.fromkeys(name.strip() for name in text.split(",")))


def backends_option() -> click.Option:
    """Return the option for the backends of a comparison."""
    return Option(["--on", "backends"], default=",".join(BACKENDS), show_default=True, help=N_("Backends to run on."))


def redis_url_option() -> click.Option:
    """Return the option for the Redis server."""
    default = N_("LAB_REDIS_URL, or else a private server")
    return Option(["--redis-url", "url"], show_default=default, help=N_("Redis server."))


def program_workers_option() -> click.Option:
    """Return the option for the number of workers of a program."""
    default = N_("as many as processes, from {first} to {last}")
    return Option(
        ["--workers"],
        type=click.IntRange(MIN_WORKERS, MAX_WORKERS),
        show_default=lambda: _(default).format(first=DEFAULT_WORKERS, last=MAX_WORKERS),
        help=WORKERS,
    )


def repeat_option() -> click.Option:
    """Return the option for the number of runs, of each variant on each backend."""
    return Option(["--repeat"], type=click.IntRange(1), default=1, show_default=True, help=N_("Number of runs."))


def fault_option() -> click.Option:
    """Return the option for the faults of a run."""
    text = N_(
        "Faults at seeded moments: {kinds}, or several, as in kill:2. A server that restarts, with its data or empty, "
        "must be the lab's own."
    )
    return Option(["--fault"], metavar="KIND[:N]", help=lambda: _(text).format(kinds=join_list(KINDS)))


def seed_option() -> click.Option:
    """Return the option for the seed of the faults, for what has no seed of its own."""
    kind = click.IntRange(0, MAX_SEED)
    return Option(["--seed"], type=kind, default=0, show_default=True, help=N_("Seed of the faults."))


def _watch_option() -> click.Option:
    return Option(["--watch"], is_flag=True, help=N_("Show what each actor is doing, as it happens."))


def _workers_option() -> click.Option:
    # `Options` checks the range.
    return Option(["--workers"], type=click.INT, default=DEFAULT_WORKERS, show_default=True, help=WORKERS)


def parse_faults(fault: str | None, seed: int) -> FaultPlan | None:
    """Return the plan that these options ask for; None for none."""
    return None if fault is None else parse_fault(fault, seed)


def _fault_options(exercise: type[Exercise]) -> list[click.Parameter]:
    own_seed = "seed" in _names(exercise)  # it is the seed of the faults, too
    return [fault_option()] if own_seed else [fault_option(), seed_option()]


def _split(exercise: type[Exercise], given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the exercise's parameters, and the other options."""
    own = _names(exercise)
    faults = parse_faults(given["fault"], given["seed"])
    return (
        {name: value for name, value in given.items() if name in own},
        {name: value for name, value in given.items() if name not in {*own, "fault", "seed"}} | {"faults": faults},
    )


def _output(common: dict[str, Any]) -> Output:
    """Remove the options of the output, and return what they say."""
    names = [field.name for field in dataclasses.fields(Output)]
    return Output(**{name: common.pop(name) for name in names if name in common})


def _names(exercise: type[Exercise]) -> set[str]:
    return {field.name for field in dataclasses.fields(exercise)}


def _parameters(exercise: type[Exercise], with_names: str) -> list[click.Parameter]:
    return [_parameter(field, with_names) for field in dataclasses.fields(exercise)]


def _parameter(field: dataclasses.Field[Any], with_names: str) -> click.Option:
    """Return the option for a parameter; `with_names` is the message for one that chooses a variant."""
    message = with_names if "phrases" in field.metadata else N_("{text}.")

    def describe() -> str:
        text = _(field.metadata["help"])
        return _(message).format(text=text[0].upper() + text[1:], names=join_list(field.metadata.get("phrases", ())))

    kind = type(field.default)
    return Option([f"--{field.name}"], type=kind, default=field.default, show_default=True, help=describe)
