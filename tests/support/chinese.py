"""What tests ask of output in Chinese."""

from __future__ import annotations

import re

CODE = re.compile(r"`[^`]*`|CONFIG (?:SET|GET)(?: [a-z-]+ \S+)?|[A-Z]{2,}[^→\n]*→")  # also requests to a server


def is_chinese(text: str) -> bool:
    """Return whether a text contains Chinese, and no three English words in a row outside code."""
    prose = CODE.sub("", text)
    return bool(re.search(r"[\u4e00-\u9fff]", prose)) and not re.search(r"[A-Za-z']+(?: [A-Za-z']+){2}", prose)
