"""The page on the runs of a program: what is equal, what they waited for, and how each primitive was used."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from gettext import gettext as _

from lab.checks.faults import planned_faults
from lab.checks.primitives import invariants_hold
from lab.checks.verdicts import Judgement
from lab.checks.waits import state_at_stop
from lab.formatting import join_list
from lab.programs.differences import equal, explain, primitives
from lab.programs.report import faults, table_sections
from lab.programs.run import ProgramRun
from lab.programs.unrecorded import explain_unrecorded
from lab.programs.usage import WAIT
from lab.programs.waiting import explain_waits
from lab.report.web.document import Document, Finding, Run
from lab.trace import STOP, Event, Trace

MAX_PLOTS = 6  # primitives whose waits are drawn


def program_document(runs: Sequence[ProgramRun]) -> Document:
    """Return the document on a comparison; of repeated runs, it shows the median one."""
    traces = [run.trace for run in runs]
    arguments, limit = traces[0].parameters["arguments"], traces[0].parameters.get("limit")
    findings, differences = _findings(runs), explain(runs, limit) if _has_output(runs) else ""
    return Document(
        title=shlex.join([traces[0].exercise, *arguments]),
        judgement=findings[0].judgement,
        verdict=findings[0].sentence,
        findings=findings,
        runs=[Run(run.backend, run.trace) for run in runs],
        explanation=list(filter(None, [faults(runs), differences, explain_unrecorded(runs)])),
        columns=[run.backend for run in runs],
        sections=table_sections(runs),
        waits={_("Waits for {name}").format(name=name): _waits(runs, name) for name in _longest_waits(runs)},
        parameters={name: value for name, value in traces[0].parameters.items() if value} | planned_faults(traces[0]),
        command=_command(runs, arguments, limit),
        traces=[each.trace for run in runs for each in run.each],
    )


def _has_output(runs: Sequence[ProgramRun]) -> bool:
    return all(run.output is not None for run in runs)


def _findings(runs: Sequence[ProgramRun]) -> list[Finding]:
    """Return what was found, the worst first: waits that could not end, whether all runs were equal, violations."""
    found = []
    if waits := explain_waits(runs):
        blocked = {number: events for number, run in enumerate(runs) if (events := _blocked(run.trace))}
        found.append(Finding("", Judgement.INVALID if blocked else Judgement.UNKNOWN, waits, blocked))
    if _has_output(runs):
        same = equal(runs)
        sentence = _("All runs were equal.") if same else _("The runs were not equal.")
        found.append(Finding("", Judgement.VALID if same else Judgement.INVALID, sentence))
    return sorted([*found, *_invariants(runs)], key=lambda finding: -finding.judgement)


def _invariants(runs: Sequence[ProgramRun]) -> Iterator[Finding]:
    verdicts = [invariants_hold(run.trace) for run in runs]
    for verdict in dict.fromkeys(verdicts):
        same = [number for number, each in enumerate(verdicts) if each == verdict]
        events = {number: verdicts[number].events for number in same if verdicts[number].events}
        backends = join_list([runs[number].backend for number in same])
        yield Finding(backends, verdict.judgement, verdict.evidence, events)


def _blocked(trace: Trace) -> list[Event]:
    """Return the events with which waits began that nothing could end any more: those of a cycle, if there is one."""
    if not trace.of(STOP):
        return []
    state = state_at_stop(trace)
    return [wait.begin for wait in state.cycle() or state.waits_in_vain().values()]


def _longest_waits(runs: Sequence[ProgramRun]) -> list[str]:
    """Return the primitives for which processes waited longest."""
    totals = {name: sum(run.usages[name].total_wait for run in runs if name in run.usages) for name in primitives(runs)}
    return sorted(totals, key=lambda name: -totals[name])[:MAX_PLOTS]


def _waits(runs: Sequence[ProgramRun], name: str) -> dict[str, list[float]]:
    return {run.backend: run.usages[name].times.get(WAIT, []) for run in runs if name in run.usages}


def _command(runs: Sequence[ProgramRun], arguments: Sequence[str], limit: float | None) -> str:
    repeats = max(len(run.repeats) for run in runs)
    options = ["--on", ",".join(run.backend for run in runs)]
    options += ["--repeat", str(repeats)] if repeats else []
    options += ["--limit", f"{limit:g}"] if limit else []
    options += [word for name, value in planned_faults(runs[0].trace).items() for word in (f"--{name}", str(value))]
    return shlex.join(["lab", "compare", runs[0].trace.exercise, *options, *arguments])
