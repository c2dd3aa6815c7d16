"""What every exercise is: parameters with the course's numbers, actors that play on a context, and a check.

To write one, make a module in `lab/exercises` whose docstring says what the course asks and what the comparison
shows, and in it a frozen dataclass that derives from `Exercise`; enter it in `lab/exercises/__init__.py`.

- Its fields are its parameters: numbers by `parameter`, and at most one choice, called `how`, by `choice`: the variants
  of the exercise. What takes a second in the course's program takes `pace` seconds here.
- Its actors are functions with `@actor` (`lab.runtime.recorder`), whose first argument records what they do:
  `me.note("buys", value=4)`, `with me.inside("db", lock) as fence:`. They get primitives as arguments, print nothing.
- `play` makes primitives and processes with `run.ctx`, which is multiprocessing's context or a twin of it, and gives
  the processes to `run.perform`. Recorders travel: `run.recorder(name)` belongs to the process called `name`. Keep the
  primitives in variables until `perform` returns: multiprocessing's end with the last one that refers to them here.
  An actor that never ends is one of `perform`'s `daemons`; a call in one of a pool's processes is a `Task`
  (`lab.runtime.pool_tasks`).
  What can be seen only when all have ended, `play` records itself: `run.recorder(LAB).note("counts", value=0)`.
- `check` and `outcome` see the trace alone. What they tell apart by order must be recorded in the right order: note
  before you let go or set, and after you were let in or woken. An actor may be killed between any two lines, or stand
  still for longer than its lease, which `inside` then records: think through what the trace says of it.
- `words` says what the course's program prints at which event; `lab run` prints that.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from lab.checks.verdicts import Verdict
from lab.errors import InvalidParameterError
from lab.formatting import Figure
from lab.printed_lines import Words
from lab.runtime.run import Run
from lab.trace import Trace

MOST = 10_000  # actors on one machine: more would be a test of the machine
N = TypeVar("N", int, float)


@dataclasses.dataclass(frozen=True)
class Exercise(ABC):
    """An exercise; its fields are its parameters, and its module's docstring says what the course asks.

    Raises `InvalidParameterError` for a value that cannot be meant.
    """

    name: ClassVar[str]
    summary: ClassVar[str]  # one line for `lab list`
    people: ClassVar[str] = "processes"  # what the actors are called
    section: ClassVar[str] = ""  # what the actors ask for, enter and leave, as the trace calls it; empty: nothing
    words: ClassVar[Mapping[str, Words]] = {}  # what is printed, by the event's `what`

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            field.metadata["check"](field.name, getattr(self, field.name))

    @property
    @abstractmethod
    def actors(self) -> int:
        """How many actors take part: those whose end `play` waits for."""

    @property
    def limit(self) -> int:
        """How many may be in the section at once."""
        return 1

    @property
    def at_once(self) -> int:
        """How many processes must run at the same time, since one waits for another: so many workers are needed."""
        return 1

    @property
    def one_host(self) -> bool:
        """Whether its processes hand each other what cannot travel, so that all workers must be on one host."""
        return False

    def smaller(self, workers: int) -> str:  # noqa: ARG002
        """Return the options with which so few workers are enough; empty if there are none."""
        return ""

    @abstractmethod
    def play(self, run: Run) -> None:
        """Start the actors on the run's context and wait for them."""

    @abstractmethod
    def check(self, trace: Trace) -> Verdict:
        """Return whether a run went as it must."""

    @abstractmethod
    def outcome(self, trace: Trace) -> Mapping[str, Figure]:
        """Return what came of a run, in the order of the table's rows.

        An int is a count, a float a number of seconds, a bool is shown as yes or no, a str as it stands, and None,
        for what there was not, as a dash. The same figures are there whatever happened, and for every variant.
        """

    @classmethod
    def statement(cls) -> str:
        """Return what the course asks."""
        return inspect.cleandoc(sys.modules[cls.__module__].__doc__ or "")

    @classmethod
    def variants(cls) -> Mapping[str, str]:
        """Return the variants, the default first, each with what a sentence calls it; empty if there are none."""
        return {
            name: phrase
            for field in dataclasses.fields(cls)
            for name, phrase in field.metadata.get("phrases", {}).items()
        }

    @property
    def variant(self) -> str:
        """Which variant this is; empty if there are none."""
        return str(getattr(self, "how", ""))


def parameter(default: N, text: str, *, least: float = 0, most: float = MOST) -> N:
    """Return a field of an exercise: its default, its help text and the values it may have."""
    check = functools.partial(check_number, kind=type(default), least=least, most=most)
    field: N = dataclasses.field(default=default, metadata={"help": text, "check": check})
    return field


def choice(text: str, **phrases: str) -> str:
    """Return the field `how` of an exercise: its help text and its variants, the default first.

    Each has a phrase for a sentence that begins with it: `queue="through a queue with one seller"`.
    """
    check = functools.partial(check_name, known=phrases)
    metadata = {"help": text, "check": check, "phrases": phrases}
    field: str = dataclasses.field(default=next(iter(phrases)), metadata=metadata)
    return field


def check_number(name: str, value: object, kind: type, *, least: float, most: float) -> None:
    """Raise `InvalidParameterError` unless `value` is a number of that kind from `least` to `most`."""
    meant = (
        isinstance(value, (int, float)) and not isinstance(value, bool) and (kind is float or isinstance(value, int))
    )
    if not meant or not least <= value <= most:  # type: ignore[operator]
        number = "a number" if kind is float else "a whole number"
        raise InvalidParameterError(f"{name} must be {number} from {least:g} to {most:g}, not {value!r}")


def check_name(name: str, value: object, known: Mapping[str, Any]) -> None:
    """Raise `InvalidParameterError` unless `value` is one of the `known`."""
    if not isinstance(value, str) or value not in known:
        raise InvalidParameterError(f"{name} must be one of {', '.join(known)}, not {value!r}")
