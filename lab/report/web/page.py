"""The page: a document and its timelines as one HTML file that loads nothing, with the traces beside it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from gettext import gettext as _
from gettext import ngettext
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from lab.formatting import join_list
from lab.language import locale_language
from lab.report.timeline.timeline import Timeline
from lab.report.web.distribution import plot
from lab.report.web.document import Document
from lab.report.web.texts import picture_texts

SCRIPTS = ("layout.js", "painter.js", "timeline.js")  # in the order in which they need each other


def render(document: Document, trace_files: Sequence[str]) -> str:
    """Return the page; `trace_files` are the names of the traces in the same folder."""
    timelines = [Timeline(run.trace) for run in document.runs]
    evidence = [
        {"run": run, "places": [timelines[run].place(event) for event in events]}
        for finding in document.findings
        for run, events in finding.events.items()
    ]
    return (
        _environment()
        .get_template("page.html")
        .render(
            language=locale_language(os.environ),
            document=document,
            plots=[each for title, times in document.waits.items() if (each := plot(title, times)).distributions],
            settings=_settings(document),
            primitives=list(dict.fromkeys(name for timeline in timelines for name in timeline.primitives)),
            trace_files=trace_files,
            data={
                "runs": [
                    {"label": run.label, **timeline.data()}
                    for run, timeline in zip(document.runs, timelines, strict=True)
                ],
                "evidence": evidence,
                "texts": picture_texts(),
            },
            style=_asset("style.css"),
            script="\n".join(map(_asset, SCRIPTS)),
        )
    )


def _settings(document: Document) -> dict[str, str]:
    """Return the parameters, the servers and the versions, as they are shown."""
    servers = dict.fromkeys(trace.server for trace in document.traces if trace.server)
    versions = {name: version for trace in document.traces for name, version in trace.versions.items()}
    return {
        **{name: _written(value) for name, value in document.parameters.items()},
        **({_("server"): join_list(list(servers))} if servers else {}),
        **versions,
    }


def _written(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("lab.report", "web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(_=_, ngettext=ngettext)
    return environment


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
