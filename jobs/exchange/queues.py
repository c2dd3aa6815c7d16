"""The broker's queues and pipes with the pickling of jobs, signed if there is a secret.

A function that other processes do not find by its name is pickled by value, and open sockets are handed over within a
host. An item without a valid signature is discarded before it is unpickled, with a line in the log, as if it had never
been in the queue.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any, ClassVar

import broker.messages.pipe
import broker.messages.pipe_ends
import broker.messages.queues
from broker.errors import LeaseLostError
from broker.messages.items import Items
from broker.messages.pipe_ends import CLOSED
from jobs.exchange.pickling import dumps, loads
from jobs.exchange.signing import SignatureError, sign, verify

log = logging.getLogger(__name__)


class _SignedItems(Items):
    def _dumps(self, obj: Any) -> bytes:
        return sign(dumps(obj), self._kind, self._name)

    def _loads(self, item: bytes) -> Any:
        return loads(verify(item, self._kind, self._name))

    def _get(self, deadline: float, retry_until: float | None = None) -> Any:
        while True:
            try:
                return super()._get(deadline, retry_until)
            except SignatureError as error:
                log.warning("%s", error)
                self._discard()

    def _discard(self) -> None:
        """Finish with an item that was rejected."""


class SimpleQueue(_SignedItems, broker.messages.queues.SimpleQueue):
    """A `broker.messages.queues.SimpleQueue` that also takes lambdas and nested functions."""


class Queue(_SignedItems, broker.messages.queues.Queue):
    """A `broker.messages.queues.Queue` that also takes lambdas and nested functions."""


class JoinableQueue(_SignedItems, broker.messages.queues.JoinableQueue):
    """A `broker.messages.queues.JoinableQueue` that also takes lambdas and nested functions."""

    def _discard(self) -> None:
        with suppress(LeaseLostError):
            self._release_lease(self._done_script, order=-1)


class _SignedInbox(_SignedItems, broker.messages.pipe_ends.Inbox):
    def _dumps(self, obj: bytes) -> bytes:
        return sign(obj, self._kind, self._name)

    def _loads(self, item: bytes) -> bytes:
        return item if item == CLOSED else verify(item, self._kind, self._name)


class PipeConnection(broker.messages.pipe.PipeConnection):
    """A `broker.messages.pipe.PipeConnection` that also sends lambdas and nested functions."""

    _inbox_type: ClassVar[type[broker.messages.pipe_ends.Inbox]] = _SignedInbox

    def _dumps(self, obj: Any) -> bytes:
        return dumps(obj)
