"""The server's URL, as the environment gives it."""

from __future__ import annotations

import os
from pathlib import Path

from broker.errors import InvalidArgumentError

URL = "LAB_REDIS_URL"
URL_FILE = "LAB_REDIS_URL_FILE"  # for URLs with a password: a container's environment can be inspected


def server_url() -> str | None:
    """Return the URL from `LAB_REDIS_URL`, else the content of the file `LAB_REDIS_URL_FILE`; None if neither is set.

    Raises `InvalidArgumentError` if the file cannot be read or is empty.
    """
    if url := os.environ.get(URL):
        return url
    file = os.environ.get(URL_FILE)
    if not file:
        return None
    try:
        url = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgumentError(f"{URL_FILE} names {file}, which cannot be read ({error})") from error
    if not url:
        raise InvalidArgumentError(f"{URL_FILE} names {file}, which is empty; write a Redis server's URL into it")
    return url
