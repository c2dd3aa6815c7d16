"""Whether a program's runs were equal, and what differed, in sentences that follow from the figures.

Two runs are equal if they ended with the same exit code, the same number of processes failed, and they printed the same
lines in any order, where the IDs of their own processes count as equal. If a run was stopped at the time limit, all
runs are equal if all of them were.
"""

from __future__ import annotations

import functools
import operator
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from gettext import gettext as _
from gettext import ngettext, pgettext

from lab.checks import metrics
from lab.formatting import format_seconds, join_clauses, join_list, join_names, join_sentences, per_backend, with_range
from lab.programs.run import ProgramRun
from lab.programs.unrecorded import unrecorded

MAX_PRIMITIVES = 6  # whose use is described
MAX_LONGEST = 2  # primitives that are named as those for which processes waited longest
MIN_DIFFERENCE = 0.1  # relative; waits that differ by less are as long
MAX_LINE_LENGTH = 60  # characters of a printed line in a sentence


def equal(runs: Sequence[ProgramRun]) -> bool:
    """Return whether all runs were equal."""
    all_runs = [each for run in runs for each in run.each]
    same_exit = len({run.exit_code for run in all_runs}) == 1
    return same_exit and (_any_stopped(all_runs) or (_same_failures(all_runs) and _same_lines(all_runs)))


def explain(runs: Sequence[ProgramRun], limit: float | None) -> str:
    """Return a few sentences on a comparison; `limit` is the time in seconds after which runs were stopped."""
    sentences = (
        _exit_codes(runs, limit),
        _failures(runs),
        _varying(runs),
        _lines(runs),
        _counts(runs),
        _waits(runs),
        _worker_shortage(runs),
    )
    return join_sentences(sentences)


def primitives(runs: Sequence[ProgramRun]) -> list[str]:
    """Return the names of all primitives that any run used."""
    return list(dict.fromkeys(name for run in runs for name in run.usages))


def _any_stopped(runs: Sequence[ProgramRun]) -> bool:
    return any(run.exit_code is None for run in runs)


def _same_lines(runs: Sequence[ProgramRun]) -> bool:
    return all(run.lines == runs[0].lines for run in runs)


def _same_failures(runs: Sequence[ProgramRun]) -> bool:
    return len({run.failures for run in runs}) == 1


def _exit_codes(runs: Sequence[ProgramRun], limit: float | None) -> str:
    interrupted = [run.backend for run in runs if any(each.interrupted for each in run.each)]
    ended = [run for run in runs if any(each.exit_code is None and not each.interrupted for each in run.each)]
    stopped = [run.backend for run in ended]
    codes = {run.backend: run.exit_code for run in runs if run.exit_code is not None}
    sentences = []
    if stopped:
        sentence = _("It was stopped at the limit of {limit} on {backends}.")
        sentences.append(sentence.format(limit=format_seconds(limit), backends=join_list(stopped)))
    if interrupted:
        sentences.append(_("It was interrupted on {backends}.").format(backends=join_list(interrupted)))
    if len(set(codes.values())) > 1:
        sentences.append(_("The exit code differs: {codes}.").format(codes=_per_backend(codes)))
    return join_sentences(sentences)


def _failures(runs: Sequence[ProgramRun]) -> str:
    if _same_failures(runs):
        return ""
    counts = _per_backend({run.backend: run.failures for run in runs})
    return _("The number of failed processes differs: {counts}.").format(counts=counts)


def _per_backend(values: Mapping[str, object]) -> str:
    return per_backend([(str(value), backend) for backend, value in values.items()])


def _varying(runs: Sequence[ProgramRun]) -> str:
    backends = [run.backend for run in runs if not equal([run])]
    if not backends:
        return ""
    sentence = _("The runs on {backends} were not equal to each other; the rest is about the median one.")
    return sentence.format(backends=join_list(backends))


