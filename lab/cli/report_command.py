"""The command `lab report`: a page about traces that were kept."""

from __future__ import annotations

from gettext import gettext as _
from pathlib import Path

import click

from lab import files
from lab.cli.localized import Command
from lab.cli.output import PAGE, PATH, make_page, perfetto_option, write_perfetto
from lab.errors import InvalidTraceError
from lab.formatting import join_names
from lab.language import N_
from lab.programs.page import program_document
from lab.programs.run import ProgramRun
from lab.programs.run import summarize as summarize_runs
from lab.report.web.document import Document
from lab.report.web.exercise import exercise_document
from lab.result import judge, sort_results, summarize
from lab.trace import Trace, load_traces


def report_command() -> click.Command:
    """Return the command that writes a page about the traces in a folder."""
    parameters = [click.Argument(["folder"], type=PATH), perfetto_option()]
    return Command("report", params=parameters, callback=_report, help=HELP, short_help=SHORT_HELP)


SHORT_HELP = N_("Write a page about saved traces.")
HELP = N_(
    "Write a page about the traces in FOLDER, which `lab compare --trace` has written, into this folder: index.html. "
    "A browser opens it without a network. This needs no Redis."
)


def _report(folder: Path, perfetto_file: Path | None) -> int:
    if perfetto_file is not None:
        files.require_file(perfetto_file)
    traces = load_traces(folder)
    document = _document(traces, folder)
    files.write_file(folder / PAGE, make_page(document, [Path(trace.source).name for trace in traces]))
    if perfetto_file is not None:
        write_perfetto(perfetto_file, document)
    click.echo(folder / PAGE)
    return 0


def _document(traces: list[Trace], folder: Path) -> Document:
    names = list(dict.fromkeys(trace.exercise for trace in traces))
    if len(names) > 1:
        several = _("{folder} has traces of {names}; put them into a folder each")
        raise InvalidTraceError(several.format(folder=folder, names=join_names(names)))
    if names[0].endswith(".py"):
        return program_document(summarize_runs([ProgramRun(trace, None) for trace in traces]))
    return exercise_document(sort_results(summarize([judge(trace) for trace in traces])))
