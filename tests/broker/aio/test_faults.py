"""Lost requests and replies, killed connections, restarts, lost leases: nothing is lost, and nobody waits in vain."""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import Any

import pytest
import redis

from broker import Context, LeaseLostError, ServerUnavailableError, aio
from broker.aio.lease_renewer import LeaseRenewer
from broker.aio.session import get_session, register_session
from broker.engine.shared_scripts import RELEASE
from broker.locks.event import SET
from broker.locks.permits import ACQUIRE
from broker.messages.items import GET, PUT
from broker.transport.scripts import Script
from tests.broker.aio.conftest import Run
from tests.support.actors import SLACK, TIMEOUT
from tests.support.aio import run_with_context, until, waiting
from tests.support.fake_server import FakeServer
from tests.support.proxy import Fault, Proxy
from tests.support.servers import Server

faults = pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.name.lower())
REPLY_TIMEOUT = 0.3


def run_proxied(proxy: Proxy, main: Any) -> None:
    """Run `main` with a context behind the proxy, whose server knows the scripts that `main` names by their hashes."""

    async def with_short_timeout(ctx: aio.Context) -> None:
        session = register_session(proxy.url, REPLY_TIMEOUT)
        session.contexts.add(ctx)
        await main(ctx)

    run_with_context(proxy.url, with_short_timeout)
    assert proxy.all_injected


async def warm_up(ctx: aio.Context) -> None:
    """Send the text of the scripts: from then on they are called by their hashes."""
    lock, event, queue = ctx.Lock(), ctx.Event(), ctx.Queue()
    async with lock:
        assert not await lock.acquire(timeout=0.01)
    await event.set()
    await queue.put(0)
    await queue.get()
    for handle in (lock, event, queue):
        await handle.delete()


@faults
@pytest.mark.parametrize("script", [ACQUIRE, RELEASE], ids=["acquire", "release"])
def test_lock_with_a_lost_request_or_reply(proxy: Proxy, script: Script, fault: Fault) -> None:
    async def main(ctx: aio.Context) -> None:
        await warm_up(ctx)
        lock = ctx.Lock()
        proxy.inject(script, fault)
        async with lock:
            assert lock.held
        assert not await lock.locked()

    run_proxied(proxy, main)


@faults
def test_other_tasks_are_not_harmed(proxy: Proxy, fault: Fault) -> None:
    """All share the connection that breaks, and all send their requests again."""

    async def main(ctx: aio.Context) -> None:
        await warm_up(ctx)
        locks = [ctx.Lock() for _ in range(50)]

        async def use(lock: aio.Lock) -> None:
            for _ in range(3):
                async with lock:
                    assert lock.held

        proxy.inject(ACQUIRE, fault)
        proxy.inject(RELEASE, fault)
        await asyncio.gather(*map(use, locks))
        for lock in locks:
            assert not await lock.locked()

    run_proxied(proxy, main)


