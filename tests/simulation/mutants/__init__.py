"""Seeded bugs: changes of a script's text or of a function's source, each of which the checks have to catch."""

from tests.simulation.mutants.applying import applied, catch
from tests.simulation.mutants.barriers import BARRIERS
from tests.simulation.mutants.conditions import CONDITIONS
from tests.simulation.mutants.events import EVENTS
from tests.simulation.mutants.messages import MESSAGES
from tests.simulation.mutants.mutant import MutantError
from tests.simulation.mutants.permits import PERMITS
from tests.simulation.mutants.requests import REQUESTS

__all__ = ["MUTANTS", "MutantError", "applied", "catch"]

MUTANTS = (*PERMITS, *REQUESTS, *EVENTS, *MESSAGES, *CONDITIONS, *BARRIERS)
