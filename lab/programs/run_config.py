"""The configuration of a program's run, which its processes inherit in an environment variable."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lab.language import user_environment
from lab.runtime.event_log import EventLog, FileLog, StreamLog
from lab.runtime.fault_plan import FaultPlan, parse_fault

VARIABLE = "LAB_RUN_CONFIG"  # children inherit it with every start method


@dataclass(frozen=True)
class RunConfig:
    """A program and the backend that it runs on.

    `log` is a file, or a stream on the server (see `logs_on_server`); if it is empty, nothing is recorded.
    """

    program: str
    backend: str
    url: str = field(default="", repr=False)  # it may hold a password
    queue: str = ""
    workers: int = 0  # that listen, or as many as there may be
    own_workers: bool = True  # whether they were started for this run
    log: str = ""
    fault: str = ""  # as in the option; if it is empty, no fault happens
    seed: int = 0  # of the faults
    parent_pipe: int = -1  # a file descriptor in the first process: it reads end of file when the lab has ended

    @property
    def folder(self) -> Path:
        """The program's folder, which is its working directory."""
        return Path(self.program).parent

    def environment(self) -> dict[str, str]:
        """Return the environment of the program's process: the user's own, and the configuration."""
        return {**user_environment(), VARIABLE: self.to_json()}

    def to_json(self) -> str:
        """Return the configuration as text, for `from_json`."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> RunConfig:
        """Return the configuration that `to_json` has written."""
        return cls(**json.loads(text))

    @classmethod
    def from_environment(cls) -> RunConfig:
        """Return the configuration in this process's environment."""
        return cls.from_json(os.environ[VARIABLE])

    @property
    def plan(self) -> FaultPlan | None:
        """The faults that are to happen."""
        return parse_fault(self.fault, self.seed) if self.fault else None

    @property
    def logs_on_server(self) -> bool:
        """Whether the log is on the server: for jobs, which any host may run, unless the server is to be restarted.

        Such a server is the lab's own, and all processes are on this machine.
        """
        return self.backend == "rq" and not (self.plan and self.plan.restarts_server)

    def open_log(self) -> EventLog | None:
        """Return the log to record in; None if nothing is recorded."""
        if not self.log:
            return None
        return StreamLog(self.url, self.log) if self.logs_on_server else FileLog(Path(self.log))
