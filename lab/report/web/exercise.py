"""The document on the runs of an exercise."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from gettext import gettext as _

from lab.checks.verdicts import Judgement, Verdict, worst
from lab.report.explanations import explain
from lab.report.table import Row, by_verdict, figure_rows, outcome_rows, title
from lab.report.web.document import Document, Finding, Run, Section
from lab.result import Result, column_labels, describe_runs, parameters


def exercise_document(results: Sequence[Result]) -> Document:
    """Return the document on a comparison; of repeated runs, it shows the one that the verdict is about."""
    shown = [_shown_run(result) for result in results]
    labels = column_labels(results)
    verdict = worst([result.verdict for result in results])
    section = results[0].exercise.section
    return Document(
        title=title(results),
        judgement=verdict.judgement,
        verdict=_verdict(results, verdict),
        findings=_findings(results, shown),
        runs=list(map(_run, labels, results, shown)),
        explanation=explain(results).splitlines(),
        columns=labels,
        sections=[Section("", [_verdict_row(results), *outcome_rows(results)]), Section("", figure_rows(results))],
        waits={
            _("Waits for {name}").format(name=section): {
                label: run.wait_times for label, run in zip(labels, shown, strict=True)
            }
        },
        parameters=parameters(results),
        command=_command(results),
        traces=[run.trace for result in results for run in result.repeats or (result,)],
    )


def _shown_run(result: Result) -> Result:
    """Return a run with the result's verdict: the median one, if that has it."""
    runs = [run for run in result.repeats if run.verdict.judgement is result.verdict.judgement]
    median = [run for run in runs if run.trace is result.trace]
    return (median or runs or [result])[0]


def _run(label: str, result: Result, shown: Result) -> Run:
    if not result.repeats:
        return Run(label, shown.trace)
    number = next(number for number, run in enumerate(result.repeats, 1) if run.trace is shown.trace)
    sentence = _("{run}, run {number} of {count}")
    return Run(sentence.format(run=label, number=number, count=len(result.repeats)), shown.trace)


def _verdict_row(results: Sequence[Result]) -> Row:
    return _("verdict"), [str(result.verdict) for result in results]


def _verdict(results: Sequence[Result], verdict: Verdict) -> str:
    """Return the verdict in one sentence: the worst, with the evidence of the first run that has it."""
    same = [result for result in results if result.verdict.judgement is verdict.judgement]
    figures = {"verdict": str(verdict).capitalize(), "runs": describe_runs(same, results)}
    if len({result.verdict.evidence for result in same}) == 1:
        return _("{verdict} on {runs}: {evidence}.").format(**figures, evidence=same[0].verdict.evidence)
    if verdict.judgement is Judgement.VALID:
        return _("{verdict} on {runs}.").format(**figures)
    first = describe_runs(same[:1], results)
    sentence = _("{verdict} on {runs}; on {first}, {evidence}.")
    return sentence.format(**figures, first=first, evidence=same[0].verdict.evidence)


def _findings(results: Sequence[Result], shown: Sequence[Result]) -> list[Finding]:
    return [
        Finding(
            runs=describe_runs(group, results),
            judgement=verdict.judgement,
            sentence=verdict.evidence,
            events={
                number: run.verdict.events
                for number, (result, run) in enumerate(zip(results, shown, strict=True))
                if result in group and run.verdict.events
            },
        )
        for verdict, group in by_verdict(results).items()
    ]


def _command(results: Sequence[Result]) -> str:
    words = ["lab", "compare", results[0].exercise.name]
    for name, value in parameters(results).items():
        words += [f"--{name}", str(value)]
    words += ["--on", ",".join(dict.fromkeys(result.backend for result in results))]
    repeats = max(len(result.repeats) for result in results)
    return shlex.join([*words, *(["--repeat", str(repeats)] if repeats else [])])
