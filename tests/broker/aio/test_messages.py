"""Subscriptions on one connection: what the server confirms, it confirms in the order of the requests."""

from __future__ import annotations

import asyncio

import pytest
import redis

from broker.aio.messages import Mailbox, MessageWire


class SentWire(MessageWire):
    """Keeps what it would send."""

    def __init__(self) -> None:
        super().__init__(b"own")
        self.sent: list[bytes] = []

    def send(self, request: bytes) -> None:
        self.sent.append(request)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_new_subscription_is_not_confirmed_by_the_reply_to_an_earlier_one() -> None:
    async def main() -> None:
        wire, first, second = SentWire(), Mailbox(b"first"), Mailbox(b"second")
        cancelled = asyncio.create_task(wire.subscribe(b"news", first, 10))
        await settle()
        cancelled.cancel()
        wire.unsubscribe(b"news", first)
        subscribing = asyncio.create_task(wire.subscribe(b"news", second, 10))
        await settle()
        for kind in (b"subscribe", b"unsubscribe"):
            assert not subscribing.done()
            assert not wire.is_subscribed(b"news")
            wire.on_reply([kind, b"news", 1])
            await settle()
        assert not subscribing.done()
        wire.on_reply([b"subscribe", b"news", 1])
        await subscribing
        assert wire.is_subscribed(b"news")
        wire.on_reply([b"message", b"news", b"1"])
        assert await second.receive(float("inf")) == b"1"

    asyncio.run(main())


def test_refused_subscription_is_requested_again_by_the_next_task() -> None:
    async def main() -> None:
        wire, mailbox = SentWire(), Mailbox(b"first")
        for _ in range(2):
            subscribing = asyncio.create_task(wire.subscribe(b"news", mailbox, 10))
            await settle()
            wire.on_reply(redis.exceptions.NoPermissionError("NOPERM no channel"))
            with pytest.raises(redis.exceptions.NoPermissionError):
                await subscribing
        assert len(wire.sent) == 2

    asyncio.run(main())


def test_message_on_the_own_channel_goes_to_one_call() -> None:
    async def main() -> None:
        wire, calls = SentWire(), [Mailbox(b"host/1/p/r:%d" % number) for number in range(2)]
        tasks = [asyncio.create_task(wire.subscribe(b"own", call, 10)) for call in calls]
        await settle()
        wire.on_reply([b"subscribe", b"own", 1])
        await asyncio.gather(*tasks)
        wire.on_reply([b"message", b"own", b"host/1/p/r:1:7/42 3 4"])
        assert await calls[1].receive(float("inf")) == b"host/1/p/r:1:7/42 3 4"
        assert await calls[0].receive(0.0) is None
        assert len(wire.sent) == 1

    asyncio.run(main())
