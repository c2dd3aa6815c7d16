"""The stack of compose.yaml, with an engine of whatever host: everything goes through the `docker` command."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import uuid
from pathlib import Path
from typing import Any

from lab.trace import Trace, load_traces
from tests.support.clock import eventually

ROOT = Path(__file__).parents[2]
BUILD = 600.0  # seconds, for images that have to be fetched and built
COMMAND = 120.0


def docker(*words: str, timeout: float = COMMAND, check: bool = True, **variables: str) -> str:
    """Run `docker` and return what it prints; it fails with what it said."""
    done = subprocess.run(
        ["docker", *words], cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, timeout=timeout
    )
    assert not check or done.returncode == 0, f"docker {' '.join(words)}: {done.stdout}{done.stderr}"
    return done.stdout


class Stack:
    """A project of its own, beside whatever else the engine runs."""

    def __init__(self, **variables: str) -> None:
        self.project = f"lab-test-{uuid.uuid4().hex[:8]}"
        self._variables = {"LAB_IMAGE": self.project, "LAB_PASSWORD": "", "LAB_SECRET": "", **variables}

    def compose(self, *words: str, timeout: float = COMMAND) -> str:
        return docker("compose", "--project-name", self.project, *words, timeout=timeout, **self._variables)

    @property
    def network(self) -> str:
        return f"{self.project}_default"

    def up(self, workers: int = 3) -> None:
        """Bring everything into the state that compose.yaml describes; whoever is on its way back is waited for."""
        eventually(lambda: "unhealthy" not in [self.health(one) for one in self.workers()], COMMAND)
        self.compose("up", "--wait", "--scale", f"worker={workers}", timeout=BUILD)

    def health(self, container: str) -> str:
        """Return what the health check says: starting, healthy or unhealthy."""
        return docker("inspect", "--format", "{{.State.Health.Status}}", container).strip()

    def down(self) -> None:
        """Remove all, the data and the image included."""
        self.compose("down", "--volumes", "--timeout", "5")
        docker("image", "rm", "--force", self.project, check=False)

    def workers(self) -> list[str]:
        """Return the containers of the workers that run; the first twelve letters are the name of the host."""
        return [one[:12] for one in self.compose("ps", "--quiet", "worker").split()]

    def redis(self) -> str:
        return self.compose("ps", "--all", "--quiet", "redis").strip()

    def execute(self, service: str, *command: str) -> str:
        """Run a command beside a service's own."""
        return self.compose("exec", "-T", service, *command)

    def inspect(self) -> list[dict[str, Any]]:
        """Return all that the engine shows of the containers."""
        found: list[dict[str, Any]] = json.loads(docker("inspect", *self.compose("ps", "--all", "--quiet").split()))
        return found

    def left(self) -> str:
        """Return what the engine still has of this project."""
        mine = ("--quiet", "--filter", f"label=com.docker.compose.project={self.project}")
        kinds = (("ps", "--all"), ("network", "ls"), ("volume", "ls"))
        return "".join(docker(*kind, *mine) for kind in kinds)

    def lab(self, *words: str) -> Lab:
        """Start the lab and do not wait for it."""
        return Lab(self.project, words, self._variables)


class Lab:
    """`docker compose run lab` with these words; its traces are read when it has ended."""

    def __init__(self, project: str, words: tuple[str, ...], variables: dict[str, str]) -> None:
        self._name = f"{project}-lab-{uuid.uuid4().hex[:8]}"
        run = ["docker", "compose", "--project-name", project, "run", "-T", "--name", self._name, "lab"]
        self._process = subprocess.Popen(
            [*run, *words, "--trace", "traces"],
            cwd=ROOT,
            env=os.environ | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        self._lines.extend(self._process.stdout)

    @property
    def said(self) -> str:
        """All that it has printed so far."""
        return "".join(self._lines)

    def finish(self) -> int:
        """Wait for its end and return its exit status."""
        status = self._process.wait(COMMAND)
        self._reader.join()
        return status

    def traces(self, folder: Path) -> list[Trace]:
        """Return the traces that it has written, by way of `folder`."""
        docker("cp", f"{self._name}:/home/lab/traces", str(folder))
        return load_traces(folder / "traces")

    def close(self) -> None:
        """End it if it has not ended, and remove its container."""
        docker("rm", "--force", self._name, check=False)
        self._process.wait(COMMAND)
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()
