"""The Chinese catalogue: complete, in step with the code, and compiled."""

from __future__ import annotations

import gettext
import io
import os
import string
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from lab import language

ROOT = Path(__file__).parents[2]
FOLDER = language.LOCALE_FOLDER / "zh" / "LC_MESSAGES"
KEYWORDS = "N_ parameter:2 choice:1"


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale="zh")


def messages(catalog: Catalog) -> list[Message]:
    return [message for message in catalog if message.id]


def forms(text: str | tuple[str, ...] | list[str]) -> list[str]:
    return [text] if isinstance(text, str) else list(text)


def fields(text: str) -> set[str]:
    """Return the names of the fields that `str.format` fills in."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return read(FOLDER / "lab.po")


def test_every_message_of_the_code_is_translated(catalog, tmp_path):
    template = tmp_path / "lab.pot"
    command = [
        sys.executable,
        "-m",
        "babel.messages.frontend",
        "--quiet",
        "extract",
        "--mapping-file",
        "pyproject.toml",
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT / ".ci")}
    subprocess.run(
        [*command, "--keywords", KEYWORDS, "--output-file", template, "."], cwd=ROOT, env=environment, check=True
    )
    found = {(message.context, message.id) for message in messages(read(template))}
    known = {(message.context, message.id) for message in messages(catalog)}
    assert found == known, "run .ci/translations, and translate what has no msgstr in lab.po"
    assert [message.id for message in messages(catalog) if not all(forms(message.string))] == []
    assert [message.id for message in messages(catalog) if message.fuzzy] == []


def test_translations_have_the_fields_of_their_messages(catalog):
    wrong = [
        message.id
        for message in messages(catalog)
        for translated in forms(message.string)
        if not fields(translated) <= set().union(*map(fields, forms(message.id)))
        or not fields(translated) >= set.intersection(*map(fields, forms(message.id)))
    ]
    assert wrong == []


def test_the_catalogue_is_compiled(catalog):
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    assert (FOLDER / "lab.mo").read_bytes() == compiled.getvalue(), "run .ci/translations"


def test_a_message_is_printed_in_the_language_of_the_block():
    with language.language("zh"):
        inside = gettext.gettext("number of clients")
    assert any(unicodedata.east_asian_width(character) == "W" for character in inside)
    with language.language("en"):
        assert gettext.gettext("number of clients") == "number of clients"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "en"),
        ({"LANG": "zh_TW.UTF-8"}, "zh"),
        ({"LANG": "C", "LC_ALL": "", "LC_MESSAGES": "zh_CN"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LANGUAGE": "en_US:zh"}, "en"),
    ],
)
def test_the_language_is_the_locales(environment, expected):
    assert language.locale_language(environment) == expected
