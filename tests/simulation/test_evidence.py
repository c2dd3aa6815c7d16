"""What docs/evidence.md refers to exists, and its tables are complete."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.simulation.__main__ import make_parser
from tests.simulation.checks import CHECKS
from tests.simulation.mutants import MUTANTS
from tests.simulation.schedule import ALL_FAULTS
from tests.simulation.workloads import WORKLOADS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/evidence.md").read_text()
PATHS = re.findall(r"`(tests/[\w/]+(?:\.py)?)(?:::(\w+))?`", TEXT)
COMMANDS = re.findall(r"python -m tests\.simulation[^`#\n]*", TEXT.replace("\n", " \n"))


@pytest.mark.parametrize(("path", "test"), PATHS)
def test_named_test_exists(path, test):
    assert (ROOT / path).exists()
    if test:
        assert re.search(rf"^(async )?def {test}\(", (ROOT / path).read_text(), re.M)


@pytest.mark.parametrize("command", COMMANDS)
def test_command_is_understood(command):
    words = shlex.split(command)[3:]
    make_parser().parse_args(["7" if word == "N" else word for word in words])


def test_tables_are_complete():
    rows = dict(re.findall(r"^\| (.*?) \| (.*) \|$", TEXT, re.M))
    for mutant in MUTANTS:
        assert rows[mutant.name].startswith(f"{mutant.primitive} | {mutant.why} | `"), "it was caught"
    checks = {check.__name__ for checks in CHECKS.values() for check in checks}
    assert checks == set(re.findall(r"`(\w+)`", " ".join(rows.values()))) & checks
    assert set(WORKLOADS) <= rows.keys()
    kinds = ", ".join(rows)
    assert [kind for kind in ALL_FAULTS if kind.removeprefix("restart ") not in kinds] == []
    assert len(PATHS) > 50
    assert len(COMMANDS) >= 4
