"""Handles of values, arrays and containers, whose keys expire when nobody has used them for a week."""

from __future__ import annotations

import time
from typing import Any

from broker.engine.handle import Handle
from broker.errors import DataLostError

RENEWAL_INTERVAL = 240.0  # seconds; less than the five minutes of a period, see engine/lua/record_change.lua

RENEW, NOT_YET = b"1", b"0"


class ExpiringHandle(Handle):
    """A handle of which one request in `RENEWAL_INTERVAL`, and the first one in each process, may renew the expiry.

    To look on the server whether it is time to renew it would cost every other request a tenth of its time.
    """

    __slots__ = ("_renew_at",)

    def _bind(self, url: str, name: str, options: dict[str, Any]) -> None:
        self._renew_at = 0.0
        super()._bind(url, name, options)

    @property
    def _renewal_is_due(self) -> bool:
        return time.monotonic() >= self._renew_at

    def _may_renew(self) -> bytes:
        """Return what a request is to say about the expiry, which it is then sent with."""
        now = time.monotonic()
        if now < self._renew_at:
            return NOT_YET
        self._renew_at = now + RENEWAL_INTERVAL
        return RENEW

    def _data_lost(self) -> DataLostError:
        self._renew_at = 0.0  # what is left is not read: its state may have expired, and the rest does so a day later
        return super()._data_lost()
