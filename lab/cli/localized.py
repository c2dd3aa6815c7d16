"""Commands and options of click whose text is looked up when it is shown, with the option `--lang`.

Help in Chinese is laid out by the columns that it takes.
"""

from __future__ import annotations

import copy
import inspect
import sys
from collections.abc import Callable, Iterable, Sequence
from gettext import gettext as _
from typing import Any, TypeAlias

import click
from rich.cells import cell_len, set_cell_size

from lab.errors import LabError
from lab.language import LANGUAGES, N_, can_print_chinese, set_language
from lab.wrapping import wrap, wrap_paragraphs

Message: TypeAlias = "str | Callable[[], str]"  # marked with `N_`, or a function that looks it up
MIN_TEXT_WIDTH = 10  # columns of the second column


def look_up(message: Message | None) -> str:
    """Return the message in the current language."""
    if callable(message):
        return message()
    return _(inspect.cleandoc(message)) if message else ""


class HelpFormatter(click.HelpFormatter):
    """Lays out help by columns, of which a Chinese character takes two."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write the line that says how the command is called."""
        start = _("Usage: {command} ").format(command=prog) if prefix is None else f"{prefix.strip()} {prog} "
        self.write(wrap(args, self.width, " " * cell_len(start), start) + "\n")

    def write_heading(self, heading: str) -> None:
        """Write the heading of a section."""
        self.write(" " * self.current_indent + _("{heading}:").format(heading=heading) + "\n")

    def write_text(self, text: str) -> None:
        """Write paragraphs."""
        self.write(wrap_paragraphs(text, self.width, " " * self.current_indent) + "\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write two columns; a term that is too long has a line of its own."""
        rows = list(rows)
        indent = " " * self.current_indent
        first = min(max(cell_len(row[0]) for row in rows), col_max) + col_spacing
        width = max(self.width - first - self.current_indent, MIN_TEXT_WIDTH)
        for term, text in rows:
            lines = wrap_paragraphs(text, width).splitlines() if text else []
            if lines and cell_len(term) <= first - col_spacing:
                self.write(f"{indent}{set_cell_size(term, first)}{lines.pop(0)}\n")
            else:
                self.write(f"{indent}{term}\n")
            for line in lines:
                self.write(f"{indent}{' ' * first if line else ''}{line}\n")


class Context(click.Context):
    """A context whose help is laid out by columns."""

    formatter_class = HelpFormatter


class Option(click.Option):
    """An option; its help, and its default if that is described in words, are looked up when they are shown."""

    def __init__(
        self,
        names: Sequence[str],
        *,
        help: Message | None = None,  # noqa: A002 - click's name
        show_default: bool | Message | None = None,
        **attributes: Any,
    ) -> None:
        super().__init__(names, **attributes)
        self._help = help
        self._show_default = show_default

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the option's row in the help."""
        shown = copy.copy(self)
        shown.help = look_up(self._help)
        described = self._show_default
        shown.show_default = described if isinstance(described, bool) or described is None else look_up(described)
        record = super(Option, shown).get_help_record(ctx)
        if record and isinstance(shown.show_default, str):
            words = _("({default})").format(default=shown.show_default)
            return record[0], record[1].replace(f"({shown.show_default})", words)
        return record


def _choose_language(_context: click.Context, _parameter: click.Parameter, name: str | None) -> None:
    if name == "zh" and not can_print_chinese(sys.stdout):
        sentence = _("standard output is {encoding}, which has no Chinese: set PYTHONIOENCODING=utf-8, or omit --lang")
        raise LabError(sentence.format(encoding=sys.stdout.encoding))
    if name:
        set_language(name)


def _language_option() -> Option:
    return Option(
        ["--lang"],
        type=click.Choice(LANGUAGES),
        is_eager=True,
        expose_value=False,
        callback=_choose_language,
        show_default=N_("the locale's"),
        help=N_("Language of what is printed."),
    )


class _Localized(click.Command):
    """A command with the option `--lang`; its help is looked up when it is shown."""

    context_class = Context

    def __init__(
        self,
        *args: Any,
        help: Message | None = None,  # noqa: A002 - click's name
        short_help: Message | None = None,
        **attributes: Any,
    ) -> None:
        super().__init__(*args, **attributes)
        self._help = help
        self._short_help = short_help
        self._language_option = _language_option()

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the parameters; the last ones are the options that every command has."""
        *own, last = super().get_params(ctx)
        return [*own, self._language_option, last]

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return the option that shows the help."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.help = _("Show this message and exit.")
        return option

    def get_short_help_str(self, limit: int = 45) -> str:  # noqa: ARG002 - all of it is shown
        """Return the command's line in its group's help."""
        return look_up(self._short_help)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what the command does."""
        shown = copy.copy(self)
        shown.help = look_up(self._help)
        super(_Localized, shown).format_help_text(ctx, formatter)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments, and say in the language that they choose what is wrong with them."""
        self._parse_language(ctx, args)
        return super().parse_args(ctx, args)

    def _parse_language(self, ctx: click.Context, args: Sequence[str]) -> None:
        """Parse `--lang` alone: another option may be wrong, or may show the help at once."""
        lenient = {
            "ignore_unknown_options": True,
            "allow_extra_args": True,
            "allow_interspersed_args": ctx.allow_interspersed_args,
            "resilient_parsing": ctx.resilient_parsing,
        }
        alone = click.Command(None, params=[self._language_option], add_help_option=False)
        alone.make_context(ctx.info_name, list(args), parent=ctx.parent, **lenient)


class Command(_Localized):
    """A command with the option `--lang`; its help is looked up when it is shown."""


class Group(_Localized, click.Group):
    """A group with the option `--lang`, whose commands have it, too."""

    command_class = Command
    group_class = type


def command(**attributes: Any) -> Callable[[Callable[..., Any]], Command]:
    """Return a decorator that makes a command of a function; its docstring is looked up when it is shown."""
    return click.command(cls=Command, **attributes)


def group(**attributes: Any) -> Callable[[Callable[..., Any]], Group]:
    """Return a decorator that makes a group of a function, as `command` does."""
    return click.group(cls=Group, **attributes)


def option(*names: str, **attributes: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that gives a command an option, an `Option`."""
    return click.option(*names, cls=Option, **attributes)
