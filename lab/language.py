"""The language of what the lab prints: English, which the code is written in, or Chinese, from `lab/locale`.

Text is looked up with the standard library's `gettext`, `ngettext` and `pgettext` when it is printed. A constant is
marked with `N_` where it is defined and looked up where it is used. click looks its own text up in the same catalogue.

Only the lab's own process looks text up, within `language`. What actors record is in English on every host. The process
of somebody's program keeps that person's locale and text domain: it is started with `user_environment`, and what the
lab itself prints there is looked up with `translate`.
"""

from __future__ import annotations

import gettext
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

LANGUAGES = ("zh", "en")
DOMAIN = "lab"
LOCALE_FOLDER = Path(__file__).parent / "locale"
VARIABLE = "LANGUAGE"  # the first that gettext asks
LAB_VARIABLE = "LAB_LANGUAGE"  # the lab's language, for the processes of programs
CHINESE = "简体中文"  # some characters; encodings of traditional Chinese lack them

gettext.bindtextdomain(DOMAIN, LOCALE_FOLDER)
_before: list[str | None] = []  # the variable's values outside the blocks that are open


def N_(message: str) -> str:  # noqa: N802 - the name that extractors know
    """Mark a message for translation and return it unchanged."""
    return message


def locale_language(environment: Mapping[str, str]) -> str:
    """Return the language of the environment's locale: Chinese, or English for every other."""
    names = (VARIABLE, "LC_ALL", "LC_MESSAGES", "LANG")
    chosen = next((environment[name] for name in names if environment.get(name)), "")
    return "zh" if chosen.lower().startswith("zh") else "en"


def can_print_chinese(stream: TextIO | None) -> bool:
    """Return whether the encoding of a stream has Chinese characters; one that encodes nothing has all."""
    try:
        CHINESE.encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def default_language() -> str:
    """Return the locale's language, or English if standard output cannot encode Chinese."""
    return locale_language(os.environ) if can_print_chinese(sys.stdout) else "en"


@contextmanager
def language(name: str) -> Iterator[None]:
    """Print in this language within the block, or from `set_language` on in another.

    A process that is started there does the same with `language(current_language())`, as it inherits the variable.
    """
    domain = gettext.textdomain()
    gettext.textdomain(DOMAIN)
    _before.append(os.environ.get(VARIABLE))
    set_language(name)
    try:
        yield
    finally:
        gettext.textdomain(domain)
        _restore(os.environ, _before.pop())


def set_language(name: str) -> None:
    """Print in this language for the rest of the `language` block."""
    os.environ[VARIABLE] = name


def current_language() -> str:
    """Return the language that is printed now."""
    return locale_language(os.environ)


def user_environment() -> dict[str, str]:
    """Return the environment for a process that runs somebody's program: with that person's own locale."""
    environment = os.environ | {LAB_VARIABLE: current_language()}
    if _before:
        _restore(environment, _before[0])
    return environment


def translate(message: str) -> str:
    """Return a message in the lab's language, in a process that was started with `user_environment`."""
    languages = [os.environ.get(LAB_VARIABLE, "en")]
    return gettext.translation(DOMAIN, LOCALE_FOLDER, languages, fallback=True).gettext(message)


def _restore(environment: dict[str, str] | os._Environ[str], value: str | None) -> None:
    if value is None:
        environment.pop(VARIABLE, None)
    else:
        environment[VARIABLE] = value
