"""The texts of the page's picture: its scripts get them as data, so that they are in the one catalogue."""

from __future__ import annotations

from gettext import gettext as _
from gettext import pgettext

from lab.report.timeline.spans import KINDS


def picture_texts() -> dict[str, object]:
    """Return the texts, in the language of the lab; a script fills in the names in braces."""
    return {
        "kinds": {kind: _(kind) for kind in KINDS},
        "shapes": {
            "up": _("sends, puts"),
            "down": _("receives, gets"),
            "diamond": _("sets, notifies, releases"),
            "hollow": _("clears, wakes"),
            "square": _("buys, passes"),
            "cross": _("fails, is refused"),
            "bar": _("times out"),
            "dot": _("other"),
        },
        "arrow": _("hand-off, with its fence"),
        "run_on_host": _("{run} on {host}"),
        "at_most": _("at most {count}"),
        "counter_at": _("{run}, {time}: {counter}: {value}"),
        "during": _("{start} to {end}, {duration} long"),
        "during_open": _("{start} to the end, {duration} long"),
        "let_in_by": _("let in by {who}"),
        "fence": _("fence {fence}"),
        "item": _("{run}, {who} (process {pid} on {host}): {facts}"),
        "separator": pgettext("clauses", "; "),
    }
