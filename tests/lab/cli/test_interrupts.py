"""However a run is interrupted, it leaves no process, no key and no file."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis

import jobs
from tests.support.actors import TIMEOUT
from tests.support.lab import COMMAND, INTERRUPTED, LabProcess, StartLab
from tests.support.terminal import CTRL_C, Terminal
from tests.support.waiting import wait_until

SLOW = ("compare", "tickets", "--clients", 6, "--pace", 60, "--workers", 2)


def ctrl_c(session: LabProcess) -> None:
    os.killpg(session.process.pid, signal.SIGINT)


def sigint(session: LabProcess) -> None:
    session.process.send_signal(signal.SIGINT)


def sigterm(session: LabProcess) -> None:
    session.process.send_signal(signal.SIGTERM)


def repeated_ctrl_c(session: LabProcess) -> None:
    for _ in range(5):
        os.killpg(session.process.pid, signal.SIGINT)


@pytest.mark.parametrize(
    "stop", [ctrl_c, *(pytest.param(stop, marks=pytest.mark.slow) for stop in (sigint, sigterm, repeated_ctrl_c))]
)
@pytest.mark.parametrize("backend", ["local", "redis", "rq"])
def test_signal_ends_the_run_with_one_sentence(
    start: StartLab, url: str, client: redis.Redis, tmp_path: Path, backend, stop
):
    session = start(*SLOW, "--on", backend, "--redis-url", url, "--json", "figures", "--trace", "traces")
    wait_until(lambda: "enters" in session.events(client))
    stop(session)
    finished = session.finish()
    status = 128 + (signal.SIGTERM if stop is sigterm else signal.SIGINT)
    assert (finished.returncode, finished.stderr) == (status, INTERRUPTED)
    wait_until(lambda: not session.alive())
    assert not list(session.temporary.iterdir())
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "event"),
    [
        (("compare", "traffic", "--vehicles", 3, "--pace", 60), "turns red"),
        (("compare", "ktv", "--how", "pool", "--pace", 60), "enters"),
        (("run", "tickets", "--how", "queue", "--pace", 60, "--clients", 4), "sees"),
    ],
)
@pytest.mark.parametrize("backend", ["local", "redis", "rq"])
def test_ctrl_c_ends_daemons_pools_and_sellers_too(
    start: StartLab, url: str, client: redis.Redis, backend: str, arguments: tuple[str, ...], event: str
):
    session = start(*arguments, "--on", backend, "--redis-url", url)
    wait_until(lambda: event in session.events(client))
    ctrl_c(session)
    finished = session.finish()
    assert (finished.returncode, finished.stderr) == (130, INTERRUPTED)
    wait_until(lambda: not session.alive())
    assert not list(session.temporary.iterdir())


@pytest.mark.parametrize(
    "delay",
    [
        0.0,
        pytest.param(0.2, marks=pytest.mark.slow),
        0.4,
        pytest.param(0.6, marks=pytest.mark.slow),
        pytest.param(0.8, marks=pytest.mark.slow),
    ],
)
def test_ctrl_c_at_any_time_during_startup(start: StartLab, url: str, delay: float):
    session = start(*SLOW, "--redis-url", url)
    assert session.process.stdout is not None
    assert session.process.stdout.readline().startswith("server: ")
    with pytest.raises(subprocess.TimeoutExpired):
        session.process.wait(delay)
    ctrl_c(session)
    finished = session.finish()
    assert (finished.returncode, finished.stderr) == (130, INTERRUPTED)
    wait_until(lambda: not session.alive())
    assert not list(session.temporary.iterdir())


def test_external_workers_are_idle_again_after_an_interrupt(start: StartLab, url: str, client: redis.Redis):
    with jobs.Workers(url, "lab", 3):
        session = start(*SLOW, "--on", "rq", "--redis-url", url)
        wait_until(lambda: "enters" in session.events(client))
        sigint(session)
        assert session.finish().stderr.splitlines(keepends=True)[1:] == [INTERRUPTED], "after a line on --workers"
        assert jobs.worker_count(url, "lab") == 3
        with jobs.get_context(url) as ctx:
            process = ctx.Process(target=print)
            process.start()
            process.join(TIMEOUT)
            assert process.exitcode == 0


@pytest.mark.parametrize("backend", ["redis", "rq"])
def test_private_server_and_workers_end_with_a_killed_lab(start: StartLab, backend: str):
    session = start(*SLOW, "--on", backend)
    wait_until(lambda: len(session.alive()) > 5)
    session.process.kill()
    assert session.finish().returncode == -signal.SIGKILL
    wait_until(lambda: not session.alive())


def test_children_end_with_a_killed_local_run(start: StartLab, client: redis.Redis):
    session = start(*SLOW, "--on", "local")
    wait_until(lambda: "enters" in session.events(client))
    session.process.kill()
    session.finish()
    wait_until(lambda: not session.alive())


def test_ctrl_c_during_imports_prints_one_sentence():
    """An import raises KeyboardInterrupt, as Ctrl-C does while `lab` is still importing."""
    program = (
        "import builtins, lab.__main__ as program\n"
        "real = builtins.__import__\n"
        "def interrupted(name, *rest):\n"
        "    if name == 'lab.cli.main': raise KeyboardInterrupt\n"
        "    return real(name, *rest)\n"
        "builtins.__import__ = interrupted\n"
        "program.main()\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=TIMEOUT)
    assert (run.returncode, run.stderr) == (130, "lab: interrupted\n")


def interrupt_while_it_reads(command: list[str], traces: Path) -> Terminal:
    """Press Ctrl-C when the command, in a terminal, waits for a line of the trace that it reads."""
    traces.mkdir()
    os.mkfifo(traces / "a.jsonl")
    terminal = Terminal(command, traces.parent, {})
    with (traces / "a.jsonl").open("w"):  # when the other side has opened it
        terminal.press(CTRL_C)
        terminal.read_until("^C")
        terminal.finish()
    return terminal


def test_ctrl_c_ends_any_command_with_status_130(tmp_path: Path):
    terminal = interrupt_while_it_reads([COMMAND, "check", "traces"], tmp_path / "traces")
    terminal.close()
    assert terminal.process.returncode == -signal.SIGINT  # for a shell, 130
    assert "lab: interrupted" in terminal.text
    assert "Traceback" not in terminal.text


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_ctrl_c_ends_a_loop_of_the_shell(tmp_path: Path):
    loop = f"for i in 1 2 3; do {COMMAND} check traces; echo the next one; done"
    terminal = interrupt_while_it_reads(["bash", "-c", loop], tmp_path / "traces")
    terminal.close()
    assert terminal.process.returncode == -signal.SIGINT
    assert "the next one" not in terminal.text
