"""Output in a locale without the lab's symbols: each has a substitute of the same width, so columns stay aligned."""

from __future__ import annotations

import codecs
import io

SUBSTITUTES = str.maketrans("▁▂▃▄▅▆▇█·─━│µ±…→", ".:-=+*#@_--|u+.>")  # a block's substitute grows with it
HANDLER = "lab.ascii_fallback"


def install(stream: object) -> None:
    """Make a text stream write substitutes for symbols that it cannot encode, and `?` for other characters."""
    codecs.register_error(HANDLER, _substitute)
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=HANDLER)


def _substitute(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(SUBSTITUTES)
    return text.encode("ascii", "replace").decode("ascii"), error.end
