"""Objects of many types that queues and pipes must deliver unchanged."""

from __future__ import annotations

PICKLABLE = [0, "", None, False, b"", [], {"a": [1, (2, 3)]}, 2**70, "余票", b"\r\n$5\r\n" * 3, ValueError("sold out")]
