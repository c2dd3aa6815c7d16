"""A headless browser for all tests, and the pages that it opens."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from lab.backends import Settings
from lab.compare import compare
from lab.exercises import EXERCISES
from lab.programs.page import program_document
from lab.programs.run import run_program
from lab.report.web.exercise import exercise_document
from lab.report.web.page import render
from lab.result import judge
from lab.runtime.interrupts import Interrupts
from tests.support.missing import missing
from tests.support.traces import make_exercise

# What makes a run of each exercise short.
SHORT: dict[str, dict[str, Any]] = {
    "buffer": {"pace": 0.01},
    "chat": {"clients": 3, "messages": 2, "pace": 0.01},
    "counter": {"increments": 5},
    "daemon": {"pace": 0.1},
    "event": {"pace": 0.05},
    "ktv": {"guests": 6, "rooms": 2, "pace": 0.02},
    "liveness": {"members": 3, "pace": 0.005},
    "lock": {"pace": 0.05},
    "output": {"pace": 0.02},
    "philosophers": {"meals": 2, "pace": 0.02},
    "readers": {"reads": 3, "pace": 0.01},
    "rendezvous": {"pace": 0.05},
    "semaphore": {"pace": 0.05},
    "tickets": {"clients": 5, "stock": 2, "pace": 0.01},
    "traffic": {"vehicles": 4, "pace": 0.05},
}
OVERSOLD = {"clients": 5, "stock": 2, "pace": 0.5, "how": "nothing"}  # so slow that all read before the first writes
PROGRAM = """
from multiprocessing import Event, Lock, Process, Queue


def work(first, second, ready, queue):
    with first:
        queue.put("has one")
        ready.wait()
        with second:
            pass


if __name__ == "__main__":
    hall, rooms, queue, ready = Lock(), Lock(), Queue(), Event()
    left = Process(target=work, args=(hall, rooms, ready, queue), name="left")
    right = Process(target=work, args=(rooms, hall, ready, queue), name="right")
    left.start(), right.start()
    queue.get(), queue.get()
    ready.set()
    left.join(), right.join()
"""


@pytest.fixture(scope="session")
def browser() -> Iterator[Chrome]:
    """One Chromium for all tests: it takes a second to start."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        missing("Chromium and its driver are not installed (apt-get install chromium chromium-driver)")
    options = ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # root has no sandbox; the pages are our own
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with Chrome(options, Service(driver)) as started:
        yield started


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a page on a short local run of each exercise, on tickets without a lock, and on a program."""
    folder = tmp_path_factory.mktemp("reports")
    exercises = {name: make_exercise(name, **SHORT.get(name, {})) for name in EXERCISES}
    for name, exercise in {**exercises, "oversold": make_exercise("tickets", **OVERSOLD)}.items():
        results = [judge(trace) for trace in compare([exercise], ["local"], Settings())]
        (folder / f"{name}.html").write_text(render(exercise_document(results), []))
    program = folder / "deadlock.py"
    program.write_text(PROGRAM)
    limit = 5.0  # seconds: enough to come to the deadlock on a busy machine
    with Interrupts() as interrupts:
        run = run_program(program, "local", "", 1, [], limit, folder, interrupts)
    runs = [run, replace(run, trace=replace(run.trace, backend="redis"))]
    (folder / "program.html").write_text(render(program_document(runs), []))
    return folder
