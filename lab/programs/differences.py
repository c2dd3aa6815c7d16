"""What differed between a program's runs, in sentences that follow from the figures, and whether they were alike.

Two runs are alike if they ended with the same exit code, as many of their processes failed, and they printed the same
lines, in whatever order, where the numbers of their own processes count as equal. Of runs that were ended when their
time was over, only that is compared.
"""

from __future__ import annotations

import functools
import operator
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from lab.checks import metrics
from lab.formatting import seconds
from lab.programs.run import Performance

MOST = 6  # primitives whose use is said to differ
LONGEST = 60  # characters of a printed line in a sentence


def alike(runs: Sequence[Performance]) -> bool:
    """Return whether all runs came to the same."""
    return len({run.code for run in runs}) == 1 and (_cut(runs) or (_same_failures(runs) and _same_lines(runs)))


def explain(runs: Sequence[Performance], limit: float | None) -> str:
    """Return a few sentences on a comparison; `limit` is the time after which runs were ended."""
    sentences = (_ends(runs, limit), _failures(runs), _lines(runs), _counts(runs), _waits(runs), _crowd(runs))
    return " ".join(filter(None, sentences))


def primitives(runs: Sequence[Performance]) -> list[str]:
    """Return the names of all primitives that any run used."""
    return list(dict.fromkeys(name for run in runs for name in run.usages))


def _cut(runs: Sequence[Performance]) -> bool:
    return any(run.code is None for run in runs)


def _same_lines(runs: Sequence[Performance]) -> bool:
    return all(run.lines == runs[0].lines for run in runs)


def _same_failures(runs: Sequence[Performance]) -> bool:
    return len({run.failures for run in runs}) == 1


def _ends(runs: Sequence[Performance], limit: float | None) -> str:
    cut = [run.backend for run in runs if run.code is None]
    codes = {run.backend: run.code for run in runs if run.code is not None}
    sentences = []
    if cut:
        sentences.append(f"After {seconds(limit)} it was ended, as --limit says, on {', '.join(cut)}.")
    if len(set(codes.values())) > 1:
        sentences.append(f"The exit code differs: {_each(codes)}.")
    return " ".join(sentences)


def _failures(runs: Sequence[Performance]) -> str:
    if _same_failures(runs):
        return ""
    return f"The number of processes that failed differs: {_each({run.backend: run.failures for run in runs})}."


def _each(values: Mapping[str, object]) -> str:
    return ", ".join(f"{value} on {backend}" for backend, value in values.items())


def _lines(runs: Sequence[Performance]) -> str:
    if len(runs) < 2 or _cut(runs):
        return ""
    if _same_lines(runs):
        return "The same lines were printed everywhere."
    if all(_blurred(run.lines) == _blurred(runs[0].lines) for run in runs):
        return "The same lines were printed everywhere but for the numbers in them."
    common = functools.reduce(operator.and_, (run.lines for run in runs))
    own = "; ".join(f"{run.backend} {_some(run.lines - common)}" for run in runs)
    return f"The lines printed differ: {common.total()} are the same everywhere; of its own, {own}."


def _blurred(lines: Counter[str]) -> Counter[str]:
    return Counter(re.sub(r"\d+", "0", line) for line in lines.elements())


def _some(lines: Counter[str]) -> str:
    if not lines:
        return "has none"
    first = next(iter(lines))
    shown = first if len(first) <= LONGEST else first[:LONGEST] + "…"
    return f"has {lines.total()}, {'the first of them ' if lines.total() > 1 else ''}{shown!r}"


def _counts(runs: Sequence[Performance]) -> str:
    sentences = []
    for name in primitives(runs):
        counts = {run.backend: _words(run.usages[name].counts) for run in runs if name in run.usages}
        if len(counts) < len(runs) or len(set(counts.values())) > 1:
            sentences.append(f"The use of {name} differs: {_each(counts)}.")
    return " ".join(sentences[:MOST])


def _words(counts: dict[str, int]) -> str:
    return " and ".join(f"{count} {what}" for what, count in counts.items())


def _waits(runs: Sequence[Performance]) -> str:
    totals = {name: max(_total(run, name) for run in runs) for name in primitives(runs)}
    longest = max(totals, key=lambda name: totals[name], default="")
    if not longest or not totals[longest]:
        return ""
    times = _each({run.backend: seconds(_total(run, longest)) for run in runs})
    return f"Most of the waiting was for {longest}: all waits together, {times}."


def _total(run: Performance, name: str) -> float:
    return sum(run.usages[name].times.get("wait", ())) if name in run.usages else 0.0


def _crowd(runs: Sequence[Performance]) -> str:
    most = max(runs, key=lambda run: metrics.max_concurrent(run.children))
    for run in runs:
        crowd, workers = metrics.max_concurrent(run.children), run.trace.workers
        if workers is not None and crowd >= workers and crowd < metrics.max_concurrent(most.children):
            return (
                f"{run.backend} has {workers} workers and ran at most {crowd} processes at a time "
                f"({metrics.max_concurrent(most.children)} on {most.backend}); the others waited for a worker first."
            )
    return ""
