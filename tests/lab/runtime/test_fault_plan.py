"""Fault plans follow from their seed, and from nothing else."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from lab.errors import InvalidParameterError
from lab.runtime.fault_plan import INSIDE, KINDS, MAX_COUNT, RUNNING, WAITING, FaultPlan, parse_fault
from lab.trace import LET_IN

NAMES = [f"guest {number}" for number in range(13)]
PRINT_PLAN = """
from lab.runtime.fault_plan import FaultPlan
plan = FaultPlan("kill", 5, 7)
print(plan.among([f"guest {number}" for number in range(13)]), plan.by_start())
"""


@pytest.mark.parametrize("seed", range(50))
def test_the_same_seed_gives_the_same_faults(seed: int):
    plan = FaultPlan("kill", 5, seed)
    assert plan.among(NAMES) == FaultPlan("kill", 5, seed).among(list(NAMES))
    assert plan.by_start() == FaultPlan("kill", 5, seed).by_start()
    assert len(plan.among(NAMES)) == 5
    assert set(plan.among(NAMES)) <= set(NAMES)


def test_another_interpreter_plans_the_same_faults():
    plan = FaultPlan("kill", 5, 7)
    done = subprocess.run([sys.executable, "-c", PRINT_PLAN], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{plan.among(NAMES)} {plan.by_start()}"


def test_seeds_choose_every_actor_and_every_moment():
    plans = [FaultPlan("pause", 1, seed).among(NAMES) for seed in range(300)]
    assert {name for plan in plans for name in plan} == set(NAMES)
    assert {fault.moment for plan in plans for fault in plan.values()} == {INSIDE, WAITING, LET_IN}


@pytest.mark.parametrize("seed", range(20))
def test_three_faults_happen_at_all_three_moments(seed: int):
    plan = FaultPlan("kill", 3, seed)
    for faults in (plan.among(NAMES), plan.by_start()):
        assert {fault.moment for fault in faults.values()} == {INSIDE, WAITING, LET_IN}


@pytest.mark.parametrize("seed", range(20))
def test_of_two_processes_that_a_program_starts_one_meets_a_fault(seed: int):
    places = sorted(FaultPlan("kill", 4, seed).by_start())
    assert [(place + 1) // 2 for place in places] == [1, 2, 3, 4]


def test_moments_are_those_of_the_plan():
    plan = dataclasses.replace(FaultPlan("kill", 3), moments=(RUNNING,), inside=("reads",))
    assert {(fault.moment, fault.inside) for fault in plan.among(NAMES).values()} == {(RUNNING, ("reads",))}


@pytest.mark.parametrize(
    ("text", "kind", "count"),
    [
        ("kill", "kill", 1),
        ("pause:3", "pause", 3),
        ("cut:2", "cut", 2),
        ("restart", "restart", 1),
        ("restart-empty:2", "restart-empty", 2),
        (f"kill:{MAX_COUNT}", "kill", MAX_COUNT),
    ],
)
def test_options_are_parsed(text: str, kind: str, count: int):
    plan = parse_fault(text, 9)
    assert (plan.kind, plan.count, plan.seed) == (kind, count, 9)
    assert parse_fault(str(plan), 9) == plan


@pytest.mark.parametrize(
    "text", ["", "crash", "Kill", "kill:", "kill:0", "kill:-1", "kill:x", "kill:1.5", "kill:²", f"kill:{MAX_COUNT + 1}"]
)
def test_other_options_are_refused(text: str):
    with pytest.raises(InvalidParameterError) as error:
        parse_fault(text, 0)
    assert all(kind in str(error.value) for kind in KINDS)
    assert repr(text) in str(error.value)


def test_more_faults_than_actors_are_refused():
    with pytest.raises(InvalidParameterError, match="use kill:13"):
        FaultPlan("kill", 14).among(NAMES)
