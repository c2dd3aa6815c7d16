"""What the README and the docs show is run as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import broker.aio
import jobs
from lab.exercises import EXERCISES
from tests.support.actors import TIMEOUT

ROOT = Path(__file__).parents[1]
IN_CHINESE = {
    ROOT / "README.md": ROOT / "README.zh-CN.md",
    ROOT / "docs" / "course.md": ROOT / "docs" / "zh" / "course.md",
    ROOT / "docs" / "teaching.md": ROOT / "docs" / "zh" / "teaching.md",
}
PAGES = [*sorted({*ROOT.glob("*.md")} - {*IN_CHINESE.values()}), *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"^```python\n(.*?)^```", page.read_text(), re.M | re.S))
    if "FastAPI(" not in block  # tests/broker/aio/test_web_application.py runs that one
]


def commands_of(page):
    return re.findall(r"^    (lab \S.*?)(?:  .*)?$", page.read_text(), re.M)


SHOWN = {page: commands_of(page) for page in PAGES}
COMMANDS = [
    pytest.param(
        command,
        id=f"{page.stem}-{number}",
        marks=[pytest.mark.slow] if "compare" in command or page.stem in ("course", "teaching") else [],
    )
    for page, commands in SHOWN.items()
    for number, command in enumerate(commands)
]
WRITES_RUNS, READ_RUNS = "lab compare tickets --trace runs", {"lab check runs", "lab report runs"}
STARTS_RUNG, CHECKS_RUNG = "lab learn start 1", "lab learn check 1"
LAB = Path(sys.executable).with_name("lab")
SMALL = {  # quick, and still wrong without what keeps the actors apart
    "daemon": "--pace 0.2",
    "liveness": "--members 3 --pace 0.015",
    "chat": "--clients 3 --messages 2 --pace 0.05",
    "output": "--pace 0.5",
    "lock": "--pace 0.1",
    "tickets": "--clients 8 --pace 0.02",
    "semaphore": "--pace 0.1",
    "ktv": "--guests 9 --pace 0.1",
    "event": "--pace 0.1",
    "traffic": "--vehicles 6",
    "counter": "--increments 5",
    "buffer": "--pace 0.01",
    "rendezvous": "--pace 0.05",
    "philosophers": "--pace 0.02",
    "readers": "--pace 0.01",
}
WRONG = {"nothing", "main", "once"}  # the variants that show what goes wrong


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "LAB_REDIS_URL": "", "PYTHONUNBUFFERED": "1"}


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs(program, tmp_path):
    (tmp_path / "program.py").write_text(program)
    run = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=3 * TIMEOUT,
    )
    assert (run.returncode, run.stderr) == (0, "")
    if "fence" in program:
        fences = [int(fence) for fence in re.findall(r"fence (\d+)", run.stdout)]
        assert len(fences) == 4
        assert fences == sorted(set(fences))
    else:
        assert run.stdout == "[0, 1, 4, 9, 16]\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_commands(command, tmp_path):
    (tmp_path / "lab").symlink_to(ROOT / "lab")
    before = [WRITES_RUNS] if command in READ_RUNS else [STARTS_RUNG] if CHECKS_RUNG in command else []
    for each in [*before, command]:
        words = each.split()[1:]
        small = SMALL.get(words[1], "") if words[0] in ("run", "compare") else ""
        run = subprocess.run(
            [LAB, *words, *small.split()],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=3 * TIMEOUT,
        )
        assert run.returncode == expected_status(words), run.stdout + run.stderr
        assert run.stdout


def expected_status(words):
    """Return the exit status of a command: 1 for what goes wrong, 2 if a death leaves the others waiting."""
    if "kill" in words:
        return 2
    if words[0] == "learn":
        return int("check" in words)  # a version that nobody has repaired
    named = words[words.index("--how") + 1].split(",") if "--how" in words else []
    wrong = WRONG | ({"unfenced"} if "pause" in words else set())
    return int(not wrong.isdisjoint(EXERCISES[words[1]].variants() if named == ["all"] else named))


def test_the_readme_has_commands():
    assert len(SHOWN[ROOT / "README.md"]) >= 6
    assert {WRITES_RUNS, *READ_RUNS} <= set(SHOWN[ROOT / "README.md"])
    assert {STARTS_RUNG, CHECKS_RUNG} <= set(SHOWN[ROOT / "docs" / "teaching.md"])


def test_links_lead_somewhere():
    for page in [*PAGES, *IN_CHINESE.values()]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize(("english", "chinese"), IN_CHINESE.items(), ids=lambda page: page.name)
def test_both_languages_show_the_same(english, chinese):
    commands = [re.sub(r"--lang \w+", "--lang zh", command) for command in SHOWN[english]]
    assert [re.sub(r"--lang \w+", "--lang zh", command) for command in commands_of(chinese)] == commands
    for pattern in (r"^```(?:python|sh)\n.*?^```", r"^#+ ", r"^    python3 [^\n]*"):  # code, headings, how to install
        texts = [re.findall(pattern, page.read_text(), re.M | re.S) for page in (english, chinese)]
        assert len(texts[0]) == len(texts[1])
        assert texts[0] == texts[1]


@pytest.mark.parametrize("package", [broker, broker.aio, jobs], ids=lambda package: package.__name__)
def test_the_reference_has_every_public_name(package):
    page = (ROOT / "docs" / "api" / package.__name__.rpartition(".")[2]).with_suffix(".rst").read_text()
    listed = set(re.findall(rf"^\.\. \w+:: (?:{re.escape(package.__name__)}\.)?(\w+)(?:\(.*)?$", page, re.M))
    assert {*package.__all__} - listed == set()
