"""`lab compare EXERCISE`: tables, figures, traces and exit statuses, with every backend and variant."""

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
SLOW = ("--clients", 8, "--stock", 3, "--workers", 3, "--pace", 0.5)  # so slow that all read before the first writes


def test_tickets_are_sold_once_each_on_every_backend(lab: RunLab, url: str, tmp_path: Path):
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
    assert figures["parameters"] == {"clients": 8, "stock": 3, "pace": 0.02, "how": "lock", "seed": 0}
    assert [(run["variant"], run["backend"]) for run in figures["runs"]] == [("lock", backend) for backend in BACKENDS]
    for run in figures["runs"]:
        assert run["verdict"] == "valid"
        assert run["outcome"].items() >= {"sold": 3, "refused": 5, "oversold": 0}.items()
        assert 0 <= run["wait_s"]["median"] <= run["wait_s"]["p99"] <= run["wait_s"]["max"] < run["elapsed_s"]
        assert 0 < run["busy_s"] < run["elapsed_s"]
        assert 1 / 8 <= run["fairness"] <= 1
        assert run["max_inside"] == 1

    again = lab("check", "traces")
    assert again.returncode == 0
    assert table_rows(again.stdout) == rows

    judged = (tmp_path / "traces" / "tickets-lock-redis.jsonl").read_text()
    assert [json.loads(line)["fence"] for line in judged.splitlines() if '"enters"' in line]


@pytest.mark.parametrize("backend", BACKENDS)
def test_without_a_lock_tickets_are_sold_twice(lab: RunLab, url: str, backend: str):
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


@pytest.mark.slow
def test_without_a_lock_a_single_worker_sells_no_ticket_twice(lab: RunLab):
    done = lab(*FEW, "--how", "nothing", "--on", "rq", "--workers", 1)  # the verdict depends on what happened
    assert done.returncode == 0
    assert table_rows(done.stdout)["oversold"] == ["0"]


@pytest.mark.slow
def test_seller_behind_a_queue_needs_no_lock(lab: RunLab, url: str):
    done = lab(*FEW, "--how", "queue", "--workers", 2, "--redis-url", url)
    assert (done.returncode, done.stderr) == (0, "")
    rows = table_rows(done.stdout)
    assert rows["sold"] == ["3"] * 3
    assert rows["refused"] == ["5"] * 3
    assert rows["processes"] == ["9"] * 3
    assert "wait, median" not in rows


@pytest.mark.slow
def test_variants_are_columns_of_one_table(lab: RunLab, tmp_path: Path):
    options = ("--how", "queue,nothing,queue", "--on", "local,redis", "--json", "figures", "--trace", "traces")
    done = lab("compare", "tickets", *SLOW, *options)
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
    ran = [(run["variant"], run["backend"]) for run in figures["runs"]]
    assert ran == [("queue", "local"), ("queue", "redis"), ("nothing", "local"), ("nothing", "redis")]

    names = {path.name for path in (tmp_path / "traces").iterdir()}
    assert names == {f"tickets-{variant}-{backend}.jsonl" for variant, backend in ran}
    again = lab("check", "traces")
    assert again.returncode == 1
    assert table_rows(again.stdout)["verdict"] == ["invalid", "invalid", "valid", "valid"]  # in the exercise's order


@pytest.mark.slow
def test_variants_too_wide_for_one_table_get_several(lab: RunLab):
    done = lab("compare", "ktv", "--how", "all", "--rooms", 2, "--guests", 4, "--pace", 0.05)
    lines = done.stdout.splitlines()
    assert sum(line.startswith("│ verdict") for line in lines) == 3
    assert max(map(len, lines)) <= 80


@pytest.mark.slow
def test_ktv_fills_all_rooms_and_no_more(lab: RunLab, url: str):
    options = ("compare", "ktv", "--rooms", 2, "--guests", 6, "--redis-url", url)
    done = lab(*options, "--pace", 0.15)
    assert done.returncode == 0
    rows = table_rows(done.stdout)
    assert rows["served"] == ["6"] * 3
    assert rows["max in rooms"] == ["2"] * 3
    assert rows["processes"] == ["6"] * 3
    again = lab(*options, "--pace", 0.5, "--how", "nothing", "--on", "local,redis")
    assert again.returncode == 1
    assert "^" in again.stdout


@pytest.mark.slow
def test_pool_has_as_many_processes_as_rooms(lab: RunLab, url: str):
    options = ("--rooms", 2, "--guests", 6, "--pace", 0.15, "--how", "pool", "--redis-url", url)
    done = lab("compare", "ktv", *options)
    assert (done.returncode, done.stderr) == (0, "")
    rows = table_rows(done.stdout)
    assert rows["served"] == ["6"] * 3
    assert rows["max in rooms"] == rows["processes"] == ["2"] * 3
    assert rows["max waiting"] == ["0"] * 3


