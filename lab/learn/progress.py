"""A learner's folder: the files of the rungs, and how far the learner has come."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from gettext import gettext as _
from gettext import pgettext
from pathlib import Path

from lab import files
from lab.errors import LabError
from lab.formatting import join_list
from lab.learn.rung import Rung
from lab.learn.rungs import RUNGS

PROGRESS = "progress.json"


@dataclass
class Folder:
    """A learner's folder."""

    path: Path
    held: set[str] = field(default_factory=set)  # the names of the rungs that hold
    hints: dict[str, int] = field(default_factory=dict)  # how many were shown, by the rung's name

    @classmethod
    def load(cls, path: Path) -> Folder:
        """Return the folder, which need not exist; raise `LabError` if its record cannot be read."""
        try:
            found = json.loads((path / PROGRESS).read_text("utf-8"))
            return cls(path, {str(name) for name in found["held"]}, {str(k): int(v) for k, v in found["hints"].items()})
        except FileNotFoundError:
            return cls(path)
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            sentence = _("{file} cannot be read ({error}); delete it to begin again")
            raise LabError(sentence.format(file=path / PROGRESS, error=error)) from error

    def save(self) -> None:
        """Record how far the learner has come."""
        record = {"held": sorted(self.held), "hints": self.hints}
        files.write_file(self.path / PROGRESS, json.dumps(record, indent=2) + "\n")

    def file_of(self, rung: Rung) -> Path:
        """Return the path of a rung's file."""
        return self.path / f"{number_of(rung):02}_{rung.name}.py"

    def state_of(self, rung: Rung) -> str:
        """Return how far the learner has come with a rung, in a word."""
        if rung.name in self.held:
            return pgettext("rung", "holds")
        return pgettext("rung", "started") if self.file_of(rung).exists() else ""

    def start(self, rung: Rung) -> Path:
        """Write a rung's file and return its path; raise `LabError` if there is one."""
        file = self.file_of(rung)
        if file.exists():
            raise LabError(_("{file} exists; edit it, or delete it to begin again").format(file=file))
        try:
            self.path.mkdir(exist_ok=True)
        except OSError as error:
            sentence = _("{folder} cannot be made ({error}); name another folder")
            raise LabError(sentence.format(folder=self.path, error=error.strerror)) from error
        files.write_file(file, rung.file())
        return file


def number_of(rung: Rung) -> int:
    """Return the number of a rung, from 1."""
    return RUNGS.index(rung) + 1


def find_rung(word: str) -> Rung:
    """Return the rung with that number or name; raise `LabError` if there is none."""
    for rung in RUNGS:
        if word in (rung.name, str(number_of(rung))):
            return rung
    sentence = _("there is no rung {name!r}; there are: 1 to {last}, {names}")
    raise LabError(sentence.format(name=word, last=len(RUNGS), names=join_list([rung.name for rung in RUNGS])))
