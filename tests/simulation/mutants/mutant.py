"""What a seeded bug is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """A bug: in the text of scripts, or, with `function` (module:qualified name), in its source."""

    name: str
    why: str
    primitive: str
    old: str
    new: str
    function: str = ""
    faults: tuple[str, ...] = ()  # the kinds that it takes, if some that are chosen at random hardly ever find it


class MutantError(Exception):
    """The text that a mutant changes is not there."""

    def __init__(self, mutant: Mutant, where: str) -> None:
        super().__init__(f"adapt the mutant {mutant.name!r} of {mutant.primitive}: {where} {mutant.old!r}")


def lua(name: str, primitive: str, why: str, old: str, new: str, *faults: str) -> Mutant:
    return Mutant(name, why, primitive, old, new, "", faults)


def python(name: str, primitive: str, why: str, function: str, old: str, new: str, *faults: str) -> Mutant:
    return Mutant(name, why, primitive, old, new, function, faults)
