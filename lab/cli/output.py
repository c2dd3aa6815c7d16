"""The options that say where the results of runs are written, besides the terminal, and the writing."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from gettext import gettext as _
from pathlib import Path
from typing import Any

import click

from lab import files
from lab.cli.localized import Option
from lab.errors import LabError
from lab.language import N_
from lab.report.perfetto import perfetto_trace
from lab.report.timeline.timeline import Timeline
from lab.report.web.document import Document
from lab.trace import Trace, name_traces

PAGE = "index.html"
PATH = click.Path(path_type=Path)


@dataclass(frozen=True)
class Output:
    """Files and folders to write; raises `LabError` for one that cannot be written."""

    trace_folder: Path | None = None
    report_folder: Path | None = None
    perfetto_file: Path | None = None
    json_file: Path | None = None

    def __post_init__(self) -> None:
        folders = [folder for folder in (self.trace_folder, self.report_folder) if folder]
        for file in filter(None, (self.json_file, self.perfetto_file)):
            files.require_file(file)
        for folder in folders:
            files.require_folder(folder)
        if len(folders) > len({folder.absolute() for folder in folders}):
            raise LabError(_("--report writes the traces, too; leave out --trace, or name another folder for it"))

    def write(
        self, traces: Sequence[Trace], figures: Callable[[], dict[str, Any]], document: Callable[[], Document]
    ) -> None:
        """Write what was asked for."""
        if self.trace_folder is not None:
            files.write_folder(self.trace_folder, name_traces(traces))
        if self.json_file is not None:
            files.write_file(self.json_file, json.dumps(figures(), indent=2) + "\n")
        if self.report_folder is not None:
            names = name_traces(traces)
            files.write_folder(self.report_folder, {PAGE: make_page(document(), list(names)), **names})
        if self.perfetto_file is not None:
            write_perfetto(self.perfetto_file, document())


def output_options() -> list[click.Option]:
    """Return the options of every recorded run."""
    return [
        Option(["--trace", "trace_folder"], type=PATH, help=N_("New folder for the traces.")),
        Option(["--report", "report_folder"], type=PATH, help=N_("New folder for a page, and the traces.")),
        perfetto_option(),
    ]


def perfetto_option() -> click.Option:
    """Return the option for the file that Perfetto opens."""
    help_text = N_("File for ui.perfetto.dev or vizviewer.")
    return Option(["--perfetto", "perfetto_file"], type=PATH, help=help_text)


def json_option() -> click.Option:
    """Return the option for the file to which the figures are written."""
    return Option(["--json", "json_file"], type=PATH, help=N_("File for the figures, as JSON."))


def make_page(document: Document, trace_files: Sequence[str]) -> str:
    """Return the page; `trace_files` are the names of the traces beside it."""
    from lab.report.web.page import render  # with Jinja2, which few commands need

    return render(document, trace_files)


def write_perfetto(path: Path, document: Document) -> None:
    """Write the runs of a document for Perfetto."""
    timelines = {run.label: Timeline(run.trace) for run in document.runs}
    files.write_file(path, perfetto_trace(timelines, {"title": document.title, "command": document.command}))
