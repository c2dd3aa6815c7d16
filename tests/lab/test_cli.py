"""What a person types, and what comes back: tables, files, exit statuses, sentences."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

import jobs
from broker.server import PrivateServer
from lab.exercises import EXERCISES
from lab.trace import Trace, load
from tests.lab.conftest import COMMAND, Finished, Run, Start
from tests.support.clock import eventually

BACKENDS = ("local", "redis", "rq")
FEW = ("compare", "tickets", "--clients", 8, "--stock", 3, "--workers", 3, "--pace", 0.02)
TOGETHER = ("--clients", 8, "--stock", 3, "--workers", 3, "--pace", 0.5, "--no-lock")  # so slow that all read at once


def table(text: str) -> dict[str, list[str]]:
    """Return the rows of the report's table by their first cell."""
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if line.startswith("│")]
    return {first: rest for first, *rest in rows}


def test_tickets_are_sold_out_and_not_twice_on_every_backend(lab: Run, url: str, tmp_path: Path):
    done = lab(*FEW, "--redis-url", url, "--json", "figures.json", "--trace", "traces")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(r"server: (Redis|Valkey) [\d.]+ at unix://", done.stdout)
    rows = table(done.stdout)
    assert rows["verdict"] == ["valid"] * 3
    assert rows["sold"] == ["3"] * 3
    assert rows["refused"] == ["5"] * 3
    assert rows["oversold"] == ["0"] * 3
    assert rows["processes"] == ["8"] * 3
    assert int(rows["processes at once"][2]) <= 3
    assert "same everywhere: 3 sold, 5 refused, 0 oversold" in " ".join(done.stdout.split())

    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["parameters"] == {"clients": 8, "stock": 3, "pace": 0.02, "lock": True, "seed": 0}
    assert set(figures["backends"]) == set(BACKENDS)
    for of in figures["backends"].values():
        assert of["verdict"] == "valid"
        assert of["outcome"] == {"sold": 3, "refused": 5, "oversold": 0}
        assert 0 <= of["wait_s"]["median"] <= of["wait_s"]["p99"] <= of["wait_s"]["max"] < of["elapsed_s"]
        assert 0 < of["occupied_s"] < of["elapsed_s"]
        assert 1 / 8 <= of["fairness"] <= 1
        assert of["most_inside"] == 1

    again = lab("check", "traces")
    assert again.returncode == 0
    assert table(again.stdout) == rows

    judged = (tmp_path / "traces" / "tickets-redis.jsonl").read_text()
    assert [json.loads(line)["fence"] for line in judged.splitlines() if '"enters"' in line]


@pytest.mark.parametrize("backend", BACKENDS)
def test_without_the_lock_tickets_are_sold_twice(lab: Run, url: str, backend: str):
    done = lab("compare", "tickets", *TOGETHER, "--on", backend, "--redis-url", url, "--trace", "traces")
    assert done.returncode == 1
    rows = table(done.stdout)
    assert rows["verdict"] == ["invalid"]
    assert int(rows["oversold"][0]) == int(rows["sold"][0]) - 3 > 0
    assert re.search(r"client \d and client \d both read \d left and both bought", done.stdout)
    assert "there was no lock to wait for" in " ".join(done.stdout.split())
    again = lab("check", "traces")
    assert (again.returncode, table(again.stdout)) == (1, rows)


def test_without_a_lock_one_worker_alone_does_no_harm(lab: Run):
    done = lab(*FEW, "--no-lock", "--on", "rq", "--workers", 1)  # the verdict comes from what happened
    assert done.returncode == 0
    assert table(done.stdout)["oversold"] == ["0"]


def test_ktv_fills_the_rooms_and_no_more(lab: Run):
    done = lab("compare", "ktv", "--rooms", 2, "--guests", 6, "--pace", 0.15)
    assert done.returncode == 0
    rows = table(done.stdout)
    assert rows["served"] == ["6"] * 3
    assert rows["most in rooms"] == ["2"] * 3
    again = lab("compare", "ktv", "--rooms", 2, "--guests", 6, "--pace", 0.5, "--no-lock", "--on", "local,redis")
    assert again.returncode == 1
    assert "^" in again.stdout


def test_every_seed_has_stays_of_its_own_that_all_backends_share(lab: Run, tmp_path: Path):
    pace = 0.3
    bar = ("compare", "ktv", "--rooms", 9, "--guests", 9, "--pace", pace, "--on", "local,redis")

    def stays(seed: int) -> list[list[tuple[str, int]]]:
        assert lab(*bar, "--seed", seed, "--trace", f"traces{seed}").returncode == 0
        return [sorted(_stays(trace, pace)) for trace in load(tmp_path / f"traces{seed}")]

    first, second = stays(1), stays(2)
    assert first[0] == first[1] != second[0] == second[1]


def _stays(trace: Trace, pace: float) -> Iterator[tuple[str, int]]:
    came = {event.who: event.when for event in trace.of("enters")}
    for event in trace.of("leaves"):
        yield event.who, int((event.when - came[event.who]) / pace + 0.05)


def test_workers_that_listen_already_are_used(lab: Run, url: str, tmp_path: Path):
    with jobs.Workers(url, "lab", 2):
        done = lab(*FEW, "--on", "rq", "--redis-url", url, "--json", "figures", "--workers", 5)
        assert done.returncode == 0
        of = json.loads((tmp_path / "figures").read_text())["backends"]["rq"]
        assert of["workers"] == 2
        assert of["most_at_once"] <= 2
        assert jobs.listening(url, "lab") == 2


