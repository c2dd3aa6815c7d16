"""The broker's queues, for what only a job's own pickling can send: what `__main__` defines, open sockets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import broker.pipe
import broker.queues
from jobs.pickling import dumps


class SimpleQueue(broker.queues.SimpleQueue):
    """A `broker.queues.SimpleQueue` that also takes functions and classes of `__main__`, by value."""

    _dumps: ClassVar[Callable[[Any], bytes]] = staticmethod(dumps)


class Queue(broker.queues.Queue):
    """A `broker.queues.Queue` that also takes functions and classes of `__main__`, by value."""

    _dumps: ClassVar[Callable[[Any], bytes]] = staticmethod(dumps)


class JoinableQueue(broker.queues.JoinableQueue):
    """A `broker.queues.JoinableQueue` that also takes functions and classes of `__main__`, by value."""

    _dumps: ClassVar[Callable[[Any], bytes]] = staticmethod(dumps)


class PipeConnection(broker.pipe.PipeConnection):
    """A `broker.pipe.PipeConnection` that also sends functions and classes of `__main__`, by value."""

    _dumps: ClassVar[Callable[[Any], bytes]] = staticmethod(dumps)
