"""What every exercise is: parameters with the course's numbers, actors that play on a context, and a check."""

from __future__ import annotations

import dataclasses
import inspect
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, TypeVar

from lab.checks import Verdict
from lab.errors import InvalidParameterError
from lab.run import Run
from lab.trace import Trace

MOST = 10_000  # actors on one machine: more would be a test of the machine
N = TypeVar("N", int, float, bool)


@dataclasses.dataclass(frozen=True)
class Exercise(ABC):
    """An exercise; its fields are its parameters, and its module's docstring says what the course asks.

    Raises `InvalidParameterError` for a value that cannot be meant.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    section: ClassVar[str]  # what the actors enter, as the trace calls it
    people: ClassVar[str]  # what the actors are called

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            check_number(field.name, getattr(self, field.name), type(field.default), **field.metadata["range"])

    @property
    @abstractmethod
    def actors(self) -> int:
        """How many actors take part."""

    @property
    @abstractmethod
    def limit(self) -> int:
        """How many may be in the section at once."""

    @abstractmethod
    def play(self, run: Run) -> None:
        """Start the actors on the run's context and wait for them."""

    @abstractmethod
    def check(self, trace: Trace) -> Verdict:
        """Return whether a run went as it must."""

    @abstractmethod
    def outcome(self, trace: Trace) -> Mapping[str, int]:
        """Return what came of a run, in numbers."""

    @classmethod
    def statement(cls) -> str:
        """Return what the course asks."""
        return inspect.cleandoc(sys.modules[cls.__module__].__doc__ or "")


def parameter(default: N, text: str, *, least: float = 0, most: float = MOST) -> N:
    """Return a field of an exercise: its default, its help text and the values it may have."""
    metadata = {"help": text, "range": {"least": least, "most": most}}
    field: N = dataclasses.field(default=default, metadata=metadata)
    return field


def check_number(name: str, value: object, kind: type, *, least: float, most: float) -> None:
    """Raise `InvalidParameterError` unless `value` is a number of that kind from `least` to `most`."""
    if not isinstance(value, (int, float) if kind is float else kind) or not least <= value <= most:  # type: ignore[operator]
        number = "a number" if kind is float else "a whole number"
        raise InvalidParameterError(f"{name} must be {number} from {least:g} to {most:g}, not {value!r}")
