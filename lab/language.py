"""The language of what the lab prints: English, which the code is written in, or Chinese, from `lab/locale`.

Text is looked up with the standard library's `gettext`, `ngettext` and `pgettext` when it is printed. A constant is
marked with `N_` where it is defined and looked up where it is used. click looks its own text up in the same catalogue.
"""

from __future__ import annotations

import gettext
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

LANGUAGES = ("zh", "en")
DOMAIN = "lab"
LOCALE_FOLDER = Path(__file__).parent / "locale"
VARIABLE = "LANGUAGE"  # the first that gettext asks

gettext.bindtextdomain(DOMAIN, LOCALE_FOLDER)
gettext.textdomain(DOMAIN)


def N_(message: str) -> str:  # noqa: N802 - the name that extractors know
    """Mark a message for translation and return it unchanged."""
    return message


def locale_language(environment: Mapping[str, str]) -> str:
    """Return the language of the environment's locale: Chinese, or English for every other."""
    names = (VARIABLE, "LC_ALL", "LC_MESSAGES", "LANG")
    chosen = next((environment[name] for name in names if environment.get(name)), "")
    return "zh" if chosen.lower().startswith("zh") else "en"


@contextmanager
def language(name: str) -> Iterator[None]:
    """Print in this language within the block; a process that is started there inherits it."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = name
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before
