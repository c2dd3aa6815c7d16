"""Messages for all tasks on one wire: each channel is subscribed to once, and each message goes to whom it is for."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any

import redis

from broker.aio.signal import Signal
from broker.aio.wire import Wire
from broker.transport.connection import MAX_SOCKET_TIMEOUT, NEVER
from broker.transport.scripts import pack_command


class Mailbox:
    """Where the messages for one request wait until it receives them."""

    __slots__ = ("_messages", "_receiver", "_wire", "client_id")

    def __init__(self, client_id: bytes) -> None:
        self.client_id = client_id
        self._messages: deque[bytes] = deque()
        self._receiver: asyncio.Future[None] | None = None
        self._wire: MessageWire | None = None

    def attach(self, wire: MessageWire) -> None:
        """Get messages from `wire` from now on."""
        if self._wire is not wire:
            self._messages.clear()
            self._wire = wire

    def deliver(self, message: bytes) -> None:
        """Add a message."""
        self._messages.append(message)
        self.wake()

    def wake(self) -> None:
        """Have the receiver look again."""
        if self._receiver is not None and not self._receiver.done():
            self._receiver.set_result(None)

    async def receive(self, deadline: float) -> bytes | None:
        """Return the next message; None at `deadline`; raise `ConnectionError` if messages may have been missed."""
        assert self._wire is not None
        loop = asyncio.get_running_loop()
        while self._wire.is_open and not self._messages:
            if (left := deadline - time.monotonic()) <= 0:
                return None
            self._receiver = loop.create_future()
            timer = None if deadline == NEVER else loop.call_later(min(left, MAX_SOCKET_TIMEOUT), self.wake)
            try:
                await self._receiver
            finally:
                self._receiver = None
                if timer is not None:
                    timer.cancel()
        if not self._wire.is_open:
            raise redis.ConnectionError("the connection for messages was closed")
        return self._messages.popleft()


class _Subscription:
    """A channel, whether the server has confirmed it, and who gets its messages."""

    def __init__(self) -> None:
        self.confirmed = Signal()
        self.mailboxes: dict[bytes, Mailbox] = {}


class MessageWire(Wire):
    """A wire for messages.

    A message on `own_channel` begins with the token of a request, and is delivered to that request's client alone.
    """

    def __init__(self, own_channel: bytes) -> None:
        super().__init__()
        self._own_channel = own_channel
        self._subscriptions: dict[bytes, _Subscription] = {}
        self._unconfirmed: deque[_Subscription | None] = deque()  # what the server has still to confirm, in order

    def is_subscribed(self, channel: bytes) -> bool:
        """Return whether the server has confirmed the subscription to `channel`."""
        subscription = self._subscriptions.get(channel)
        return subscription is not None and subscription.confirmed.is_passed and self.is_open

    async def subscribe(self, channel: bytes, mailbox: Mailbox, timeout: float) -> None:
        """Deliver every message that is published on `channel` after the return; raise redis-py's errors."""
        subscription = self._subscriptions.get(channel)
        if subscription is None:
            self.send(pack_command(b"SUBSCRIBE", channel))
            subscription = _Subscription()
            self._subscriptions[channel] = subscription
            self._unconfirmed.append(subscription)
        subscription.mailboxes[mailbox.client_id] = mailbox
        mailbox.attach(self)
        receptions = self.receptions
        try:
            await subscription.confirmed.wait(timeout)  # if this task is cancelled, others still wait for it
        except redis.TimeoutError:
            self.close_silent(receptions)
            raise

    def unsubscribe(self, channel: bytes, mailbox: Mailbox) -> None:
        """Deliver no more messages on `channel`; the subscription to the own channel stays for the next request."""
        subscription = self._subscriptions.get(channel)
        if subscription is None or subscription.mailboxes.pop(mailbox.client_id, None) is None:
            return
        if not subscription.mailboxes and channel != self._own_channel and self.is_open:
            del self._subscriptions[channel]
            self.send(pack_command(b"UNSUBSCRIBE", channel))
            self._unconfirmed.append(None)

    def on_reply(self, reply: Any) -> None:
        """Deliver a message; or note what the server has confirmed."""
        if isinstance(reply, list) and len(reply) == 3 and reply[0] == b"message":
            self._deliver(reply[1], reply[2])
        elif self._unconfirmed:
            self._confirm(self._unconfirmed.popleft(), reply)
        else:
            self.close()

    def _deliver(self, channel: bytes, message: bytes) -> None:
        subscription = self._subscriptions.get(channel)
        if subscription is None:
            return
        if channel == self._own_channel:
            mailbox = subscription.mailboxes.get(message.rpartition(b":")[0])
            if mailbox is not None:
                mailbox.deliver(message)
        else:
            for mailbox in subscription.mailboxes.values():
                mailbox.deliver(message)

    def _confirm(self, subscription: _Subscription | None, reply: Any) -> None:
        if subscription is None:
            return
        if isinstance(reply, redis.RedisError):
            subscription.confirmed.set(reply)
            for channel, each in list(self._subscriptions.items()):
                if each is subscription:
                    del self._subscriptions[channel]
        else:
            subscription.confirmed.set()

    def on_close(self) -> None:
        """Tell all that wait for a message or a confirmation."""
        for subscription in [*self._subscriptions.values(), *filter(None, self._unconfirmed)]:
            if not subscription.confirmed.is_set:
                subscription.confirmed.set(redis.ConnectionError("the connection for messages was closed"))
            for mailbox in subscription.mailboxes.values():
                mailbox.wake()
