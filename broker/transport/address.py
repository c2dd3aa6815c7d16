"""A server's URL without its secrets, for errors, reports and traces."""

from __future__ import annotations

import re

_REDACTED = "…"


def without_password(url: object) -> str:
    """Return `url` without user, password and options; it need not be a valid URL."""
    scheme, separator, rest = str(url).partition("://") if "://" in str(url) else ("", "", str(url))
    _, at, location = rest.rpartition("@")  # the last "@": a password may contain others
    location = re.sub(r"[?#].*", "", location, flags=re.DOTALL)
    location = re.sub(r"^:(?!\d*(/|$)).*", _REDACTED, location, flags=re.DOTALL)  # a password without a host
    return f"{scheme}{separator}{at and _REDACTED}{at}{location}"
