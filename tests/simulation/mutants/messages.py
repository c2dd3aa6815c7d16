"""Seeded bugs of queues."""

from __future__ import annotations

from tests.simulation.mutants.mutant import lua, python

MESSAGES = (
    lua(
        "a retried put is a new one",
        "queue",
        "an item whose reply was lost is put twice",
        "if find_result() then return 1 end",
        "",
    ),
    lua(
        "a put that was given up is not refused",
        "queue",
        "a copy of its request that arrives later puts the item, although put has raised Full",
        "save_result(WITHDRAWN)",
        "",
        "delay request",
        "lose reply",
    ),
    python(
        "a put that was done counts as given up",
        "queue",
        "put raises Full, although an earlier copy of its request has put the item",
        "broker.messages.items:_PutRequest._stays_granted",
        "return bool(reply == 1)",
        "return False",
        "delay request",
        "cut",
    ),
    python(
        "a client that has given up a request is used again",
        "queue",
        "its next request replaces what the server remembers of the one that was given up, whose item is lost",
        "broker.engine.request:Request._withdraw_later",
        "self._client.retire()",
        "pass",
        "lose reply",
        "delay reply",
        "slow",
    ),
    lua(
        "an interrupted get does not return the item",
        "queue",
        "the item is lost, although nobody was killed",
        "  return_to_front(item)\n  if redis.call('HDEL', TAKEN, TOKEN) == 0",
        "  if redis.call('HDEL', TAKEN, TOKEN) == 0",
    ),
    lua(
        "a retried get takes another item",
        "queue",
        "the item of the first reply is lost",
        "  item = find_result()\n  reply = not item",
        "  find_result()\n  reply = not item",
    ),
    lua(
        "items are got last in, first out",
        "queue",
        "the order of the items is not kept",
        "item = redis.call('LPOP', ITEMS)",
        "item = redis.call('RPOP', ITEMS)",
    ),
    lua(
        "an item is returned to the back",
        "queue",
        "the order of the items is not kept",
        "redis.call('LPUSH', ITEMS, item)",
        "redis.call('RPUSH', ITEMS, item)",
    ),
    lua(
        "a get frees no slot",
        "queue",
        "putters wait forever",
        "  select_slots()\n  initialize()\n  add_permit()",
        "  select_slots()\n  initialize()",
    ),
    lua(
        "an expired item is dropped",
        "joinable",
        "the item of a killed getter is lost",
        "    redis.call('HDEL', TAKEN, token)\n    return_to_front(item)",
        "    redis.call('HDEL', TAKEN, token)",
    ),
    lua(
        "an item that is done is kept",
        "joinable",
        "it is got again",
        "if redis.call('HDEL', TAKEN, TOKEN) == 0 then return",
        "if redis.call('HEXISTS', TAKEN, TOKEN) == 0 then return",
    ),
)
