"""The broker's queues and pipes, for what only a job's own pickling can send, sealed where there is a secret.

What `__main__` defines travels by value, open sockets within a host. An item without the right seal is dropped with a
line in the log, before it is unpickled, as if it had not been there.
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
from jobs.exchange.signing import UnsealedError, opened, sealed

log = logging.getLogger(__name__)


class _Sealed(Items):
    def _dumps(self, obj: Any) -> bytes:
        return sealed(dumps(obj), self._kind, self.name)

    def _loads(self, item: bytes) -> Any:
        return loads(opened(item, self._kind, self.name))

    def _get(self, deadline: float) -> Any:
        while True:
            try:
                return super()._get(deadline)
            except UnsealedError as refused:
                log.warning("%s", refused)
                self._drop()

    def _drop(self) -> None:
        """Be done with what was refused."""


class SimpleQueue(_Sealed, broker.messages.queues.SimpleQueue):
    """A `broker.messages.queues.SimpleQueue` that also takes functions and classes of `__main__`, by value."""


class Queue(_Sealed, broker.messages.queues.Queue):
    """A `broker.messages.queues.Queue` that also takes functions and classes of `__main__`, by value."""


class JoinableQueue(_Sealed, broker.messages.queues.JoinableQueue):
    """A `broker.messages.queues.JoinableQueue` that also takes functions and classes of `__main__`, by value."""

    def _drop(self) -> None:
        with suppress(LeaseLostError):
            self._give_back(self._done, order=-1)


class _Inbox(_Sealed, broker.messages.pipe_ends.Inbox):
    def _dumps(self, obj: bytes) -> bytes:
        return sealed(obj, self._kind, self.name)

    def _loads(self, item: bytes) -> bytes:
        return item if item == CLOSED else opened(item, self._kind, self.name)


class PipeConnection(broker.messages.pipe.PipeConnection):
    """A `broker.messages.pipe.PipeConnection` that also sends functions and classes of `__main__`, by value."""

    _inbox_type: ClassVar[type[broker.messages.pipe_ends.Inbox]] = _Inbox

    def _dumps(self, obj: Any) -> bytes:
        return dumps(obj)
