"""A server's URL without its secrets, for errors, reports and traces."""

from __future__ import annotations

import re

from broker.errors import InvalidArgumentError

_REDACTED = "…"
KEEPERS = {"thread": "", "process": "keeper=process"}  # what renews leases, as the fragment of a URL says it


def without_password(url: object) -> str:
    """Return `url` without user, password and options; it need not be a valid URL."""
    scheme, separator, rest = str(url).partition("://") if "://" in str(url) else ("", "", str(url))
    _, at, location = rest.rpartition("@")  # the last "@": a password may contain others
    location = re.sub(r"[?#].*", "", location, flags=re.DOTALL)
    location = re.sub(r"^:(?!\d*(/|$)).*", _REDACTED, location, flags=re.DOTALL)  # a password without a host
    return f"{scheme}{separator}{at and _REDACTED}{at}{location}"


def with_keeper(url: str, keeper: str) -> str:
    """Return `url` for contexts whose leases a thread or a process renews; "thread" leaves what `url` says."""
    return url if keeper == "thread" else f"{split_keeper(url)[0]}#{KEEPERS[keeper]}"


def split_keeper(url: object) -> tuple[str, str]:
    """Return the address of the server, and "thread" or "process"; raise `InvalidArgumentError` for anything else."""
    address, _, fragment = str(url).partition("#")
    for keeper, expected in KEEPERS.items():
        if fragment == expected:
            return address, keeper
    raise InvalidArgumentError(
        f"{without_password(url)!r} is not a Redis URL: after #, there can only be {KEEPERS['process']}"
    )
