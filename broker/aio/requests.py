"""Requests of all tasks on one wire: they are sent without waiting for earlier replies, which arrive in order."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import redis

from broker.aio.wire import Wire
from broker.transport.replies import may_be_reply
from broker.transport.scripts import BoundScript, Command
from broker.transport.server_errors import PASSING, UnexpectedReplyError


class RequestWire(Wire):
    """A wire for requests; the reply to a request whose task was cancelled is discarded when it arrives."""

    def __init__(self) -> None:
        super().__init__()
        self._pending: deque[asyncio.Future[Any] | None] = deque()
        self._scripts_sent: set[bytes] = set()  # hashes of scripts whose text was sent on this wire

    async def request(self, script: BoundScript | Command, arguments: tuple[bytes, ...], timeout: float) -> Any:
        """Run a script or a command and return its reply; raise redis-py's errors.

        After `timeout` seconds the reply counts as lost, and if nothing at all was received meanwhile, so does the
        connection.
        """
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Any] = loop.create_future()
        self._send(script, arguments, reply)
        timer = loop.call_later(timeout, self._on_timeout, reply, self.receptions)
        try:
            value = await reply
        except redis.exceptions.NoScriptError:
            self._scripts_sent.discard(script.sha)
            raise
        except PASSING:  # the address may lead to another server by then: after a failover, for instance
            self.close()
            raise
        finally:
            timer.cancel()
        if not may_be_reply(script, value):
            self.close()
            raise UnexpectedReplyError(value)
        return value

    def post(self, script: BoundScript, arguments: tuple[bytes, ...]) -> None:
        """Have a script run, and discard its reply."""
        self._send(script, arguments, None)

    def on_reply(self, reply: Any) -> None:
        """Give the reply to the oldest request that has none."""
        if not self._pending:
            return self.close()
        waiting = self._pending.popleft()
        if waiting is None or waiting.done():
            return None
        if isinstance(reply, redis.RedisError):
            waiting.set_exception(reply)
        else:
            waiting.set_result(reply)
        return None

    def on_close(self) -> None:
        """Tell all that wait for a reply."""
        for waiting in self._pending:
            if waiting is not None and not waiting.done():
                waiting.set_exception(redis.ConnectionError("the connection was closed before the reply arrived"))
        self._pending.clear()

    def _send(self, script: BoundScript | Command, arguments: tuple[bytes, ...], reply: Any) -> None:
        # The first request on a wire sends the text of a script; those behind it can rely on that.
        pack = script.pack_evalsha if script.sha in self._scripts_sent else script.pack_eval
        self.send(pack(*arguments))
        self._scripts_sent.add(script.sha)
        self._pending.append(reply)

    def _on_timeout(self, reply: asyncio.Future[Any], receptions: int) -> None:
        if not reply.done() and not self.close_silent(receptions):
            reply.set_exception(redis.TimeoutError("no reply in time"))
