"""The messages of errors."""

from __future__ import annotations

import pytest


def message_of(error: pytest.ExceptionInfo[Exception]) -> str:
    """Return the message, which must be a single line."""
    text = str(error.value)
    assert text
    assert "\n" not in text
    return text
