"""A project of compose.yaml, driven by the `docker` command, so that the engine may be on any host."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import uuid
from pathlib import Path
from typing import Any

from lab.trace import Trace, load_traces
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
BUILD_TIMEOUT = 600.0  # seconds; images may have to be pulled and built
COMMAND_TIMEOUT = 240.0


def docker(*words: str, timeout: float = COMMAND_TIMEOUT, check: bool = True, **variables: str) -> str:
    """Run `docker` and return its output; a failure shows it."""
    done = subprocess.run(
        ["docker", *words], cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, timeout=timeout
    )
    assert not check or done.returncode == 0, f"docker {' '.join(words)}: {done.stdout}{done.stderr}"
    return done.stdout


class ComposeProject:
    """A Compose project with a name of its own."""

    def __init__(self, **variables: str) -> None:
        self.project = f"lab-test-{uuid.uuid4().hex[:8]}"
        self._variables = {"LAB_IMAGE": self.project, "LAB_PASSWORD": "", "LAB_SECRET": "", **variables}

    def compose(self, *words: str, timeout: float = COMMAND_TIMEOUT) -> str:
        return docker("compose", "--project-name", self.project, *words, timeout=timeout, **self._variables)

    @property
    def network(self) -> str:
        return f"{self.project}_default"

    def up(self, workers: int = 3) -> None:
        """Start or restart the services, and wait until they are healthy."""
        wait_until(lambda: "unhealthy" not in [self.health(one) for one in self.workers()], COMMAND_TIMEOUT)
        self.compose("up", "--wait", "--scale", f"worker={workers}", timeout=BUILD_TIMEOUT)

    def health(self, container: str) -> str:
        """Return the result of the health check: starting, healthy or unhealthy."""
        return docker("inspect", "--format", "{{.State.Health.Status}}", container).strip()

    def down(self) -> None:
        """Remove containers, volumes, networks and the image."""
        self.compose("down", "--volumes", "--timeout", "5")
        docker("image", "rm", "--force", self.project, check=False)

    def workers(self) -> list[str]:
        """Return the ids of the running workers' containers, cut to the twelve characters that are their host names."""
        return [one[:12] for one in self.compose("ps", "--quiet", "worker").split()]

    def redis(self) -> str:
        return self.compose("ps", "--all", "--quiet", "redis").strip()

    def execute(self, service: str, *command: str) -> str:
        """Run a command in a service's container."""
        return self.compose("exec", "-T", service, *command)

    def inspect(self) -> list[dict[str, Any]]:
        """Return what `docker inspect` shows of the containers."""
        found: list[dict[str, Any]] = json.loads(docker("inspect", *self.compose("ps", "--all", "--quiet").split()))
        return found

    def leftovers(self) -> str:
        """Return the ids of the project's containers, networks and volumes that still exist."""
        filters = ("--quiet", "--filter", f"label=com.docker.compose.project={self.project}")
        kinds = (("ps", "--all"), ("network", "ls"), ("volume", "ls"))
        return "".join(docker(*kind, *filters) for kind in kinds)

    def lab(self, *words: str) -> LabContainer:
        """Start a container of the lab and do not wait for it."""
        return LabContainer(self.project, words, self._variables)


class LabContainer:
    """`docker compose run lab` with these arguments; its traces can be read when it has ended."""

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
    def output(self) -> str:
        """What it has printed so far."""
        return "".join(self._lines)

    def finish(self) -> int:
        """Wait for its end and return its exit status."""
        status = self._process.wait(COMMAND_TIMEOUT)
        self._reader.join()
        return status

    def traces(self, folder: Path) -> list[Trace]:
        """Copy the traces to `folder` and return them."""
        docker("cp", f"{self._name}:/home/lab/traces", str(folder))
        return load_traces(folder / "traces")

    def close(self) -> None:
        """Remove the container, running or not."""
        docker("rm", "--force", self._name, check=False)
        self._process.wait(COMMAND_TIMEOUT)
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()
