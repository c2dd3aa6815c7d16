"""What a program's interpreter must know, and every process that it starts: which program, and where it plays."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lab.runtime.logs import FileLog, Log, StreamLog

VARIABLE = "LAB_SCENE"  # of the environment, which children inherit however they begin


@dataclass(frozen=True)
class Scene:
    """A program on a backend, recorded in `log`: a file, or for jobs a stream on the server; nowhere if it is empty."""

    path: str
    backend: str
    url: str = field(default="", repr=False)  # it may hold a password
    queue: str = ""
    workers: int = 0
    log: str = ""
    lifeline: int = -1  # a file descriptor of the first process: its other end is closed when the lab ends

    @property
    def folder(self) -> Path:
        """The program's folder, in which it runs."""
        return Path(self.path).parent

    def environment(self) -> dict[str, str]:
        """Return this process's environment with the scene in it."""
        return {**os.environ, VARIABLE: self.to_text()}

    def to_text(self) -> str:
        """Return the scene as text, for `from_text`."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Scene:
        """Return the scene that `to_text` wrote."""
        return cls(**json.loads(text))

    @classmethod
    def here(cls) -> Scene:
        """Return the scene in this process's environment."""
        return cls.from_text(os.environ[VARIABLE])

    def open_log(self) -> Log | None:
        """Return where to record; None if nobody asked for it."""
        if not self.log:
            return None
        return StreamLog(self.url, self.log) if self.backend == "rq" else FileLog(Path(self.log))
