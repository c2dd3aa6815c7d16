"""The wheel and the sdist: what they hold, what the wheel requires, and that it works without its extras."""

from __future__ import annotations

import ast
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from broker.server.private_server import PrivateServer
from tests.packaging.conftest import Environment

pytestmark = pytest.mark.slow

NAME = "multiprocessing-lab"
PACKAGES = ("broker", "jobs", "lab")
EVERYWHERE = {"python_version": "3.12", "platform_system": "Linux"}  # where every requirement applies
USER = """
import broker

def work(ctx: broker.Context, timeout: float) -> bool:
    return ctx.Lock(lease=timeout).acquire(timeout=timeout)
"""


def files(tree: Path, *folders: str) -> set[str]:
    """Return the files of these folders, as paths below the tree."""
    return {
        path.relative_to(tree).as_posix() for folder in folders for path in (tree / folder).rglob("*") if path.is_file()
    }


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(archive.read(name).decode())


def required(wheel: Path, extra: str) -> set[str]:
    """Return what the wheel requires with an extra, and with the extras which that one includes."""
    names = set()
    for requirement in map(Requirement, metadata(wheel).get_all("Requires-Dist", [])):
        if requirement.marker and not requirement.marker.evaluate({**EVERYWHERE, "extra": extra}):
            continue
        if requirement.name == NAME:
            names.update(*(required(wheel, included) for included in requirement.extras))
        else:
            names.add(requirement.name)
    return names


def imported(package: Path) -> set[str]:
    """Return the modules of other projects that a package imports anywhere."""
    found = {name.split(".")[0] for path in package.rglob("*.py") for name in imports(ast.parse(path.read_text()))}
    return found - sys.stdlib_module_names - set(PACKAGES)


def imports(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def test_the_wheel_holds_the_packages_and_nothing_else(tree: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        content = set(archive.namelist())
    info = {name for name in content if ".dist-info/" in name}
    expected = files(tree, *PACKAGES)
    assert content - info == expected
    assert {Path(name).suffix for name in expected} == {".py", ".lua", ".typed", ".html", ".css", ".js", ".po", ".mo"}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in info)


def test_the_sdist_holds_the_project(tree: Path, sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        content = {member.name.partition("/")[2] for member in archive if member.isfile()}
    expected = files(tree, *PACKAGES, ".ci", "bench", "compose", "docs", "tests")
    expected |= {
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "README.md",
        "compose.yaml",
        "Dockerfile",
        "pyproject.toml",
    }
    assert expected - content == set()


def test_the_metadata_names_the_license_and_the_extras(wheel: Path) -> None:
    fields = metadata(wheel)
    assert fields["License-Expression"] == "MIT"
    assert set(fields.get_all("Provides-Extra", [])) == {"jobs", "server", "lab", "docs", "test"}


@pytest.mark.parametrize(("package", "extra"), [("broker", "server"), ("jobs", "jobs"), ("lab", "lab")])
def test_whatever_a_package_imports_is_required(tree: Path, wheel: Path, package: str, extra: str) -> None:
    # Each of these distributions has the name of its module.
    assert imported(tree / package) - required(wheel, extra) == set()


def test_whatever_is_required_is_imported(tree: Path, wheel: Path) -> None:
    assert required(wheel, "") == {"redis"}
    assert required(wheel, "lab") == set().union(*(imported(tree / package) for package in PACKAGES))


def test_without_extras_only_redis_is_installed(wheel: Path, bare: Environment) -> None:
    installed = bare.installed()
    assert {NAME, "redis"} <= installed
    assert installed & (required(wheel, "lab") - {"redis"}) == set()


def test_broker_works_without_extras(bare: Environment, server: PrivateServer) -> None:
    source = """
import importlib, pkgutil, sys
import broker
for module in pkgutil.walk_packages(broker.__path__, "broker."):
    importlib.import_module(module.name)
for name in broker.__all__:
    getattr(broker, name)
with broker.Context(sys.argv[1]) as ctx:
    with ctx.Lock() as held:
        queue, event, board = ctx.Queue(), ctx.Event(), ctx.Board()
        queue.put("sent")
        event.set()
        print(held, queue.get(), event.wait())
"""
    assert bare.execute(source, server.url) == "True sent True\n"


def test_lab_without_its_extra_says_what_to_install(bare: Environment) -> None:
    done = bare.run("lab", "list")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "lab: click is not installed; run: pip install 'multiprocessing-lab[lab]'\n"


def test_jobs_without_its_extra_says_what_to_install(bare: Environment) -> None:
    done = bare.run("python", "-c", "import jobs")
    assert done.returncode == 1
    assert done.stderr.endswith("jobs needs rq and cloudpickle: pip install 'multiprocessing-lab[jobs]'\n")


def test_a_users_file_is_checked_against_the_installed_types(bare: Environment, tmp_path: Path) -> None:
    assert mypy(bare, tmp_path, USER) == ""
    assert "[arg-type]" in mypy(bare, tmp_path, USER.replace("lease=timeout", "lease='long'"))


def mypy(bare: Environment, folder: Path, source: str) -> str:
    """Return the errors that mypy finds in a user's file, with what is installed in the environment."""
    (folder / "user.py").write_text(source)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--config-file=", "user.py"]
    words = ["--python-executable", str(bare.python)]
    return subprocess.run([*command, *words], cwd=folder, capture_output=True, text=True, timeout=300).stdout
