"""A server's URL as it may be shown: in an error, a report, a trace."""

from __future__ import annotations

import re

_HIDDEN = "…"


def without_password(url: object) -> str:
    """Return `url` fit to be shown, even if it is no URL: without user, password and options."""
    scheme, mark, rest = str(url).partition("://") if "://" in str(url) else ("", "", str(url))
    _, at, place = rest.rpartition("@")  # the last one: a password may have any characters
    place = re.sub(r"[?#].*", "", place, flags=re.DOTALL)
    place = re.sub(r"^:(?!\d*(/|$)).*", _HIDDEN, place, flags=re.DOTALL)  # a password, and its host was forgotten
    return f"{scheme}{mark}{at and _HIDDEN}{at}{place}"