def _lines(runs: Sequence[ProgramRun]) -> str:
    if len(runs) < 2 or _any_stopped(runs):
        return ""
    if _same_lines(runs):
        return _("All backends printed the same lines.")
    if all(_without_numbers(run.lines) == _without_numbers(runs[0].lines) for run in runs):
        return _("All backends printed the same lines except for the numbers in them.")
    common = functools.reduce(operator.and_, (run.lines for run in runs))
    others = join_clauses([_describe(run.backend, run.lines - common) for run in runs])
    sentence = _("The printed lines differ: {count} are the same on all backends. Apart from these, {others}.")
    return sentence.format(count=common.total(), others=others)


def _without_numbers(lines: Counter[str]) -> Counter[str]:
    return Counter(re.sub(r"\d+", "0", line) for line in lines.elements())


def _describe(backend: str, lines: Counter[str]) -> str:
    if not lines:
        return _("{backend} printed none").format(backend=backend)
    first = next(iter(lines))
    shown = first if len(first) <= MAX_LINE_LENGTH else first[:MAX_LINE_LENGTH] + "…"
    phrase = ngettext("{backend} printed {count}: {line!r}", "{backend} printed {count}, first {line!r}", lines.total())
    return phrase.format(backend=backend, count=lines.total(), line=shown)


def _counts(runs: Sequence[ProgramRun]) -> str:
    sentences = []
    incomplete = {name for run in runs for name in unrecorded(run)}
    for name in (each for each in primitives(runs) if each not in incomplete):
        counts = {run.backend: _format_counts(run.usages[name].counts) for run in runs if name in run.usages}
        if len(counts) < len(runs) or len(set(counts.values())) > 1:
            sentence = _("The use of {name} differs: {counts}.")
            sentences.append(sentence.format(name=name, counts=_per_backend(counts)))
    return join_sentences(sentences[:MAX_PRIMITIVES])


def _format_counts(counts: dict[str, int]) -> str:
    phrase = _("{count} {what}")
    phrases = [phrase.format(count=count, what=_(what)) for what, count in counts.items()]
    return pgettext("counts", " and ").join(phrases)


def _waits(runs: Sequence[ProgramRun]) -> str:
    totals = {name: max(_total_wait(run, [name]) for run in runs) for name in primitives(runs)}
    longest = max(totals, key=lambda name: totals[name], default="")
    if not longest or not totals[longest]:
        return ""
    names = [name for name in totals if name == longest or not _clearly_shorter(runs, name, longest)]
    if len(names) > MAX_LONGEST:
        return ""
    times = {run.backend: _with_range(run.values(lambda each: _total_wait(each, names))) for run in runs}
    sentence = _("Most of the waiting was for {names}, in total {times}.")
    return sentence.format(names=join_names(names), times=_per_backend(times))


def _clearly_shorter(runs: Sequence[ProgramRun], name: str, longest: str) -> bool:
    """Return whether the waits for `name` were clearly shorter in every run on each backend."""
    return all(
        run.values(lambda each: _total_wait(each, [name]))[-1]
        < run.values(lambda each: _total_wait(each, [longest]))[0] * (1 - MIN_DIFFERENCE)
        for run in runs
    )


def _with_range(values: Sequence[float]) -> str:
    median = format_seconds(values[(len(values) - 1) // 2])
    return median if len(values) == 1 else with_range(median, format_seconds(values[0]), format_seconds(values[-1]))


def _total_wait(run: ProgramRun, names: Sequence[str]) -> float:
    return sum(run.usages[name].total_wait for name in names if name in run.usages)


def _worker_shortage(runs: Sequence[ProgramRun]) -> str:
    most = max(runs, key=lambda run: metrics.max_concurrent(run.trace))
    for run in runs:
        concurrent, workers = metrics.max_concurrent(run.trace), run.trace.workers
        if workers is not None and workers <= concurrent < metrics.max_concurrent(most.trace):
            most_running = per_backend([(str(metrics.max_concurrent(most.trace)), most.backend)])
            return _(
                "{backend} has {workers} workers and ran at most {running} processes at a time ({most}); the others "
                "first waited for a worker."
            ).format(backend=run.backend, workers=workers, running=concurrent, most=most_running)
    return ""
