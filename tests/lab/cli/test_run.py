"""What `lab run` prints: the course's lines, as it happens, in either language, and the verdict."""

from __future__ import annotations

import re
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from lab.exercises import EXERCISES
from lab.language import LANGUAGES, language
from lab.printed_lines import PrintedLine, format_line
from lab.trace import load_traces
from tests.support.lab import BACKENDS, INTERRUPTED, RunLab, StartLab
from tests.support.traces import parse_trace

FEW = ("run", "tickets", "--clients", 5, "--stock", 2, "--pace", 0.02, "--workers", 3)


@pytest.mark.parametrize("backend", BACKENDS)
def test_tickets_print_the_courses_lines(lab: RunLab, url: str, backend: str):
    done = lab(*FEW, "--on", backend, "--lang", "zh", "--redis-url", url)
    assert (done.returncode, done.stderr) == (0, "")
    *lines, verdict = done.stdout.splitlines()
    assert lines.count("购票成功") == 2
    assert lines.count("购票失败") == 3
    assert sum(line.startswith("剩余票数") for line in lines) == 5
    assert verdict.startswith("有效")
    assert "共 2 张，卖出 2 张，剩余 0 张；" in verdict


def test_invalid_run_is_reported_by_last_line_and_exit_status(lab: RunLab):
    done = lab("run", "ktv", "--rooms", 1, "--guests", 3, "--pace", 0.5, "--how", "nothing", "--lang", "en")
    assert done.returncode == 1
    assert "user0 has a KTV room" in done.stdout.splitlines()
    assert done.stdout.splitlines()[-1].startswith("invalid: guest ")


@pytest.mark.parametrize("backend", BACKENDS)
def test_lines_are_printed_during_the_run(start: StartLab, url: str, backend: str):
    session = start("run", "ktv", "--guests", 1, "--pace", 60, "--on", backend, "--redis-url", url)
    assert session.process.stdout is not None
    assert session.process.stdout.readline().split()[0] in ("user0", "user0占到一间ktv小屋")
    assert session.process.poll() is None
    session.process.send_signal(signal.SIGINT)
    finished = session.finish()
    assert (finished.returncode, finished.stderr) == (128 + signal.SIGINT, INTERRUPTED)


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({"FORCE_COLOR": "1"}, "\x1b[43m剩余票数2\x1b[0m"),
        ({}, "剩余票数2"),
        pytest.param({"FORCE_COLOR": "1", "NO_COLOR": "1"}, "剩余票数2", marks=pytest.mark.slow),
    ],
)
def test_colours_are_used_on_terminals_only(
    lab: RunLab, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], line: str
):
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert lab(*FEW, "--lang", "zh").stdout.splitlines()[0] == line


def test_locale_determines_the_printed_language(lab: RunLab, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.delenv("LC_MESSAGES", raising=False)
    for locale, line in (("zh_CN.UTF-8", "剩余票数2"), ("C.UTF-8", "tickets left: 2")):
        monkeypatch.setenv("LANG", locale)
        assert lab(*FEW).stdout.splitlines()[0] == line


def test_placeholders_are_filled_from_the_event():
    (event,) = parse_trace("0 client_12 sees 4").events
    lines = {"sees": PrintedLine("{number} {who} sees {value}", "red")}
    assert format_line(lines, event).plain == "12 client 12 sees 4"
    assert format_line(lines, parse_trace("0 client_12 buys 4").events[0]) is None


@pytest.mark.parametrize("name", EXERCISES)
@pytest.mark.parametrize("chosen", LANGUAGES)
def test_every_printed_line_can_be_filled_from_its_event(name: str, chosen: str):
    lines = EXERCISES[name].printed_lines
    assert lines
    for what in lines:
        (event,) = parse_trace(f"0 car_1 {what.replace(' ', '_')} 4", name).events
        complete = replace(event, on="something", why="for a reason")
        with language(chosen):
            assert format_line(lines, complete)


def test_event_without_the_values_of_its_line_prints_nothing():
    (event,) = parse_trace("0 daemon finishes", "daemon").events
    assert format_line(EXERCISES["daemon"].printed_lines, event) is None


def test_trace_is_saved(lab: RunLab, tmp_path: Path):
    assert lab(*FEW, "--trace", "traces").returncode == 0
    (trace,) = load_traces(tmp_path / "traces")
    assert (trace.exercise, trace.backend, trace.parameters["how"]) == ("tickets", "local", "lock")
    assert lab("check", "traces").returncode == 0


def test_repeated_runs_have_one_verdict_and_their_times(lab: RunLab):
    done = lab("run", "lock", "--pace", 0.01, "--repeat", 3)
    assert done.returncode == 0, done.stdout + done.stderr
    verdict, times = done.stdout.splitlines()[-2:]
    assert verdict.startswith("valid: ")
    assert re.fullmatch(r"3 runs took \S+ \S+ to \S+ \S+, median \S+ \S+", times)
