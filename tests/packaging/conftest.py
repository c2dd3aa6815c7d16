"""The project built once, and its wheel in an environment without extras."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.support.missing import missing

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, without what builds and tools have left in it."""
    copy = tmp_path_factory.mktemp("source") / "tree"
    ignored = [name.strip("/") for name in (ROOT / ".gitignore").read_text().split()]
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", *ignored))
    return copy


@pytest.fixture(scope="module")
def distributions(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the sdist and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, tree]
    built = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


@pytest.fixture(scope="module")
def sdist(distributions: Path) -> Path:
    (path,) = distributions.glob("*.tar.gz")
    return path


@pytest.fixture(scope="module")
def wheel(distributions: Path) -> Path:
    (path,) = distributions.glob("*.whl")
    return path


class Environment:
    """A virtual environment of its own: nothing of the one that runs the tests is in it."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=True, symlinks=True)
        self.python = folder / "bin" / "python"

    def run(self, program: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run one of the environment's programs, away from the project's own folder."""
        return subprocess.run(
            [self.python.with_name(program), *words],
            cwd=self.python.parent,
            env={name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
            capture_output=True,
            text=True,
            timeout=300,
        )

    def execute(self, source: str, *words: str) -> str:
        """Run Python source and return what it prints."""
        done = self.run("python", "-c", source, *words)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def installed(self) -> set[str]:
        """Return the names of all distributions in the environment."""
        listed = self.run("python", "-m", "pip", "list", "--format", "json")
        return {each["name"] for each in json.loads(listed.stdout)}


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment in which the wheel was installed without any extra."""
    environment = Environment(tmp_path_factory.mktemp("bare"))
    done = environment.run("python", "-m", "pip", "install", "--quiet", wheel)
    if "No matching distribution found for redis" in done.stderr:
        missing("no package index can be reached")
    assert done.returncode == 0, done.stderr
    return environment
