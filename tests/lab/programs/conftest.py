"""Programs such as users write, each in its own folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from tests.support.lab import BACKENDS


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., Path]:
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
