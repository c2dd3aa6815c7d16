"""Every sentence in the code is a message of the catalogue."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

LAB = Path(__file__).parents[2] / "lab"
PROGRAMS = LAB / "course" / "programs", LAB / "learn" / "files"  # the course's, and what a learner repairs
FILES = [file for file in sorted(LAB.rglob("*.py")) if not set(PROGRAMS) & set(file.parents)]
MARKED = {"_", "N_", "ngettext", "pgettext", "parameter", "choice"}
PROSE = re.compile(r"[a-z']+(?: [a-z']+){2,}")
CODE = re.compile(r"lab (run|compare|learn) |import |.*\bredis\b", re.DOTALL)  # commands, Python and Lua
NO_MESSAGES = {
    "daemonic processes are not allowed to have children",  # multiprocessing's own
    "nothing came through the pipe",  # an exception of an actor, which the trace records
    "module  x  has no attribute  x",  # Python's own
    *("gets no ticket", "is not set", "completes a generation"),  # kinds of events
    "wait for room",  # a key of the figures
    # kinds of events, and why they happened: these are English in a trace
    *("is cut off", "restarts server empty", "server is back", "being let in", "is not recorded"),
    *("waits for a message", "its lease has ended already", "no longer holds", "its lease has ended"),
    # exceptions that programs and actors may see
    "the lease was lost: fence  x  is older than fence  x , which the store has seen",
    *("Timeout reading from the server", "this process is cut off from the server"),
    # assertions
    *("only an RQ worker calls this", "the task was not started", "a request without a fence is never refused"),
    "a probe of lab doctor",  # the name of a job
    "return {' x ', ' x '}",  # Lua
    "x x x \n",  # a layout
}


def unmarked(node: ast.AST) -> Iterator[str]:
    """Yield the texts below `node` that are not looked up, but for docstrings and for the summaries of exercises."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) in MARKED:
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "summary":
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    if isinstance(node, ast.JoinedStr):
        yield " ".join(part.value if isinstance(part, ast.Constant) else "x" for part in node.values)
        return
    for child in ast.iter_child_nodes(node):
        yield from unmarked(child)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(LAB)))
def test_every_sentence_is_a_message_of_the_catalogue(file: Path):
    found = [
        text for text in unmarked(ast.parse(file.read_text("utf-8"))) if PROSE.search(text) and not CODE.match(text)
    ]
    assert [text for text in found if text not in NO_MESSAGES] == []
