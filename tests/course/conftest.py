"""Runs the course's programs with `lab run`, each in its own folder."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType

import pytest

import lab.course
from broker.server.private_server import PrivateServer
from tests.support.actors import TIMEOUT
from tests.support.waiting import wait_until

PROGRAMS = Path(lab.course.__file__).parent / "programs"
BACKENDS = ("local", "redis", "rq")
STOCK = {"tickets_query": 5, "tickets_unlocked": 1, "tickets_locked": 5}  # the course's content of `db`
LONGEST = ("tickets_locked", "traffic")
MAX_CONCURRENT = 8
VEHICLES = 20
# On a machine that takes long to start and end processes, two clients have to overlap, and a daemon to sleep still.
CHANGES = {
    "tickets_unlocked": {"time.sleep(0.2)": "time.sleep(5)"},
    "daemon_foo_bar": {"time.sleep(1)": "time.sleep(60)"},
}
NO_CHANGES: Mapping[str, str] = MappingProxyType({})
RUN_TIMEOUT = 300.0  # seconds, more than any program that ends by itself needs


class CourseRun:
    """A running program of the course on one backend; its output goes to files."""

    def __init__(self, program: Path, backend: str, url: str) -> None:
        self._files = [program.with_suffix(suffix) for suffix in (".out", ".err")]
        options = ["--on", backend] + ([] if backend == "local" else ["--redis-url", url])
        with self._files[0].open("wb") as out, self._files[1].open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "lab", "run", str(program), *options],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )

    @property
    def lines(self) -> list[str]:
        return self._files[0].read_text("utf-8").splitlines()

    @property
    def errors(self) -> str:
        return self._files[1].read_text("utf-8")

    def count(self, text: str) -> int:
        return sum(text in line for line in self.lines)

    def stop(self) -> int:
        """Send SIGTERM; return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(TIMEOUT)


class CourseRunner:
    """Starts programs; stops those that are still running when it is closed."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._url = url
        self._runs: list[CourseRun] = []

    def start(self, name: str, backend: str, changes: Mapping[str, str] = NO_CHANGES) -> CourseRun:
        """Start a program, in whose text the keys of `changes` are replaced by the values."""
        run = CourseRun(self.script(name, backend, changes), backend, self._url)
        self._runs.append(run)
        return run

    def script(self, name: str, backend: str, changes: Mapping[str, str] = NO_CHANGES) -> Path:
        folder = self._folder / f"{name}-{backend}-{len(changes)}"
        folder.mkdir()
        text = (PROGRAMS / f"{name}.py").read_text("utf-8")
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        (folder / f"{name}.py").write_text(text, "utf-8")
        if name in STOCK:
            (folder / "db").write_text(f'{{"count":{STOCK[name]}}}')
        return folder / f"{name}.py"

    def close(self) -> None:
        for run in self._runs:
            if run.process.poll() is None:
                run.stop()


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def runner(server: PrivateServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CourseRunner]:
    opened = CourseRunner(tmp_path_factory.mktemp("course"), server.url)
    yield opened
    opened.close()


@pytest.fixture(scope="module", autouse=True)
def _finished_runs(
    request: pytest.FixtureRequest, runner: CourseRunner
) -> Iterator[dict[tuple[str, str], Future[CourseRun]]]:
    """The finished runs that the selected tests need; run concurrently, as the programs mostly sleep."""

    def finish(name: str, backend: str) -> CourseRun:
        run = runner.start(name, backend, CHANGES.get(name, NO_CHANGES))
        if name == "traffic":  # its light never ends
            wait_until(lambda: run.count("通过") == VEHICLES, RUN_TIMEOUT)
            run.stop()
        run.process.wait(RUN_TIMEOUT)
        return run

    wanted = [
        (_program(item), str(item.callspec.params["backend"]))
        for item in request.session.items
        if isinstance(item, pytest.Function) and "finished" in item.fixturenames
    ]
    with ThreadPoolExecutor(MAX_CONCURRENT) as pool:
        yield {key: pool.submit(finish, *key) for key in sorted(wanted, key=lambda key: key[0] not in LONGEST)}
        pool.shutdown(cancel_futures=True)


@pytest.fixture
def finished(
    request: pytest.FixtureRequest, backend: str, _finished_runs: dict[tuple[str, str], Future[CourseRun]]
) -> CourseRun:
    """The finished run of the program that the test is named after."""
    return _finished_runs[_program(request.node), backend].result()


def _program(test: pytest.Function) -> str:
    return test.originalname.removeprefix("test_")
