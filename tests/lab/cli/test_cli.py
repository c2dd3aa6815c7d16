"""The `lab` command: lists, help, and one sentence for invalid input."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
import redis

from broker.server.private_server import PrivateServer
from lab.course import QUESTIONS
from lab.exercises import EXERCISES
from tests.support.actors import TIMEOUT
from tests.support.lab import COMMAND, FinishedLab, RunLab, StartLab, table_rows
from tests.support.waiting import wait_until

FEW = ("compare", "tickets", "--clients", 8, "--stock", 3, "--workers", 3, "--pace", 0.02)
COURSE = "isolation, daemon, liveness, chat, lock, output, tickets, semaphore, ktv, event, traffic"
BESIDE = "counter, buffer, rendezvous, philosophers, readers"


def test_server_url_is_taken_from_the_environment(lab: RunLab, url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LAB_REDIS_URL", url)
    assert f"at {url}" in lab(*FEW, "--on", "redis").stdout


def test_local_backend_needs_no_server(lab: RunLab, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LAB_REDIS_URL", "redis://127.0.0.1:1")
    done = lab(*FEW, "--on", "local")
    assert done.returncode == 0
    assert "server:" not in done.stdout


def test_list(lab_in_process: RunLab):
    lines = lab_in_process("list").stdout.splitlines()
    assert ", ".join(line.split()[0] for line in lines) == f"{COURSE}, {BESIDE}"
    assert max(map(len, lines)) <= 80


def test_show_asks_about_the_courses_program(lab_in_process: RunLab):
    assert set(QUESTIONS) <= set(EXERCISES)
    for name, exercise in EXERCISES.items():
        shown = lab_in_process("show", name).stdout
        if question := QUESTIONS.get(name):
            program, _, rest = shown.partition("\nWhat do you expect?\n")
            assert question.source() in program
            assert question.text.split() == program.split()[-len(question.text.split()) :]
            assert rest.split() == question.command.split()
        else:
            assert shown.split() == f"{name}: {exercise.summary} {exercise.statement()}".split()


def test_show_source(lab_in_process: RunLab):
    for name, exercise in EXERCISES.items():
        shown = lab_in_process("show", name, "--source").stdout
        assert shown.startswith(lab_in_process("show", name).stdout)
        assert " ".join(shown.split()).count(" ".join(exercise.statement().split())) == 1
        assert "@actor\ndef " in shown


def test_version(lab_in_process: RunLab):
    assert lab_in_process("--version").stdout == f"lab, version {version('multiprocessing-lab')}\n"


def test_ascii_locale_gets_a_readable_chart(lab: RunLab, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = lab(*FEW, "--on", "local")
    assert done.returncode == 0
    assert "inside (@ = 1, _ = nobody)" in done.stdout
    assert "?" not in done.stdout
    assert re.search(r"\n       0 s -+ [0-9.]+ s\n", done.stdout)


def test_progress_bar_on_a_terminal(tmp_path: Path):
    program = tmp_path / "program.py"
    program.write_text("print('done')")
    terminal, stderr = pty.openpty()
    with open(terminal, "rb", buffering=0) as screen:
        command = [COMMAND, "compare", str(program), "--on", "local"]
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=stderr, env=os.environ | {"TERM": "xterm"}, timeout=TIMEOUT
        )
        assert done.returncode == 0
        assert re.search(rb"local.*1/1", screen.read(65536))
    os.close(stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--help",),
        ("compare",),
        ("compare", "--help"),
        ("compare", "ktv", "-h"),
        ("run",),
        ("run", "ktv", "-h"),
        ("learn", "-h"),
        ("learn", "check", "-h"),
    ],
)
def test_help(lab_in_process: RunLab, arguments: tuple[str, ...]):
    done = lab_in_process(*arguments)
    assert done.returncode == 0
    assert "Usage: lab" in done.stdout
    assert "..." not in done.stdout.partition("\n")[2], "no sentence is cut"
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("compare chess", "there is no exercise 'chess'; there are: "),
        ("show chess", "there is no exercise 'chess'; there are: "),
        ("compare tickets --clients 0", "clients must be a whole number from 1 to 10000, not 0"),
        ("compare tickets --clients -3", "clients must be a whole number from 1 to 10000, not -3"),
        ("compare tickets --stock 0", "stock must be a whole number from 1 to 10000, not 0"),
        ("compare tickets --pace -0.1", "pace must be a number from 0 to 1000, not -0.1"),
        ("compare tickets --pace nan", "pace must be a number from 0 to 1000, not nan"),
        ("compare ktv --rooms 0", "rooms must be a whole number from 1 to 10000, not 0"),
        ("compare ktv --guests 0", "guests must be a whole number from 1 to 10000, not 0"),
        ("compare ktv --workers 0", "workers must be a whole number from 1 to 64, not 0"),
        ("compare ktv --how magic", "how must be one of semaphore, nothing, pool, not 'magic'"),
        ("compare ktv --how all,pool", "how must be one of semaphore, nothing, pool, not 'all'"),
        ("compare lock --how lock", "No such option '--how'"),
        ("compare traffic --vehicles 64", "vehicles must be a whole number from 1 to 63, not 64"),
        ("run chess", "there is no exercise 'chess'; there are: "),
        ("run ktv --how semaphore,pool", "how must be one of semaphore, nothing, pool, not 'semaphore,pool'"),
        ("run ktv --on local,redis", "there is no backend 'local,redis'; choose from local,redis,rq"),
        ("run ktv --lang fr", "'fr' is not one of 'zh', 'en'"),
        ("run ktv --redis-url nonsense --on rq", "'nonsense' is not a Redis URL"),
        ("compare ktv --clients 5", "No such option '--clients'"),
        ("compare ktv --guests many", "'many' is not a valid integer"),
        ("compare ktv --on local,moon", "there is no backend 'moon'; choose from local,redis,rq"),
        ("compare ktv --on ,", "there is no backend ''; choose from local,redis,rq"),
        ("compare ktv --redis-url nonsense", "'nonsense' is not a Redis URL"),
        ("compare ktv --redis-url redis://127.0.0.1:1", "no Redis server answers at redis://127.0.0.1:1"),
        ("compare ktv --json none/figures", "make it first"),
        ("compare ktv --json .", "is a folder; name a file"),
        ("compare ktv --trace full", "full exists and is not empty; name a new folder, or an empty one"),
        ("compare ktv --report full", "full exists and is not empty; name a new folder, or an empty one"),
        ("run ktv --report none/page", "make it first"),
        ("compare ktv --perfetto .", "is a folder; name a file"),
        ("compare ktv --trace a --report a", "--report writes the traces, too; leave out --trace"),
        ("report none", "there is no folder none; name one that `lab compare --trace` has written"),
        ("report full", "there is no trace in full"),
        ("report corrupt", "corrupt/x.jsonl, line 1: this is not a line of a trace"),
        ("check none", "there is no folder none; name one that `lab compare --trace` has written"),
        ("check full", "there is no trace in full"),
        ("check corrupt", "corrupt/x.jsonl, line 1: this is not a line of a trace"),
        ("dance", "No such command 'dance'"),
    ],
)
def test_invalid_input_is_refused_with_one_sentence(
    lab_in_process: RunLab, tmp_path: Path, arguments: str, sentence: str
):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    (tmp_path / "corrupt").mkdir()
    (tmp_path / "corrupt" / "x.jsonl").write_text("rubbish")
    before = sorted(tmp_path.rglob("*"))
    done = lab_in_process(*arguments.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("lab: ")
    assert done.stderr.count("\n") == 1
    assert sentence in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def compare_with_open_files(limit: str, clients: int) -> FinishedLab:
    command = f"ulimit {limit} && exec {COMMAND} compare tickets --clients {clients} --pace 0 --on local"
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)


def test_more_processes_than_the_hard_limit_of_open_files():
    done = compare_with_open_files("-n 100", 50)
    assert (done.returncode, done.stdout) == (2, "")
    sentence = "so many processes need 164 open files, and the limit is 100; take fewer, or raise ulimit -n"
    assert done.stderr == f"lab: {sentence}\n"


@pytest.mark.slow
def test_soft_limit_of_open_files_is_raised():
    done = compare_with_open_files("-Sn 100", 50)
    assert (done.returncode, table_rows(done.stdout)["sold"]) == (0, ["5"])


def test_server_that_requires_a_password_or_may_evict(lab: RunLab):
    own_server = PrivateServer()
    try:
        with redis.Redis.from_url(own_server.url) as client:
            client.config_set("maxmemory", "100mb")
            client.config_set("maxmemory-policy", "allkeys-lru")
            evicting = lab(*FEW, "--redis-url", own_server.url)
            client.config_set("requirepass", "secret")
            secured = lab(*FEW, "--redis-url", own_server.url)
    finally:
        own_server.close()
    assert (evicting.returncode, secured.returncode) == (2, 2)
    assert "CONFIG SET maxmemory-policy noeviction" in evicting.stderr
    assert "redis://user:password@host:port" in secured.stderr


@pytest.mark.parametrize("backend", ["redis", "rq"])
@pytest.mark.slow
def test_server_that_is_stopped_during_the_run(start: StartLab, backend: str):
    own_server = PrivateServer()
    with redis.Redis.from_url(own_server.url) as client:
        session = start("compare", "ktv", "--guests", 3, "--pace", 5, "--on", backend, "--redis-url", own_server.url)
        wait_until(lambda: "enters" in session.events(client))
    own_server.close()
    done = session.finish()
    assert done.returncode == 2
    assert done.stderr.startswith("lab: ")
    assert done.stderr.count("\n") == 1
    wait_until(lambda: not session.alive())
