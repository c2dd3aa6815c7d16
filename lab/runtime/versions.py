"""The versions of what a run depends on."""

from __future__ import annotations

import platform
from importlib.metadata import version

DISTRIBUTIONS = ("multiprocessing-lab", "redis", "rq")


def installed_versions() -> dict[str, str]:
    """Return the version of Python and of each distribution, by name."""
    return {"python": platform.python_version(), **{name: version(name) for name in DISTRIBUTIONS}}
