"""Seeded bugs of conditions."""

from __future__ import annotations

from tests.simulation.mutants.mutant import lua, python

CONDITIONS = (
    lua(
        "the last to wait is notified first",
        "condition",
        "those that have waited longest are passed over",
        "redis.call('ZRANGEBYSCORE', WAITING, '-inf', earlier, 'LIMIT'",
        "redis.call('ZREVRANGEBYSCORE', WAITING, earlier, '-inf', 'LIMIT'",
    ),
    lua(
        "an interrupted waiter keeps its notification",
        "condition",
        "it came between notify and the lock, and the next waiter sleeps on",
        "if ticket then notify_waiters(1, tonumber(ticket)) end",
        "",
        "interrupt",
    ),
    lua(
        "a dead waiter keeps its notification",
        "condition",
        "it was killed between notify and the lock, and the next waiter sleeps on",
        "if not on_its_way and notify_waiters(1, ticket, true) == 1 then",
        "if false then",
    ),
    lua(
        "a retried notify is a new one",
        "condition",
        "a lost reply notifies one more",
        "if last_token == TOKEN and NUMBER <= tonumber(last_number) then return 1 end",
        "",
        "lose reply",
        "delay reply",
    ),
    lua(
        "a waiter is notified although it could not be reached",
        "condition",
        "it is dead, and others that live wait on",
        "return redis.call('PUBSUB', 'NUMSUB', 'broker:' .. string.match(token, '^[^:]+'))[2] > 0",
        "return true",
    ),
    lua(
        "waiters that cannot be reached are dropped",
        "condition",
        "after a restart of the server nobody is connected yet, and a second notify finds nobody",
        "local are_enough = notified == count",
        "local are_enough = true",
        "restart",
    ),
    lua(
        "a notification is passed on to one that cannot be reached",
        "condition",
        "after a restart of the server, two that live have one notification in turn, and the next finds nobody",
        "notify_waiters(1, ticket, true)",
        "notify_waiters(1, ticket)",
        "restart",
    ),
    lua(
        "a wait keeps the lock",
        "condition",
        "nobody can notify it",
        "    redis.call('HDEL', STATE, HELD)\n    redis.call('ZREM', NOTIFIED, HELD)",
        "    redis.call('ZREM', NOTIFIED, HELD)",
    ),
    python(
        "a notification at the last moment does not count",
        "condition",
        "wait returns False, and its notification is lost",
        "broker.locks.wait_request:WaitRequest._attempt",
        "self.was_notified = not (yield from ask(self._client, integer, self._bind(STOP_WAITING), self._token))",
        "yield from ask(self._client, integer, self._bind(STOP_WAITING), self._token); self.was_notified = False",
    ),
    python(
        "an interrupted wait does not acquire the lock again",
        "condition",
        "its caller goes on without the lock, which it believes to hold",
        "broker.locks.wait_request:WaitRequest._acquire_anew",
        "yield from request.complete(NEVER)",
        "return (yield from ())",
        "interrupt",
    ),
)
