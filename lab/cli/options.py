"""The options of `lab compare` and `lab run`: those of every exercise, and those that its parameters make."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from lab import files
from lab.backends import BACKENDS
from lab.errors import InvalidParameterError
from lab.exercise import Exercise, check_number
from lab.printed_lines import LANGUAGES, locale_language

WORKERS = {"minimum": 1, "maximum": 64}
ALL = "all"


@dataclasses.dataclass(frozen=True)
class Options:
    """What a command is told besides an exercise's parameters; raises `LabError` for what cannot be meant."""

    backends: list[str]
    url: str | None = dataclasses.field(repr=False)  # it may hold a password
    workers: int
    trace_folder: Path | None
    json_file: Path | None = None
    language: str = ""

    def __post_init__(self) -> None:
        wrong = [name for name in self.backends if name not in BACKENDS]
        if wrong or not self.backends:
            raise InvalidParameterError(f"there is no backend {', '.join(wrong)!r}; choose from {','.join(BACKENDS)}")
        check_number("workers", self.workers, int, **WORKERS)
        if self.json_file is not None:
            files.require_file(self.json_file)
        if self.trace_folder is not None:
            files.require_folder(self.trace_folder)


def for_compare(exercise: type[Exercise]) -> list[click.Parameter]:
    """Return the options of `lab compare` for an exercise, its own ones first."""
    several = "; several with commas, or all"
    return [
        *_parameters(exercise, several),
        click.Option(["--on", "backends"], default=",".join(BACKENDS), show_default=True, help="where to run it"),
        *_common(),
        click.Option(["--json", "json_file"], type=_PATH, help="a file for the figures"),
    ]


def for_run(exercise: type[Exercise]) -> list[click.Parameter]:
    """Return the options of `lab run` for an exercise, its own ones first."""
    language = click.Choice(LANGUAGES)
    return [
        *_parameters(exercise, ""),
        click.Option(["--on", "backend"], default="local", show_default=True, help=f"one of {', '.join(BACKENDS)}"),
        *_common(),
        click.Option(["--lang", "language"], type=language, help="Chinese or English; else the locale's"),
    ]


def parse_compare(exercise: type[Exercise], given: Mapping[str, Any]) -> tuple[list[Exercise], Options]:
    """Return the variants to compare, and the rest."""
    parameters, common = _split(exercise, given)
    options = Options(backends=_names(common.pop("backends")), **common)
    if "how" not in parameters:
        return [exercise(**parameters)], options
    named = _names(parameters.pop("how"))
    variants = list(exercise.variants()) if named == [ALL] else named
    return [exercise(**parameters, how=how) for how in variants], options  # type: ignore[call-arg]


def parse_run(exercise: type[Exercise], given: Mapping[str, Any]) -> tuple[Exercise, Options]:
    """Return the exercise to run, and the rest."""
    parameters, common = _split(exercise, given)
    common["language"] = common["language"] or locale_language(os.environ)
    return exercise(**parameters), Options(backends=[common.pop("backend")], **common)


def _split(exercise: type[Exercise], given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    own = {field.name for field in dataclasses.fields(exercise)}
    return (
        {name: value for name, value in given.items() if name in own},
        {name: value for name, value in given.items() if name not in own},
    )


def _names(text: str) -> list[str]:
    """Return the names in a list with commas, each once."""
    return list(dict.fromkeys(name.strip() for name in text.split(",")))


def _parameters(exercise: type[Exercise], several: str) -> list[click.Parameter]:
    return [_option(field, several) for field in dataclasses.fields(exercise)]


def _option(field: dataclasses.Field[Any], several: str) -> click.Option:
    text, phrases = field.metadata["help"], field.metadata.get("phrases")
    if phrases:
        text = f"{text}: {', '.join(phrases)}{several}"
    return click.Option(
        [f"--{field.name}"], type=type(field.default), default=field.default, show_default=True, help=text
    )


_PATH = click.Path(path_type=Path)


def _common() -> list[click.Parameter]:
    return [
        click.Option(["--redis-url", "url"], help="a Redis server; else LAB_REDIS_URL, else a private one is started"),
        click.Option(["--workers"], type=int, default=8, show_default=True, help="RQ workers to start if none listen"),
        click.Option(["--trace", "trace_folder"], type=_PATH, help="a new folder for the traces"),
    ]
