"""The trials of a learner's version, in a process of their own: it may loop, exit, or print what it likes."""

from __future__ import annotations

import json
import os
import select
import sys
import time
from contextlib import closing
from dataclasses import asdict
from gettext import gettext as _
from io import FileIO
from pathlib import Path

from broker.server.private_server import PrivateServer
from broker.subprocesses.supervised_process import SupervisedProcess
from lab.checks.verdicts import Judgement, Verdict
from lab.language import current_language, language
from lab.learn.errors import UnjudgedError
from lab.learn.faults import Fault
from lab.learn.rung import Outcome, Rung, check
from lab.trace import Trace

# Modules are imported from where this process has them, and not from the learner's folder.
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from lab.learn.process import main; main(*sys.argv[2:])"
)
TIME_LIMIT = 60.0  # real seconds for all trials; they take less than one


def check_in_process(rung: Rung, file: Path) -> Outcome:
    """Run all trials of a file until one fails; raise `UnjudgedError` if that is not possible.

    The process and its server have ended by then.
    """
    reader, writer = os.pipe()
    with open(reader, "rb", buffering=0) as results, closing(PrivateServer()) as server:
        arguments = [json.dumps(sys.path), rung.name, str(file.absolute()), server.url]
        try:
            process = SupervisedProcess([sys.executable, "-c", _PROGRAM, *arguments], output=writer)
        finally:
            os.close(writer)
        with closing(process):
            text = _read(results)
    try:
        return _parse(json.loads(text))
    except json.JSONDecodeError as error:
        raise UnjudgedError(_("the file has ended its process")) from error


def _read(results: FileIO) -> bytes:
    """Return what the process writes until it ends."""
    deadline, text = time.monotonic() + TIME_LIMIT, b""
    while select.select([results], [], [], max(0.0, deadline - time.monotonic()))[0]:
        part = results.read(65536)
        if not part:
            return text
        text += part
    raise UnjudgedError(_("the trials have not ended after {seconds:g} s").format(seconds=TIME_LIMIT))


def _parse(found: dict[str, object]) -> Outcome:
    if "error" in found:
        raise UnjudgedError(str(found["error"]))
    if found["trace"] is None:
        return Outcome(int(str(found["runs"])))
    trace = Trace.parse(str(found["trace"]), "")
    events = tuple(trace.events[place] for place in found["events"])  # type: ignore[attr-defined]
    fault = Fault(**found["fault"]) if found["fault"] else None  # type: ignore[arg-type]
    verdict = Verdict(Judgement.INVALID, str(found["evidence"]), events)
    return Outcome(int(str(found["runs"])), verdict, fault, trace)


def _report(outcome: Outcome) -> dict[str, object]:
    if outcome.trace is None or outcome.verdict is None:
        return {"runs": outcome.runs, "trace": None}
    return {
        "runs": outcome.runs,
        "trace": outcome.trace.dump(),
        "evidence": outcome.verdict.evidence,
        "events": [outcome.trace.events.index(event) for event in outcome.verdict.events],
        "fault": asdict(outcome.fault) if outcome.fault else None,
    }


def main(name: str, file: str, url: str) -> None:
    """Run the trials and write what they have shown; end this process whatever the version's threads do."""
    from lab.learn.rungs import RUNGS

    results, nothing = os.dup(1), os.open(os.devnull, os.O_RDWR)
    for output in (1, 2):  # whatever the version writes there
        os.dup2(nothing, output)
    (rung,) = (rung for rung in RUNGS if rung.name == name)
    try:
        with language(current_language()):
            found = _report(check(rung, Path(file).read_text("utf-8-sig"), url))
    except (UnjudgedError, UnicodeDecodeError) as error:
        found = {"error": str(error)}
    with open(results, "w", encoding="utf-8") as stream:
        stream.write(json.dumps(found))
    os._exit(0)
