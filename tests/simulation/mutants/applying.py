"""Applies seeded bugs, and looks for the seed whose checks catch them."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import textwrap
from collections.abc import Iterator
from operator import attrgetter
from typing import Any

from tests.simulation.mutants.mutant import Mutant, MutantError
from tests.simulation.runs import Result, run
from tests.simulation.schedule import make_schedule
from tests.simulation.server import Edit
from tests.simulation.world import SCRIPTS

SEEDS, GRANTS = 80, 200  # how many schedules are run, at most, to catch a mutant


@contextlib.contextmanager
def applied(mutant: Mutant) -> Iterator[Edit]:
    """Apply a mutant; yield the edit of scripts, which is to be given to the server."""
    if not mutant.function:
        old, new = mutant.old.encode(), mutant.new.encode()
        if not any(old in script.text for script in SCRIPTS.values()):
            raise MutantError(mutant, "no script contains")
        yield lambda text: text.replace(old, new)
        return
    function = _find(mutant.function)
    source = textwrap.dedent(inspect.getsource(function))
    if mutant.old not in source:
        raise MutantError(mutant, f"{mutant.function} does not contain")
    namespace = dict(function.__globals__)
    changed = "from __future__ import annotations\n" + source.replace(mutant.old, mutant.new)
    exec(compile(changed, mutant.name, "exec"), namespace)
    code = function.__code__
    function.__code__ = namespace[function.__name__].__code__  # so that it does not matter who has imported it
    try:
        yield lambda text: text
    finally:
        function.__code__ = code


def catch(url: str, mutant: Mutant) -> Result | None:
    """Return the result of the first seed whose checks find the mutant, or None."""
    with applied(mutant) as edit:
        for seed in range(SEEDS):
            result = run(url, make_schedule(mutant.primitive, seed, GRANTS, mutant.faults), edit)
            if result.violations:
                return result
    return None


def _find(path: str) -> Any:
    module, _, name = path.partition(":")
    return attrgetter(name)(importlib.import_module(module))
