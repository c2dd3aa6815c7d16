"""How figures are formatted."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from gettext import gettext as _
from gettext import pgettext
from typing import Any, TypeAlias

OutcomeValue: TypeAlias = "int | float | bool | str | None"  # a count, seconds, yes or no, a word, no value
MAX_NAMES = 8  # names that are listed


def format_value(value: OutcomeValue) -> str:
    """Return a value of an outcome as a table shows it."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return format_seconds(value) if value is None or isinstance(value, float) else str(value)


def format_values(values: Sequence[Any], format_one: Callable[[Any], str] = format_value) -> str:
    """Return the median of sorted values and, below it, their range if it shows a difference; a dash for none."""
    if not values:
        return "-"
    median, first, last = (format_one(each) for each in (values[(len(values) - 1) // 2], values[0], values[-1]))
    return median if first == last else f"{median}\n{format_range(first, last)}"


def format_range(first: str, last: str) -> str:
    """Return the smallest and the largest value as one phrase; a single one if they are the same."""
    return first if first == last else _("{first} to {last}").format(first=first, last=last)


def with_range(median: str, first: str, last: str) -> str:
    """Return a figure with its range in brackets."""
    return _("{median} ({first} to {last})").format(median=median, first=first, last=last)


def format_repeats(count: int) -> str:
    """Return of how many runs figures are; 0 if nothing was repeated."""
    if not count:
        return _("Each column is one run; figures differ from run to run. --repeat N shows by how much.")
    return _("Each column shows the median of {count} runs, and their range.").format(count=count)


def format_names(names: Sequence[str]) -> str:
    """Return the number of names and, if there are several, the names, one per line."""
    more = [_("and {count} more").format(count=len(names) - MAX_NAMES)] if len(names) > MAX_NAMES else []
    return "\n".join([str(len(names)), *(names[:MAX_NAMES] if len(names) > 1 else []), *more])


def fill_in(sentence: str, **fields: object) -> str:
    """Return the sentence with its fields filled in; where one ends with a Chinese bracket, no space follows."""
    return sentence.format(**fields).replace("） ", "）")


def join_names(names: Sequence[str]) -> str:
    """Return names for a sentence, as in `a, b and c`; of many, the first and how many more there are."""
    if len(names) > MAX_NAMES:
        return first_names(names, MAX_NAMES)
    *first, last = names
    return fill_in(_("{names} and {last}"), names=join_list(first), last=last) if first else last


def first_names(names: Sequence[str], count: int) -> str:
    """Return a list of at most `count` names, and how many more there are."""
    shown, more = join_list(names[:count]), len(names) - count
    return fill_in(_("{names} and {count} more"), names=shown, count=more) if more > 0 else shown


def join_list(parts: Sequence[str]) -> str:
    """Return names or figures as a list: `a, b, c`."""
    return pgettext("list", ", ").join(parts)


def per_backend(values: Sequence[tuple[str, str]]) -> str:
    """Return values, each with its backend: `3 on local, 5 on redis`."""
    phrase = _("{value} on {backend}")
    return join_list([phrase.format(value=value, backend=backend) for value, backend in values])


def join_alternatives(names: Sequence[str]) -> str:
    """Return names of which one is meant: `a or b`."""
    return pgettext("names", " or ").join(names)


def join_phrases(phrases: Sequence[str]) -> str:
    """Return phrases or short main clauses, one after the other: `a went on, b failed`."""
    return pgettext("phrases", ", ").join(phrases)


def join_clauses(clauses: Sequence[str]) -> str:
    """Return clauses that are parts of one sentence: `a; b`."""
    return pgettext("clauses", "; ").join(clauses)


def join_sentences(sentences: Sequence[str]) -> str:
    """Return the sentences that there are, one after the other."""
    given = list(filter(None, sentences))
    return functools.reduce(_append_sentence, given) if given else ""


def _append_sentence(text: str, sentence: str) -> str:
    return _("{text} {sentence}").format(text=text, sentence=sentence)


def format_seconds(value: float | None) -> str:
    """Return a duration with its unit and three digits; a dash for None."""
    if value is None:
        return "-"
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if abs(value) >= size:
            return f"{value / size:.{_decimals(abs(value) / size)}f} {unit}"
    return f"{value / 1e-6:.0f} µs"


def format_age(value: float) -> str:
    """Return a duration in whole seconds, minutes, hours or days: in the largest unit of which it has at least two."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if value >= 2 * size:
            return f"{value // size:.0f} {unit}"
    return f"{value:.0f} s"


def _decimals(value: float) -> int:
    return 2 if value < 10 else 1 if value < 100 else 0
