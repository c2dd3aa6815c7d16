"""The page as HTML: complete, and safe whatever the names are."""

from __future__ import annotations

import dataclasses
import json
import re
from html.parser import HTMLParser
from typing import Any

from lab.report.web.document import Document
from lab.report.web.exercise import exercise_document
from lab.report.web.page import render
from tests.support.traces import TWO_BUYERS, judged_run


class Parser(HTMLParser):
    """Collects what a page shows, what it refers to, and the data of its picture."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.text += " "
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.text += data


def page_of(document: Document) -> str:
    return render(document, ["tickets-lock-local.jsonl"])


def data_of(page: str) -> Any:
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(text)


def words(page: str) -> str:
    return " ".join(Parser(page).text.split())


def test_nothing_is_loaded():
    page = page_of(exercise_document([judged_run()]))
    references = [value for _, name, value in Parser(page).attributes if name in ("src", "href", "action", "data")]
    assert references == ["tickets-lock-local.jsonl"]
    assert "default-src 'none'" in page
    assert "@import" not in page
    assert "url(" not in page


def test_verdict_figures_parameters_versions_and_command_are_shown():
    run = judged_run(backend="redis")
    trace = dataclasses.replace(run.trace, server="Redis 9 at somewhere", versions={"python": "3.99"})
    shown = words(page_of(exercise_document([dataclasses.replace(run, trace=trace)])))
    for text in ("Valid on redis: 2 sold", "elapsed 1.00 s", "fairness (Jain)", "clients 2", "seed 0", "python 3.99"):
        assert text in shown
    assert "server Redis 9 at somewhere" in shown
    assert "lab compare tickets --clients 2" in shown


def test_the_evidence_is_linked_to_its_place():
    page = page_of(exercise_document([judged_run(TWO_BUYERS.replace("0.8 b buys 0", "0.8 b buys 1"))]))
    assert "Jump to the first violation (local)" in words(page)
    assert data_of(page)["evidence"] == [{"run": 0, "places": [{"lane": 0, "time": 0.5}, {"lane": 1, "time": 0.8}]}]


def test_names_cannot_break_the_page():
    evil = "</script><script>alert('&')</script>"
    run = judged_run()
    events = tuple(dataclasses.replace(event, why=evil) for event in run.trace.events)
    trace = dataclasses.replace(run.trace, server=evil, events=events)
    page = page_of(exercise_document([dataclasses.replace(run, trace=trace)]))
    assert evil not in page
    assert evil in words(page)
    assert data_of(page)["runs"][0]["marks"][0]["why"] == evil
