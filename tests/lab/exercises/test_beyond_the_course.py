"""The exercises beside the course's, run: one variant of each goes wrong in every run, and the others are right."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.backends import Settings
from lab.checks.verdicts import Judgement
from lab.compare import compare
from lab.result import judge
from lab.trace import DIES, STOP, load_traces
from tests.support.lab import BACKENDS, RunLab, compare_backends
from tests.support.traces import make_exercise

# The variant that goes wrong, how the verdict begins, and what makes a run short.
WRONG = {
    "counter": ("nothing", "both read 0 and both wrote 1; ", {"increments": 5}),
    "buffer": ("once", "took an item from the empty buffer: ", {"pace": 0.01}),
    "rendezvous": ("nothing", " began phase 2 before process 0", {"pace": 0.05}),
    "philosophers": ("nothing", "deadlock: philosopher 0 holds fork 0 and waits for fork 1; ", {"pace": 0.02}),
    "readers": ("nothing", "read 1 1 0 0, while writer 0 was writing", {"pace": 0.01}),
}


@pytest.mark.parametrize("name", WRONG)
def test_one_variant_goes_wrong_and_shows_how(name: str):
    how, proof, short = WRONG[name]
    (trace,) = compare([make_exercise(name, how=how, **short)], ["local"], Settings())
    verdict = judge(trace).verdict
    assert verdict.judgement is Judgement.INVALID
    assert proof in verdict.evidence
    assert verdict.events
    assert [event.why for event in trace.of(STOP)] == (["deadlocked"] if name == "philosophers" else [])


@pytest.mark.slow
@pytest.mark.parametrize("name", WRONG)
def test_variants_on_all_backends(lab: RunLab, url: str, tmp_path: Path, name: str):
    wrong, proof, short = WRONG[name]
    options = [f"--{option}={value}" for option, value in short.items()]
    runs = compare_backends(lab, tmp_path, name, "--how", "all", *options, "--redis-url", url, status=1)
    assert runs.keys() == {(how, backend) for how in make_exercise(name).variants() for backend in BACKENDS}
    for (how, _), run in runs.items():
        assert run["verdict"] == ("invalid" if how == wrong else "valid"), run["evidence"]
        assert (proof in run["evidence"]) is (how == wrong)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["redis", "rq"])
def test_paused_process_counts_again_after_its_lease(lab: RunLab, url: str, tmp_path: Path, backend: str):
    options = ("--fault", "pause", "--on", backend, "--redis-url", url)
    runs = compare_backends(lab, tmp_path, "counter", "--seed", 40, *options)
    (trace,) = load_traces(tmp_path / "traces")
    assert len(trace.of("is refused")) == len(trace.of("loses lease")) == 1
    assert runs["lock", backend]["outcome"] == {"increments": 100, "counted": 100, "lost": 0}


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["redis", "rq"])
def test_barrier_breaks_for_all_when_one_is_killed(lab: RunLab, url: str, tmp_path: Path, backend: str):
    runs = compare_backends(lab, tmp_path, "rendezvous", "--fault", "kill", "--on", backend, "--redis-url", url)
    (trace,) = load_traces(tmp_path / "traces")
    (death,) = trace.of(DIES)
    assert {event.who for event in trace.of("gives up")} == {f"process {n}" for n in range(4)} - {death.who}
    assert f"{death.who} was killed; all 3 others finished" in runs["barrier", backend]["evidence"]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["redis", "rq"])
@pytest.mark.parametrize(("seed", "killed"), [(0, "consumer 0"), (2, "producer 0")])
def test_buffer_goes_on_without_a_killed_process(
    lab: RunLab, url: str, tmp_path: Path, backend: str, seed: int, killed: str
):
    options = ("--fault", "kill", "--seed", seed, "--pace", 0.01, "--on", backend, "--redis-url", url)
    runs = compare_backends(lab, tmp_path, "buffer", *options)
    (trace,) = load_traces(tmp_path / "traces")
    assert [event.who for event in trace.of(DIES)] == [killed]
    count = 36 if killed == "consumer 0" else len(trace.of("puts"))
    assert runs["loop", backend]["evidence"].startswith(
        f"{killed} was killed; all 4 others finished; all {count} items were taken once, in order"
    )
