"""Marks click's own messages that the `lab` command can print, so that the catalogue has them.

click looks them up itself. The last one is that of versions before 8.4.
"""

from __future__ import annotations

from lab.language import N_

MESSAGES = (
    N_("Options"),
    N_("Commands"),
    N_("default: {default}"),
    N_("Show this message and exit."),
    N_("%(prog)s, version %(version)s"),
    N_("Invalid value: {message}"),
    N_("Invalid value for {param_hint}: {message}"),
    N_("Missing argument"),
    N_("Missing option"),
    N_("No such option {name!r}."),
    N_("No such command {name!r}."),
    N_("Option {name!r} does not take a value."),
    N_("Argument {name!r} takes {nargs} values."),
    N_("{value!r} is not a valid {number_type}."),
    N_("{value} is not in the range {range}."),
    N_("No such option: {name}"),
)


def ngettext(_singular: str, _plural: str) -> None:
    """Mark a message with a plural form."""


ngettext("Did you mean {possibility}?", "(Did you mean one of: {possibilities}?)")
ngettext("Option {name!r} requires an argument.", "Option {name!r} requires {nargs} arguments.")
ngettext("{value!r} is not {choice}.", "{value!r} is not one of {choices}.")
ngettext("Got unexpected extra argument ({args})", "Got unexpected extra arguments ({args})")
