"""The options of `lab compare`: those of every exercise, and those that its parameters make."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from lab import files
from lab.backends import BACKENDS
from lab.errors import InvalidParameterError
from lab.exercise import Exercise, check_number

WORKERS = {"least": 1, "most": 64}


@dataclasses.dataclass(frozen=True)
class Options:
    """What `lab compare` is told besides an exercise's parameters; raises `LabError` for what cannot be meant."""

    backends: list[str]
    url: str | None
    workers: int
    json_file: Path | None
    trace_folder: Path | None

    def __post_init__(self) -> None:
        wrong = [name for name in self.backends if name not in BACKENDS]
        if wrong or not self.backends:
            raise InvalidParameterError(f"there is no backend {', '.join(wrong)!r}; choose from {','.join(BACKENDS)}")
        check_number("workers", self.workers, int, **WORKERS)
        if self.json_file is not None:
            files.require_file(self.json_file)
        if self.trace_folder is not None:
            files.require_folder(self.trace_folder)


def parameters_of(exercise: type[Exercise]) -> list[click.Parameter]:
    """Return the options that an exercise has, its own ones first."""
    return [*map(_option, dataclasses.fields(exercise)), *_common()]


def split(given: Mapping[str, Any]) -> tuple[dict[str, Any], Options]:
    """Return an exercise's own parameters, and the rest."""
    parameters = dict(given)
    common = {field.name: parameters.pop(field.name) for field in dataclasses.fields(Options)}
    backends = dict.fromkeys(name.strip() for name in common.pop("backends").split(","))
    return parameters, Options(backends=list(backends), **common)


def _option(field: dataclasses.Field[Any]) -> click.Option:
    flag = f"--{field.name}/--no-{field.name}" if isinstance(field.default, bool) else f"--{field.name}"
    kind = None if isinstance(field.default, bool) else type(field.default)
    return click.Option([flag], type=kind, default=field.default, show_default=True, help=field.metadata["help"])


def _common() -> list[click.Parameter]:
    path = click.Path(path_type=Path)
    return [
        click.Option(["--on", "backends"], default=",".join(BACKENDS), show_default=True, help="where to run it"),
        click.Option(["--redis-url", "url"], help="a Redis server; else LAB_REDIS_URL, else a private one is started"),
        click.Option(["--workers"], type=int, default=8, show_default=True, help="RQ workers to start if none listen"),
        click.Option(["--json", "json_file"], type=path, help="a file for the figures"),
        click.Option(["--trace", "trace_folder"], type=path, help="a new folder for the traces"),
    ]