def test_item_of_a_get_that_was_given_up_goes_back_although_there_were_other_calls(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main(ctx: aio.Context) -> None:
        await warm_up(ctx)
        queue, withdrawn = ctx.Queue(), []
        await queue.put("first")
        proxy.inject_always(GET, Fault.SWALLOW_REPLY)
        with monkeypatch.context() as patch:
            patch.setattr(LeaseRenewer, "withdraw", lambda *arguments: withdrawn.append(arguments))
            with pytest.raises(ServerUnavailableError):
                await queue.get_nowait()
            proxy.stop_injecting()
            await queue.put("second")
            assert await queue.get_nowait() == "second"
        for renewer, withdrawal in withdrawn:
            renewer.withdraw(withdrawal)
        assert await queue.get() == "first"

    run_proxied(proxy, main)


@faults
def test_queue_with_lost_replies_passes_each_item_once(proxy: Proxy, fault: Fault) -> None:
    """Each call is repeated for itself: another call of the same loop, which came later, does not count for it."""

    async def main(ctx: aio.Context) -> None:
        await warm_up(ctx)
        queue = ctx.Queue()
        proxy.inject(PUT, fault)
        await asyncio.gather(*(queue.put(number) for number in range(30)))
        assert await queue.qsize() == 30
        proxy.inject(GET, fault)
        assert sorted(await asyncio.gather(*(queue.get() for _ in range(30)))) == list(range(30))
        assert await queue.empty()

    run_proxied(proxy, main)


@faults
def test_event_whose_set_is_lost(proxy: Proxy, fault: Fault) -> None:
    async def main(ctx: aio.Context) -> None:
        await warm_up(ctx)
        event = ctx.Event()
        waiters = [asyncio.create_task(event.wait()) for _ in range(5)]
        proxy.inject(SET, fault)
        await event.set()
        assert all(await asyncio.gather(*waiters))

    run_proxied(proxy, main)


def test_silent_server_does_not_prolong_a_timeout(proxy: Proxy) -> None:
    """A call's own timeout bounds it, and the next call gets a new connection."""

    async def main(ctx: aio.Context) -> None:
        await warm_up(ctx)
        lock = ctx.Lock()
        for _ in range(2):
            proxy.inject(ACQUIRE, Fault.SWALLOW_REPLY)
        begun = asyncio.get_running_loop().time()
        acquired = await lock.acquire(timeout=0.2)
        assert asyncio.get_running_loop().time() - begun < SLACK
        if acquired:  # the second reply has arrived in time
            await lock.release()

    async def with_defaults(ctx: aio.Context) -> None:
        await main(ctx)

    run_with_context(proxy.url, with_defaults)


def test_waiting_tasks_survive_killed_connections(run: Run, client: redis.Redis) -> None:
    async def main(ctx: aio.Context) -> None:
        lock, event, queue = ctx.Lock(), ctx.Event(), ctx.Queue()
        await lock.acquire()
        tasks = [asyncio.create_task(lock.acquire()) for _ in range(5)]
        await waiting(lock, 5)
        waiters = [asyncio.create_task(event.wait()) for _ in range(5)]
        getters = [asyncio.create_task(queue.get()) for _ in range(5)]
        await waiting(queue, 5)
        session = get_session(ctx.url)
        before = (session.requests.current, session.messages.current)
        for kind in ("pubsub", "normal"):
            client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
        await event.set()
        for number in range(5):
            await queue.put(number)
        assert await asyncio.gather(*waiters) == [True] * 5
        assert sorted(await asyncio.gather(*getters)) == list(range(5))
        for task in tasks:
            await lock.release()
            assert await task
        await lock.release()
        assert not {session.requests.current, session.messages.current} & set(before)

    run(main)


def test_server_that_restarts(durable_server: Server) -> None:
    """Who waits goes on waiting, who holds goes on holding."""

    async def main(ctx: aio.Context) -> None:
        lock, event = ctx.Lock(lease=TIMEOUT), ctx.Event()
        await lock.acquire()
        waiter, listener = asyncio.create_task(lock.acquire()), asyncio.create_task(event.wait())
        await waiting(lock, 1)
        durable_server.kill()
        await asyncio.to_thread(durable_server.start)
        assert lock.held
        await event.set()
        assert await listener
        await lock.release()
        assert await waiter
        assert lock.held
        await lock.release()

    run_with_context(durable_server.url, main)


def test_server_that_is_gone(durable_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.engine.requests.RETRY_TIMEOUT", 0.2)

    async def main(ctx: aio.Context) -> None:
        lock, queue = ctx.Lock(), ctx.Queue()
        durable_server.kill()
        assert await lock.acquire(timeout=0.1) is False
        with pytest.raises(ServerUnavailableError):
            await lock.acquire()
        with pytest.raises(ServerUnavailableError):
            await queue.get(timeout=0.1)
        durable_server.start()

    run_with_context(durable_server.url, main)


def test_lease_is_renewed_while_the_loop_runs(run: Run, ctx: Context) -> None:
    async def main(actx: aio.Context) -> None:
        there = ctx.Lock(lease=0.5)
        lock = actx.Lock(name=there.name, lease=0.5)
        async with lock:
            fence = lock.fence
            assert await asyncio.to_thread(there.acquire, timeout=2.0) is False
            assert lock.held
            assert lock.fence == fence

    run(main)


def test_loop_that_stands_still_loses_its_lease(run: Run, ctx: Context) -> None:
    there = ctx.Lock()

    async def main(actx: aio.Context) -> None:
        lock = actx.Lock(name=there.name, lease=0.3)
        await lock.acquire()
        thread = threading.Thread(target=there.acquire)
        thread.start()
        thread.join(TIMEOUT)  # blocks the loop until the thread has the lock
        assert not lock.held
        with pytest.raises(LeaseLostError):
            await lock.release()
        assert there.holders()

    run(main)


def test_block_whose_lease_was_lost_raises(run: Run, client: redis.Redis) -> None:
    async def main(ctx: aio.Context) -> None:
        lock = ctx.Lock(lease=0.3)

        async def use() -> None:
            async with lock:
                client.delete(*lock.blocking._keys)
                await until(lambda: lost(lock))

        with pytest.raises(LeaseLostError):
            await use()

    run(main)


async def lost(lock: aio.Lock) -> bool:
    return not lock.held


def test_script_flush(run: Run, client: redis.Redis) -> None:
    async def main(ctx: aio.Context) -> None:
        await warm_up(ctx)
        client.script_flush()
        locks = [ctx.Lock() for _ in range(20)]
        await asyncio.gather(*(lock.acquire() for lock in locks))
        await asyncio.gather(*(lock.release() for lock in locks))
        assert not any([await lock.locked() for lock in locks])

    run(main)


def hold(url: str, name: str, pipe: Any) -> None:
    async def main() -> None:
        async with aio.get_context(url) as ctx:
            await ctx.Lock(name=name, lease=1.0).acquire()
            pipe.send("acquired")
            await asyncio.Event().wait()

    asyncio.run(main())


def test_killed_holder(ctx: Context) -> None:
    """The lock is free when its lease ends."""
    lock = ctx.Lock()
    here, there = ctx._local.Pipe()
    process = ctx.Process(target=hold, args=(ctx.url, lock.name, there))
    process.start()
    assert here.recv() == "acquired"
    assert lock.acquire(block=False) is False
    process.kill()
    process.join(TIMEOUT)
    assert process.exitcode == -signal.SIGKILL
    assert lock.acquire(timeout=TIMEOUT)
    lock.release()


def test_forked_child_holds_nothing_and_closes_what_it_has_inherited(run: Run, ctx: Context) -> None:
    """The server learns of the parent's end although a child lives on."""

    async def main(actx: aio.Context) -> None:
        lock = actx.Lock()
        async with lock:
            assert await lock.acquire(timeout=0.01) is False
            session = get_session(actx.url)
            here, there = ctx._local.get_context("fork").Pipe()
            process = ctx._local.get_context("fork").Process(target=report, args=(session, there))
            process.start()
            assert await asyncio.to_thread(here.recv) == [-1, -1]
            await asyncio.to_thread(process.join, TIMEOUT)
            assert lock.held

    run(main)


def report(session: Any, pipe: Any) -> None:
    """Send the file descriptors of both wires: -1 if they are closed."""
    wires = (session.requests.current, session.messages.current)
    pipe.send([wire._transport.get_extra_info("socket").fileno() for wire in wires])


def test_server_that_is_a_replica_for_a_while(durable_server: Server) -> None:
    """Nothing was changed there; the address may lead to another server by now, so the next request has a new wire."""

    async def main(ctx: aio.Context) -> None:
        lock = ctx.Lock()
        async with lock:
            pass
        before = get_session(ctx.url).requests.current
        with redis.Redis.from_url(durable_server.url) as client:
            client.replicaof("127.0.0.1", 1)
            acquiring = asyncio.create_task(lock.acquire())
            await until(lambda: closed(before))
            assert not acquiring.done()
            client.replicaof("NO", "ONE")
        assert await acquiring
        await lock.release()

    run_with_context(durable_server.url, main)


async def closed(wire: Any) -> bool:
    return not wire.is_open


def test_what_is_no_redis_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply that makes no sense closes the connection; it grants nothing."""
    monkeypatch.setattr("broker.engine.requests.RETRY_TIMEOUT", 0.2)

    async def main(url: str) -> None:
        ctx = aio.Context(url)
        with pytest.raises(ServerUnavailableError):
            await ctx.Lock(name="x").acquire()
        await get_session(ctx.url).close()

    with FakeServer(b"HTTP/1.1 400 Bad Request\r\n\r\n") as server:
        asyncio.run(main(server.url))