def test_the_environment_names_the_server(lab: Run, url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LAB_REDIS_URL", url)
    assert f"at {url}" in lab(*FEW, "--on", "redis").stdout


def test_local_needs_no_server(lab: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LAB_REDIS_URL", "redis://127.0.0.1:1")
    done = lab(*FEW, "--on", "local")
    assert done.returncode == 0
    assert "server:" not in done.stdout


def test_list_and_show(lab: Run):
    listed = lab("list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["tickets", "ktv"]
    for name, exercise in EXERCISES.items():
        shown = lab("show", name).stdout
        assert exercise.statement().splitlines()[0] in shown
        assert shown.count(exercise.statement().splitlines()[-1]) == 1
        assert "@actor\ndef " in shown


@pytest.mark.parametrize("words", [(), ("--help",), ("compare",), ("compare", "--help"), ("compare", "ktv", "-h")])
def test_help(lab: Run, words: tuple[str, ...]):
    done = lab(*words)
    assert done.returncode == 0
    assert "Usage: lab" in done.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("compare chess", "there is no exercise 'chess'; there are: tickets, ktv"),
        ("show chess", "there is no exercise 'chess'; there are: tickets, ktv"),
        ("compare tickets --clients 0", "clients must be a whole number from 1 to 10000, not 0"),
        ("compare tickets --clients -3", "clients must be a whole number from 1 to 10000, not -3"),
        ("compare tickets --stock 0", "stock must be a whole number from 1 to 10000, not 0"),
        ("compare tickets --pace -0.1", "pace must be a number from 0 to 1000, not -0.1"),
        ("compare tickets --pace nan", "pace must be a number from 0 to 1000, not nan"),
        ("compare ktv --rooms 0", "rooms must be a whole number from 1 to 10000, not 0"),
        ("compare ktv --guests 0", "guests must be a whole number from 1 to 10000, not 0"),
        ("compare ktv --workers 0", "workers must be a whole number from 1 to 64, not 0"),
        ("compare ktv --clients 5", "No such option '--clients'"),
        ("compare ktv --guests many", "'many' is not a valid integer"),
        ("compare ktv --on local,moon", "there is no backend 'moon'; choose from local,redis,rq"),
        ("compare ktv --on ,", "there is no backend ''; choose from local,redis,rq"),
        ("compare ktv --redis-url nonsense", "'nonsense' is not a Redis URL"),
        ("compare ktv --redis-url redis://127.0.0.1:1", "no Redis server answers at redis://127.0.0.1:1"),
        ("compare ktv --json none/figures", "make it first"),
        ("compare ktv --json .", "is a folder; name a file"),
        ("compare ktv --trace full", "full exists and is not empty; name a new folder, or an empty one"),
        ("check none", "there is no folder none; name one that `lab compare --trace` has written"),
        ("check full", "there is no trace in full"),
        ("check damaged", "damaged/x.jsonl, line 1: this is no line of a trace"),
        ("dance", "No such command 'dance'"),
    ],
)
def test_bad_input_gets_one_sentence(lab: Run, tmp_path: Path, words: str, sentence: str):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "x.jsonl").write_text("rubbish")
    before = sorted(tmp_path.rglob("*"))
    done = lab(*words.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("lab: ")
    assert done.stderr.count("\n") == 1
    assert sentence in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def with_open_files(limit: str, clients: int) -> Finished:
    many = f"ulimit {limit} && exec {COMMAND} compare tickets --clients {clients} --pace 0 --on local"
    return subprocess.run(["sh", "-c", many], capture_output=True, text=True, check=False)


def test_more_processes_than_the_machine_allows():
    done = with_open_files("-n 100", 50)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "lab: so many processes need 164 open files of 100; take fewer, or raise ulimit -n\n"


def test_more_processes_than_are_allowed_unless_one_asks():
    done = with_open_files("-Sn 100", 50)
    assert (done.returncode, table(done.stdout)["sold"]) == (0, ["5"])


def test_a_server_that_wants_a_password_or_may_evict(lab: Run):
    own = PrivateServer()
    try:
        with redis.Redis.from_url(own.url) as client:
            client.config_set("maxmemory", "100mb")
            client.config_set("maxmemory-policy", "allkeys-lru")
            evicts = lab(*FEW, "--redis-url", own.url)
            client.config_set("requirepass", "secret")
            locked = lab(*FEW, "--redis-url", own.url)
    finally:
        own.close()
    assert (evicts.returncode, locked.returncode) == (2, 2)
    assert "CONFIG SET maxmemory-policy noeviction" in evicts.stderr
    assert "redis://user:password@host:port" in locked.stderr


def test_a_server_that_goes_away_during_the_run(start: Start):
    own = PrivateServer()
    with redis.Redis.from_url(own.url) as client:
        session = start("compare", "ktv", "--guests", 3, "--pace", 5, "--on", "redis", "--redis-url", own.url)
        eventually(lambda: "enters" in session.events(client))
    own.close()
    done = session.finish()
    assert done.returncode == 2
    assert done.stderr.startswith("lab: ")
    assert done.stderr.count("\n") == 1
    eventually(lambda: not session.alive())
