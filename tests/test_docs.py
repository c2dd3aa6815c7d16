"""What the README and the docs show is run as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"^```python\n(.*?)^```", page.read_text(), re.M | re.S))
]
COMMANDS = re.findall(r"^    (lab .+?)(?:  .*)?$", (ROOT / "README.md").read_text(), re.M)
LAB = Path(sys.executable).with_name("lab")
SMALL = {"tickets": ["--clients", "8", "--pace", "0.02"], "ktv": ["--guests", "5", "--pace", "0.02"]}


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "LAB_REDIS_URL": ""}


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs(program, tmp_path):
    (tmp_path / "program.py").write_text(program)
    run = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60
    )
    assert (run.returncode, run.stderr) == (0, "")
    fences = [int(fence) for fence in re.findall(r"fence (\d+)", run.stdout)]
    assert len(fences) == 4
    assert fences == sorted(set(fences))


def test_commands_of_the_readme(tmp_path):
    assert len(COMMANDS) >= 6
    for command in COMMANDS:
        _, verb, *rest = command.split()
        small = SMALL[rest[0]] if verb == "compare" else []
        run = subprocess.run(
            [LAB, verb, *rest, *small],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert run.returncode == int("--no-lock" in rest), run.stdout + run.stderr
        assert run.stdout


def test_links_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
