"""Programs such as users write, each in its own folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

Program = Callable[..., Path]


@pytest.fixture(params=["local", pytest.param("redis", marks=pytest.mark.slow), "rq"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Writes a program, and other modules beside it."""

    def write(text: str, **beside: str) -> Path:
        folder = tmp_path / "mine"
        folder.mkdir()
        for name, other in beside.items():
            (folder / f"{name}.py").write_text(dedent(other))
        path = folder / "program.py"
        path.write_text(dedent(text))
        return path

    return write


@pytest.fixture(params=[*(pytest.param(name, marks=pytest.mark.slow) for name in ("local", "redis")), "rq"])
def where(request: pytest.FixtureRequest, url: str) -> list[object]:
    """The options for one backend."""
    return ["--on", request.param, "--redis-url", url, "--workers", 2]
