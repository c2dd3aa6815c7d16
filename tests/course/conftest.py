"""Plays the course's programs through `lab run`, each in a folder of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType

import pytest

from broker.server.private_server import PrivateServer
from tests.support.actors import TIMEOUT
from tests.support.waiting import wait_until

PROGRAMS = Path(__file__).parent / "programs"
BACKENDS = ("local", "redis", "rq")
STOCK = {"tickets_query": 5, "tickets_unlocked": 1, "tickets_locked": 5}  # what the course says that `db` holds
LONGEST = ("tickets_locked", "traffic")
AT_ONCE = 8
VEHICLES = 20
NOTHING: Mapping[str, str] = MappingProxyType({})
LIMIT = 150.0  # seconds, more than any program that ends by itself takes


class Play:
    """A program of the course's on one backend; what it prints goes to files."""

    def __init__(self, program: Path, backend: str, url: str) -> None:
        self._files = [program.with_suffix(suffix) for suffix in (".out", ".err")]
        where = ["--on", backend] + ([] if backend == "local" else ["--redis-url", url])
        with self._files[0].open("wb") as out, self._files[1].open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "lab", "run", str(program), *where],
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

    def count(self, words: str) -> int:
        return sum(words in line for line in self.lines)

    def stop(self) -> int:
        """Ask it to end, as a shell's `kill` does; return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(TIMEOUT)


class Stage:
    """Where programs are played; whatever still runs when it closes is ended."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._url = url
        self._plays: list[Play] = []

    def play(self, name: str, backend: str, changed: Mapping[str, str] = NOTHING) -> Play:
        """Start a program, some of whose text is changed."""
        play = Play(self.script(name, backend, changed), backend, self._url)
        self._plays.append(play)
        return play

    def script(self, name: str, backend: str, changed: Mapping[str, str] = NOTHING) -> Path:
        folder = self._folder / f"{name}-{backend}-{len(changed)}"
        folder.mkdir()
        text = (PROGRAMS / f"{name}.py").read_text("utf-8")
        for old, new in changed.items():
            assert old in text
            text = text.replace(old, new)
        (folder / f"{name}.py").write_text(text, "utf-8")
        if name in STOCK:
            (folder / "db").write_text(f'{{"count":{STOCK[name]}}}')
        return folder / f"{name}.py"

    def close(self) -> None:
        for play in self._plays:
            if play.process.poll() is None:
                play.stop()


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def stage(server: PrivateServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    opened = Stage(tmp_path_factory.mktemp("course"), server.url)
    yield opened
    opened.close()


@pytest.fixture(scope="module", autouse=True)
def _to_their_end(request: pytest.FixtureRequest, stage: Stage) -> Iterator[dict[tuple[str, str], Future[Play]]]:
    """All that a selected test wants to see the end of: they mostly sleep, so they are played side by side."""

    def play(name: str, backend: str) -> Play:
        play = stage.play(name, backend)
        if name == "traffic":  # its light never ends
            wait_until(lambda: play.count("通过") == VEHICLES, LIMIT)
            play.stop()
        play.process.wait(LIMIT)
        return play

    wanted = [
        (_program(item), str(item.callspec.params["backend"]))
        for item in request.session.items
        if isinstance(item, pytest.Function) and "ended" in item.fixturenames
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {key: pool.submit(play, *key) for key in sorted(wanted, key=lambda key: key[0] not in LONGEST)}
        pool.shutdown(cancel_futures=True)


@pytest.fixture
def ended(request: pytest.FixtureRequest, backend: str, _to_their_end: dict[tuple[str, str], Future[Play]]) -> Play:
    """The program that the test is named after, played to its end."""
    return _to_their_end[_program(request.node), backend].result()


def _program(test: pytest.Function) -> str:
    return test.originalname.removeprefix("test_")
