"""Processes, networks and servers that fail, in virtual time; see docs/evidence.md."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from broker.engine.operations import Sleep
from broker.server.private_server import PrivateServer
from broker.transport.connection import NEVER
from tests.simulation.mutants import MUTANTS, MutantError, applied, catch
from tests.simulation.process import Host, Process
from tests.simulation.runs import report, run, run_seeds, shrink
from tests.simulation.schedule import Schedule, make_schedule
from tests.simulation.server import SimulatedServer
from tests.simulation.workloads import WORKLOADS
from tests.simulation.world import World

GRANTS = 8_000  # of each part, with a tenth as many faults
FEWER = {"condition": 800, "barrier": 800}  # in the first part: a state is read after each of their scripts
PARTS = [pytest.param(part, marks=[pytest.mark.slow] if part else []) for part in range(13)]
SEEDS = 1000  # of each part, at most
FAULTS = {"condition": 13}  # grants for one fault, at most: its schedules have more grants than they ask for


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server for simulations alone: each begins by losing all data."""
    server = PrivateServer()
    yield server.url
    server.close()


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("primitive", WORKLOADS)
def test_nothing_is_found(url, primitive, part):
    grants = GRANTS if part else FEWER.get(primitive, GRANTS)
    totals, found = run_seeds(url, primitive, range(SEEDS * part, SEEDS * (part + 1)), grants)
    if found:
        pytest.fail(report(url, found))
    assert totals.grants >= grants
    assert totals.faults.total() >= grants / FAULTS.get(primitive, 11), "some come after the last grant"


@pytest.mark.parametrize("primitive", WORKLOADS)
def test_a_schedule_can_be_repeated(url, primitive):
    schedule = make_schedule(primitive, 3, 100)
    assert Schedule.from_json(schedule.to_json()) == schedule
    first, second = (list(map(repr, run(url, schedule).history)) for _ in range(2))
    assert first == second


def test_a_process_that_is_killed_frees_its_generators_as_their_own_tasks(url):
    server = SimulatedServer(url, lambda text: text)
    world = World(make_schedule("lock", 0, 1), server)
    process = Process(world, 1, Host(1))
    freed = []

    def steps():
        begun_by = world.current
        try:
            yield Sleep(NEVER)
        finally:
            freed.append((begun_by, world.current))

    for _ in range(2):
        process.start_worker(steps())
    for task in process.workers:
        task.resume(0, None, None)
    process.end()
    server.close()
    assert freed == [(task, task) for task in process.workers]


def test_a_failing_schedule_is_shrunk(url):
    mutant = next(mutant for mutant in MUTANTS if mutant.name == "grants go to the tail")
    with applied(mutant) as edit:
        schedule = make_schedule("lock", 0, 200)
        shrunk = shrink(schedule, lambda smaller: bool(run(url, smaller, edit).violations))
        assert run(url, shrunk, edit).violations
    assert not run(url, shrunk).violations
    assert len(shrunk.faults) == 0
    assert shrunk.grants < schedule.grants


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutants_can_be_applied(mutant):
    with applied(mutant):
        pass


def test_mutant_whose_text_has_changed_is_named():
    mutant = dataclasses.replace(MUTANTS[0], old="no such line")
    with pytest.raises(MutantError, match=rf"{mutant.name}.*no such line"), applied(mutant):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutants_are_caught(url, mutant):
    assert catch(url, mutant), f"no check notices: {mutant.why}"