@pytest.mark.slow
def test_seed_determines_the_stays_on_every_backend(lab: RunLab, tmp_path: Path):
    pace = 1.0  # a stay that a busy machine lengthens by less than this is still recognised
    options = ("compare", "ktv", "--rooms", 9, "--guests", 9, "--pace", pace, "--on", "local,redis")

    def stays_by_seed(seed: int) -> list[list[tuple[str, int]]]:
        assert lab(*options, "--seed", seed, "--trace", f"traces{seed}").returncode == 0
        return [sorted(_stays(trace, pace)) for trace in load_traces(tmp_path / f"traces{seed}")]

    first, second = stays_by_seed(1), stays_by_seed(2)
    assert first[0] == first[1] != second[0] == second[1]


def _stays(trace: Trace, pace: float) -> Iterator[tuple[str, int]]:
    entered_at = {event.who: event.when for event in trace.of("enters")}
    for event in trace.of("leaves"):
        yield event.who, int((event.when - entered_at[event.who]) / pace + 0.05)


@pytest.mark.slow
def test_running_workers_are_used(lab: RunLab, url: str, tmp_path: Path):
    with jobs.Workers(url, "lab", 2):
        done = lab(*FEW, "--on", "rq", "--redis-url", url, "--json", "figures", "--workers", 5)
        assert done.returncode == 0
        assert (
            done.stderr == "lab: --workers 5 is ignored: this run uses the workers that are running on queue lab (2)\n"
        )
        (run,) = json.loads((tmp_path / "figures").read_text())["runs"]
        assert run["workers"] == 2
        assert run["max_concurrent"] <= 2
        assert jobs.worker_count(url, "lab") == 2


@pytest.mark.slow
def test_too_few_workers_are_reported_before_the_run(lab: RunLab, url: str):
    with jobs.Workers(url, "lab", 2):
        for verb in ("compare", "run"):
            done = lab(verb, "traffic", "--vehicles", 4, "--on", "rq", "--redis-url", url)
            assert done.returncode == 2
            assert done.stderr == (
                "lab: traffic needs 5 workers at the same time, and 2 are running on queue lab: start 3 more with "
                "`lab worker -n 3`, or use --vehicles 1\n"
            )


def test_lab_starts_as_many_workers_as_needed(lab: RunLab, tmp_path: Path):
    options = ("--vehicles", 3, "--workers", 1)
    done = lab("compare", "traffic", *options, "--on", "rq", "--json", "figures")
    assert done.returncode == 0
    assert done.stderr == (
        "lab: --workers 1 is too few: traffic needs 4 workers at the same time, and so many are started\n"
    )
    (run,) = json.loads((tmp_path / "figures").read_text())["runs"]
    assert run["workers"] == run["max_concurrent"] == 4


SMALL = {
    "output": (("--pace", 0.2), {"lines": "6", "interleaved": "0"}),
    "lock": (("--pace", 0.2), {"second process waits": "yes", "holder waits for itself": "yes"}),
    "semaphore": (("--pace", 0.1), {"acquired before release": "3", "acquired after release": "1"}),
    "event": (("--pace", 0.1), {}),
    "traffic": (("--vehicles", 6, "--pace", 0.25), {"cars passed": "4", "police cars passed": "2"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_other_exercises_are_valid_on_every_backend(lab: RunLab, url: str, name: str):
    arguments, expected = SMALL[name]
    done = lab("compare", name, *arguments, "--redis-url", url)
    assert (done.returncode, done.stderr) == (0, "")
    rows = table_rows(done.stdout)
    assert rows["verdict"] == ["valid"] * 3
    assert {what: rows[what] for what in expected} == {what: [value] * 3 for what, value in expected.items()}


@pytest.mark.slow
def test_output_interleaves_without_a_lock(lab: RunLab):
    done = lab("compare", "output", "--how", "nothing", "--pace", 2, "--seed", 1, "--on", "local,redis")
    assert done.returncode == 1
    assert all(int(count) > 0 for count in table_rows(done.stdout)["interleaved"])


@pytest.mark.slow
def test_repeated_runs(lab: RunLab, tmp_path: Path):
    options = ("--clients", 3, "--stock", 2, "--pace", 0.01, "--on", "local", "--repeat", 2, "--trace", "traces")
    done = lab("compare", "tickets", *options, "--json", "figures")
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = json.loads((tmp_path / "figures").read_text())["runs"]
    assert len(run["repeats"]) == 2
    assert {path.name for path in (tmp_path / "traces").iterdir()} == {
        "tickets-lock-local.jsonl",
        "tickets-lock-local-2.jsonl",
    }
    again = lab("check", "traces")
    assert table_rows(again.stdout)["elapsed"] == table_rows(done.stdout)["elapsed"]
    assert "the median of 2 runs" in again.stdout
