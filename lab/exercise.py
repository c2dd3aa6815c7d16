"""The base class of exercises: parameters with the course's numbers, actors that run on a context, and a check.

To write one, add a module to `lab/exercises`. Its docstring says what the course asks and what the comparison shows.
In it, derive a frozen dataclass from `Exercise`, and list the class in `lab/exercises/__init__.py`.

- Its fields are its parameters: numbers declared with `parameter`, and at most one choice, called `how`, declared with
  `choice`: the variants of the exercise. What takes a second in the course's program takes `pace` seconds here.
- Its actors are functions decorated with `@actor` (`lab.runtime.recorder`). The first argument records what they do:
  `me.record("buys", value=4)`, `with me.inside("db", lock) as fence:`. They get primitives as arguments and print
  nothing.
- `run_actors` creates primitives and processes with `run.ctx`, which is multiprocessing's context or a twin of it, and
  passes the processes to `run.start_and_join`. `run.recorder(name)` belongs to the process called `name` and can be
  sent to it. Keep the primitives in variables until `start_and_join` returns: multiprocessing destroys a primitive
  with the last reference to it in this process. An actor that never ends is one of the `daemons`. A call in one of a
  pool's processes is a `PoolTask` (`lab.runtime.pool_tasks`). Where actors may wait for each other forever, pass
  `is_deadlocked`, which sees that from the events so far: then the lab ends the run. What can be seen only after all
  actors have ended, `run_actors` records itself: `run.recorder(LAB).record("counts", value=0)`.
- `check` and `outcome` see only the trace. Where they depend on the order of events, record in the right order: before
  a release or a `set`, and after an acquire or a `wait`. An actor may be killed between any two lines, or pause for
  longer than its lease, which `inside` then records: consider what the trace says in these cases.
- `--fault` needs nothing from an exercise. An actor inside the section meets its fault as soon as it has entered;
  `inside_events` names a later event, if the lesson needs it. Set `judges_faults` if `check` never takes what a dead or
  a paused actor did, or did not do, for a violation; otherwise the verdict on such a run is unknown instead of invalid.
- `printed_lines` says what the course's program prints at which event; `lab run` prints that.
- What it says is English in the code, and a message of the catalogue (`lab.language`): constants in `N_`, whole
  sentences in `_`.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from gettext import gettext as _
from typing import Any, ClassVar, TypeVar

from lab.checks.verdicts import Verdict
from lab.errors import InvalidParameterError
from lab.formatting import OutcomeValue, join_list
from lab.language import N_
from lab.printed_lines import PrintedLine
from lab.runtime.fault_plan import GRANTS, RUNNING, FaultPlan
from lab.runtime.run import Run
from lab.trace import Trace

MAX_ACTORS = 10_000  # actors on one machine: more would be a test of the machine
N = TypeVar("N", int, float)


@dataclasses.dataclass(frozen=True)
class Exercise(ABC):
    """An exercise; its fields are its parameters, and its module's docstring says what the course asks.

    Raises `InvalidParameterError` for a value that is out of range or of the wrong type.
    """

    name: ClassVar[str]
    summary: ClassVar[str]  # one line for `lab list`
    counted_actors: ClassVar[str] = N_("{count} processes")  # the actors, in a sentence
    section: ClassVar[str] = ""  # the critical section's name in the trace; empty if there is none
    printed_lines: ClassVar[Mapping[str, PrintedLine]] = {}  # by the event's `what`
    inside_events: ClassVar[tuple[str, ...]] = GRANTS  # after the first of them, a fault finds an actor inside
    judges_faults: ClassVar[bool] = False  # whether `check` is right about any run in which actors die or pause

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            field.metadata["check"](field.name, getattr(self, field.name))

    @property
    @abstractmethod
    def actors(self) -> int:
        """How many actors take part: those that `run_actors` waits for."""

    @property
    def limit(self) -> int:
        """How many actors may be inside the section at once."""
        return 1

    @property
    def min_workers(self) -> int:
        """How many workers are needed: as many as there are processes that wait for each other."""
        return 1

    @property
    def single_host(self) -> bool:
        """Whether its processes pass each other what cannot leave a host, so that all workers must be on one host."""
        return False

    def options_for(self, workers: int) -> str:  # noqa: ARG002
        """Return the options with which this number of workers is enough; empty if there are none."""
        return ""

    def plan(self, faults: FaultPlan) -> FaultPlan:
        """Return the plan with the moments that this exercise has."""
        moments = faults.moments if self.section else (RUNNING,)
        return dataclasses.replace(faults, moments=moments, inside=self.inside_events)

    @abstractmethod
    def run_actors(self, run: Run) -> None:
        """Start the actors on the run's context and wait for them."""

    @abstractmethod
    def check(self, trace: Trace) -> Verdict:
        """Return whether a run was correct."""

    @abstractmethod
    def outcome(self, trace: Trace) -> Mapping[str, OutcomeValue]:
        """Return the results of a run, in the order of the table's rows.

        An int is a count, a float a number of seconds, a bool is shown as yes or no, a str unchanged, and None, where
        there is no value, as a dash. The keys are the same for every run and every variant, and messages of the
        catalogue.
        """

    @classmethod
    def statement(cls) -> str:
        """Return what the course asks, in the current language."""
        return _(inspect.cleandoc(sys.modules[cls.__module__].__doc__ or ""))

    @classmethod
    def variants(cls) -> Mapping[str, str]:
        """Return the variants, the default first, each with its phrase for sentences; empty if there are none."""
        return {
            name: phrase
            for field in dataclasses.fields(cls)
            for name, phrase in field.metadata.get("phrases", {}).items()
        }

    @property
    def variant(self) -> str:
        """Which variant this is; empty if there are none."""
        return str(getattr(self, "how", ""))


def parameter(default: N, text: str, *, minimum: float = 0, maximum: float = MAX_ACTORS) -> N:
    """Return a field of an exercise with its default, its help text and its range."""
    check = functools.partial(check_number, kind=type(default), minimum=minimum, maximum=maximum)
    field: N = dataclasses.field(default=default, metadata={"help": text, "check": check})
    return field


def choice(text: str, **phrases: str) -> str:
    """Return the field `how` of an exercise with its help text and its variants, the default first.

    Each variant has a phrase that can begin a sentence: `queue=N_("through a queue with one seller")`.
    """
    check = functools.partial(check_name, known=phrases)
    metadata = {"help": text, "check": check, "phrases": phrases}
    field: str = dataclasses.field(default=next(iter(phrases)), metadata=metadata)
    return field


def check_number(name: str, value: object, kind: type, *, minimum: float, maximum: float) -> None:
    """Raise `InvalidParameterError` unless `value` is a number of that kind from `minimum` to `maximum`."""
    is_number = (
        isinstance(value, (int, float)) and not isinstance(value, bool) and (kind is float or isinstance(value, int))
    )
    if not is_number or not minimum <= value <= maximum:  # type: ignore[operator]
        number = (
            _("{name} must be a number from {minimum:g} to {maximum:g}, not {value!r}")
            if kind is float
            else _("{name} must be a whole number from {minimum:g} to {maximum:g}, not {value!r}")
        )
        raise InvalidParameterError(number.format(name=name, minimum=minimum, maximum=maximum, value=value))


def check_name(name: str, value: object, known: Mapping[str, Any]) -> None:
    """Raise `InvalidParameterError` unless `value` is one of the `known` names."""
    if not isinstance(value, str) or value not in known:
        unknown = _("{name} must be one of {names}, not {value!r}")
        raise InvalidParameterError(unknown.format(name=name, names=join_list(list(known)), value=value))
