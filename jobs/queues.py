"""The broker's queues and pipes, for what only a job's own pickling can send, sealed where there is a secret.

What `__main__` defines travels by value, open sockets within a host. An item without the right seal is dropped with a
line in the log, before it is unpickled, as if it had not been there.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any, ClassVar

import broker.ends
import broker.pipe
import broker.queues
from broker.ends import CLOSED
from broker.errors import LeaseLostError
from broker.items import Items
from jobs.pickling import dumps, loads
from jobs.seal import UnsealedError, opened, sealed

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


class SimpleQueue(_Sealed, broker.queues.SimpleQueue):
    """A `broker.queues.SimpleQueue` that also takes functions and classes of `__main__`, by value."""


class Queue(_Sealed, broker.queues.Queue):
    """A `broker.queues.Queue` that also takes functions and classes of `__main__`, by value."""


class JoinableQueue(_Sealed, broker.queues.JoinableQueue):
    """A `broker.queues.JoinableQueue` that also takes functions and classes of `__main__`, by value."""

    def _drop(self) -> None:
        with suppress(LeaseLostError):
            self._give_back(self._done, order=-1)


class _Inbox(_Sealed, broker.ends.Inbox):
    def _dumps(self, obj: bytes) -> bytes:
        return sealed(obj, self._kind, self.name)

    def _loads(self, item: bytes) -> bytes:
        return item if item == CLOSED else opened(item, self._kind, self.name)


class PipeConnection(broker.pipe.PipeConnection):
    """A `broker.pipe.PipeConnection` that also sends functions and classes of `__main__`, by value."""

    _inbox_type: ClassVar[type[broker.ends.Inbox]] = _Inbox

    def _dumps(self, obj: Any) -> bytes:
        return dumps(obj)
