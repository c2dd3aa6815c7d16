"""What is not there is a reason to skip a test, and in CI to fail it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.compose.conftest import missing_prerequisite
from tests.support.missing import missing


def test_skipped_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="there is no moon"):
        missing("there is no moon")


def test_failed_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises((pytest.fail.Exception, pytest.skip.Exception), match="there is no moon") as raised:
        missing("there is no moon")
    assert raised.type is pytest.fail.Exception


def test_no_docker_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert missing_prerequisite() == "there is no docker command"


@pytest.mark.parametrize(("engine", "reason"), [(False, "no engine answers docker"), (True, "docker cannot pull ")])
def test_docker_without_an_engine_or_a_registry(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, engine: bool, reason: str
) -> None:
    docker = tmp_path / "docker"
    answers = "compose|version" if engine else "compose"
    docker.write_text(f"#!/bin/sh\ncase $1 in {answers}) exit 0 ;; esac\nexit 1\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert missing_prerequisite().startswith(reason)
