"""A pool's tasks and results as they travel: pickled, with the number of their call, and signed if there is a secret.

What has no valid signature is discarded before it is unpickled, with a line in the log, as if it had never been put.
"""

from __future__ import annotations

import logging

import broker.messages.tasks
from jobs.exchange.pickling import dumps
from jobs.exchange.signing import SignatureError, sign, verify

TASK, RESULT = "task", "result"  # one is not accepted as the other

log = logging.getLogger(__name__)

Key = tuple[int, int]  # of a task: multiprocessing's numbers of the call and of the task in it


class Tasks(broker.messages.tasks.Tasks):
    """A `broker.messages.tasks.Tasks` whose tasks and results are objects with a key."""

    def pack(self, kind: str, key: Key, obj: object) -> bytes:
        """Return the bytes of a task or a result."""
        return sign(b"%d %d %b" % (*key, dumps(obj)), kind, self._name)

    def unpack(self, kind: str, packed: bytes) -> tuple[Key, bytes] | None:
        """Return the key and the pickle of a task or a result; None if its signature is not valid."""
        try:
            call, number, pickled = verify(packed, kind, self._name).split(b" ", 2)
        except SignatureError as error:
            log.warning("%s", error)
            return None
        return (int(call), int(number)), pickled
