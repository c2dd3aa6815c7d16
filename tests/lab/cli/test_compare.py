"""What `lab compare` shows: tables, figures, traces, exit statuses, on every backend and in every variant."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import jobs
from lab.trace import Trace, load_traces
from tests.support.lab import BACKENDS, RunLab, table_rows

FEW = ("compare", "tickets", "--clients", 8, "--stock", 3, "--workers", 3, "--pace", 0.02)
SLOW = ("--clients", 8, "--stock", 3, "--workers", 3, "--pace", 0.5)  # so slow that all read at once


def test_tickets_are_sold_out_and_not_twice_on_every_backend(lab: RunLab, url: str, tmp_path: Path):
    done = lab(*FEW, "--redis-url", url, "--json", "figures.json", "--trace", "traces")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(r"server: (Redis|Valkey) [\d.]+ at unix://", done.stdout)
    rows = table_rows(done.stdout)
    assert rows["verdict"] == ["valid"] * 3
    assert rows["sold"] == ["3"] * 3
    assert rows["refused"] == ["5"] * 3
    assert rows["oversold"] == ["0"] * 3
    assert rows["processes"] == ["8"] * 3
    assert int(rows["max concurrent"][2]) <= 3
    assert "same everywhere: 3 sold, 5 refused, 0 oversold" in " ".join(done.stdout.split())

    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["parameters"] == {"clients": 8, "stock": 3, "pace": 0.02, "how": "lock", "seed": 0, "stall": 0.0}
    assert [(of["variant"], of["backend"]) for of in figures["runs"]] == [("lock", backend) for backend in BACKENDS]
    for of in figures["runs"]:
        assert of["verdict"] == "valid"
        assert of["outcome"].items() >= {"sold": 3, "refused": 5, "oversold": 0}.items()
        assert 0 <= of["wait_s"]["median"] <= of["wait_s"]["p99"] <= of["wait_s"]["max"] < of["elapsed_s"]
        assert 0 < of["busy_s"] < of["elapsed_s"]
        assert 1 / 8 <= of["fairness"] <= 1
        assert of["max_inside"] == 1

    again = lab("check", "traces")
    assert again.returncode == 0
    assert table_rows(again.stdout) == rows

    judged = (tmp_path / "traces" / "tickets-lock-redis.jsonl").read_text()
    assert [json.loads(line)["fence"] for line in judged.splitlines() if '"enters"' in line]


@pytest.mark.parametrize("backend", BACKENDS)
def test_without_the_lock_tickets_are_sold_twice(lab: RunLab, url: str, backend: str):
    done = lab(
        "compare", "tickets", *SLOW, "--how", "nothing", "--on", backend, "--redis-url", url, "--trace", "traces"
    )
    assert done.returncode == 1
    rows = table_rows(done.stdout)
    assert rows["verdict"] == ["invalid"]
    assert int(rows["oversold"][0]) == int(rows["sold"][0]) - 3 > 0
    assert re.search(r"client \d and client \d both read \d left and both bought", done.stdout)
    assert "there was nothing to wait for" in " ".join(done.stdout.split())
    again = lab("check", "traces")
    assert (again.returncode, table_rows(again.stdout)) == (1, rows)


def test_without_a_lock_one_worker_alone_does_no_harm(lab: RunLab):
    done = lab(*FEW, "--how", "nothing", "--on", "rq", "--workers", 1)  # the verdict comes from what happened
    assert done.returncode == 0
    assert table_rows(done.stdout)["oversold"] == ["0"]


def test_a_seller_needs_no_lock(lab: RunLab, url: str):
    done = lab(*FEW, "--how", "queue", "--workers", 2, "--redis-url", url)
    assert (done.returncode, done.stderr) == (0, "")
    rows = table_rows(done.stdout)
    assert rows["sold"] == ["3"] * 3
    assert rows["refused"] == ["5"] * 3
    assert rows["processes"] == ["9"] * 3
    assert "wait, median" not in rows


def test_variants_stand_side_by_side(lab: RunLab, tmp_path: Path):
    two = ("--how", "queue,nothing,queue", "--on", "local,redis", "--json", "figures", "--trace", "traces")
    done = lab("compare", "tickets", *SLOW, *two)
    assert done.returncode == 1
    rows = table_rows(done.stdout)
    assert rows["verdict"] == ["valid", "valid", "invalid", "invalid"]
    assert rows["sold"][:2] == ["3", "3"]
    text = " ".join(done.stdout.split())
    assert "how queue,nothing, seed 0" in text
    assert "queue on local, redis: valid, 3 sold and 0 left" in text
    assert re.search(r"With nothing between them it took .+ on local \(\d+% of queue's .+\), .+ on redis \(", text)

    figures = json.loads((tmp_path / "figures").read_text())
    assert figures["parameters"]["how"] == "queue,nothing"
    ran = [(of["variant"], of["backend"]) for of in figures["runs"]]
    assert ran == [("queue", "local"), ("queue", "redis"), ("nothing", "local"), ("nothing", "redis")]

    names = {path.name for path in (tmp_path / "traces").iterdir()}
    assert names == {f"tickets-{variant}-{backend}.jsonl" for variant, backend in ran}
    again = lab("check", "traces")
    assert again.returncode == 1
    assert table_rows(again.stdout)["verdict"] == ["invalid", "invalid", "valid", "valid"]  # in the exercise's order


def test_variants_that_do_not_fit_beside_each_other_stand_one_below_the_other(lab: RunLab):
    done = lab("compare", "ktv", "--how", "all", "--rooms", 2, "--guests", 4, "--pace", 0.05)
    lines = done.stdout.splitlines()
    assert sum(line.startswith("│ verdict") for line in lines) == 3
    assert max(map(len, lines)) <= 80


def test_ktv_fills_the_rooms_and_no_more(lab: RunLab, url: str):
    bar = ("compare", "ktv", "--rooms", 2, "--guests", 6, "--redis-url", url)
    done = lab(*bar, "--pace", 0.15)
    assert done.returncode == 0
    rows = table_rows(done.stdout)
    assert rows["served"] == ["6"] * 3
    assert rows["max in rooms"] == ["2"] * 3
    assert rows["processes"] == ["6"] * 3
    again = lab(*bar, "--pace", 0.5, "--how", "nothing", "--on", "local,redis")
    assert again.returncode == 1
    assert "^" in again.stdout


def test_in_a_pool_as_many_wait_but_not_as_processes(lab: RunLab, url: str):
    bar = ("--rooms", 2, "--guests", 6, "--pace", 0.15, "--how", "pool", "--redis-url", url)
    done = lab("compare", "ktv", *bar)
    assert (done.returncode, done.stderr) == (0, "")
    rows = table_rows(done.stdout)
    assert rows["served"] == ["6"] * 3
    assert rows["max in rooms"] == rows["processes"] == ["2"] * 3
    assert rows["max waiting"] == ["0"] * 3


def test_every_seed_has_stays_of_its_own_that_all_backends_share(lab: RunLab, tmp_path: Path):
    pace = 0.3
    bar = ("compare", "ktv", "--rooms", 9, "--guests", 9, "--pace", pace, "--on", "local,redis")

    def stays(seed: int) -> list[list[tuple[str, int]]]:
        assert lab(*bar, "--seed", seed, "--trace", f"traces{seed}").returncode == 0
        return [sorted(_stays(trace, pace)) for trace in load_traces(tmp_path / f"traces{seed}")]

    first, second = stays(1), stays(2)
    assert first[0] == first[1] != second[0] == second[1]


def _stays(trace: Trace, pace: float) -> Iterator[tuple[str, int]]:
    came = {event.who: event.when for event in trace.of("enters")}
    for event in trace.of("leaves"):
        yield event.who, int((event.when - came[event.who]) / pace + 0.05)


def test_workers_that_listen_already_are_used(lab: RunLab, url: str, tmp_path: Path):
    with jobs.Workers(url, "lab", 2):
        done = lab(*FEW, "--on", "rq", "--redis-url", url, "--json", "figures", "--workers", 5)
        assert done.returncode == 0
        (of,) = json.loads((tmp_path / "figures").read_text())["runs"]
        assert of["workers"] == 2
        assert of["max_concurrent"] <= 2
        assert jobs.worker_count(url, "lab") == 2


def test_workers_that_are_too_few_are_said_before_anything_runs(lab: RunLab, url: str):
    with jobs.Workers(url, "lab", 2):
        for verb in ("compare", "run"):
            done = lab(verb, "traffic", "--vehicles", 4, "--on", "rq", "--redis-url", url)
            assert done.returncode == 2
            assert done.stderr == (
                "lab: traffic needs 5 workers at the same time, and 2 are running on queue lab: start 3 more with "
                "`lab worker -n 3`, or use --vehicles 1\n"
            )


def test_the_labs_own_workers_are_as_many_as_are_needed(lab: RunLab, tmp_path: Path):
    light = ("--vehicles", 3, "--workers", 1)
    done = lab("compare", "traffic", *light, "--on", "rq", "--json", "figures")
    assert done.returncode == 0
    (of,) = json.loads((tmp_path / "figures").read_text())["runs"]
    assert of["workers"] == of["max_concurrent"] == 4


SMALL = {
    "output": (("--pace", 0.2), {"lines": "6", "interleaved": "0"}),
    "lock": (("--pace", 0.2), {"second process waits": "yes", "holder waits for itself": "yes"}),
    "semaphore": (("--pace", 0.1), {"acquired before release": "3", "acquired after release": "1"}),
    "event": (("--pace", 0.1), {}),
    "traffic": (("--vehicles", 6, "--pace", 0.25), {"cars passed": "4", "police cars passed": "2"}),
}


@pytest.mark.parametrize("name", SMALL)
def test_the_other_exercises_are_alike_on_every_backend(lab: RunLab, url: str, name: str):
    small, expected = SMALL[name]
    done = lab("compare", name, *small, "--redis-url", url)
    assert (done.returncode, done.stderr) == (0, "")
    rows = table_rows(done.stdout)
    assert rows["verdict"] == ["valid"] * 3
    assert {what: rows[what] for what in expected} == {what: [value] * 3 for what, value in expected.items()}


def test_lines_interleave_without_a_lock(lab: RunLab):
    done = lab("compare", "output", "--how", "nothing", "--pace", 2, "--seed", 1, "--on", "local,redis")
    assert done.returncode == 1
    assert all(int(count) > 0 for count in table_rows(done.stdout)["interleaved"])
