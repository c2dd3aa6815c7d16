"""`--report`, `--perfetto` and `lab report`: which files they write."""

from __future__ import annotations

import json
from pathlib import Path

from lab.trace import load_traces
from tests.support.lab import RunLab
from tests.support.traces import TWO_BUYERS, parse_trace

FEW = ("--clients", 3, "--stock", 2, "--pace", 0)


def test_a_comparison_writes_a_page_with_its_traces_and_a_file_for_perfetto(lab: RunLab, tmp_path: Path, url: str):
    options = ("--on", "local,redis", "--redis-url", url, "--report", "page", "--perfetto", "trace.json")
    done = lab("compare", "tickets", *FEW, *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in (tmp_path / "page").iterdir()) == [
        *("index.html", "tickets-lock-local.jsonl", "tickets-lock-redis.jsonl")
    ]
    page = (tmp_path / "page" / "index.html").read_text()
    assert "lab compare tickets --clients 3 --stock 2" in page
    entries = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert {"local", "redis"} <= {entry["args"]["name"] for entry in entries if entry["name"] == "process_name"}
    versions = load_traces(tmp_path / "page")[0].versions
    assert versions.keys() == {"python", "multiprocessing-lab", "redis", "rq"}
    assert lab("check", "page").returncode == 0


def test_a_run_writes_a_page(lab: RunLab, tmp_path: Path):
    assert lab("run", "tickets", *FEW, "--report", "page").returncode == 0
    assert (tmp_path / "page" / "index.html").exists()


def test_saved_traces_get_a_page_beside_them(lab: RunLab, tmp_path: Path):
    (tmp_path / "tickets-lock-local.jsonl").write_text(parse_trace(TWO_BUYERS, clients=2, stock=2).dump())
    done = lab("report", ".", "--perfetto", "trace.json")
    assert (done.returncode, done.stdout, done.stderr) == (0, "index.html\n", "")
    assert 'href="tickets-lock-local.jsonl"' in (tmp_path / "index.html").read_text()
    assert json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert lab("report", ".").returncode == 0  # it replaces the page


def test_traces_of_several_exercises_are_refused(lab: RunLab, tmp_path: Path):
    (tmp_path / "a.jsonl").write_text(parse_trace(TWO_BUYERS, clients=2, stock=2).dump())
    (tmp_path / "b.jsonl").write_text(parse_trace("0 lab starts_run", "ktv").dump())
    done = lab("report", ".")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "lab: . has traces of tickets and ktv; put them into a folder each\n"
