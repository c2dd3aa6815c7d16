"""Seeded bugs: changes of a script's text or of a function's source, each of which the checks have to catch."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from tests.simulation.runs import Result, run
from tests.simulation.schedule import make_schedule
from tests.simulation.server import Edit
from tests.simulation.world import SCRIPTS

SEEDS, GRANTS = 80, 200  # how many schedules are run, at most, to catch a mutant


@dataclass(frozen=True)
class Mutant:
    """A bug: in the text of scripts, or, with `function` (module:qualified name), in its source."""

    name: str
    why: str
    primitive: str
    old: str
    new: str
    function: str = ""
    faults: tuple[str, ...] = ()  # the kinds that it takes, if some that are chosen at random hardly ever find it


class MutantError(Exception):
    """The text that a mutant changes is not there."""

    def __init__(self, mutant: Mutant, where: str) -> None:
        super().__init__(f"adapt the mutant {mutant.name!r} in {__name__}: {where} {mutant.old!r}")


def lua(name: str, primitive: str, why: str, old: str, new: str, *faults: str) -> Mutant:
    return Mutant(name, why, primitive, old, new, "", faults)


def python(name: str, primitive: str, why: str, function: str, old: str, new: str, *faults: str) -> Mutant:
    return Mutant(name, why, primitive, old, new, function, faults)


MUTANTS = (
    lua(
        "release ignores the token",
        "lock",
        "a late release frees what another process holds",
        "local released = redis.call('HDEL', KEYS[1], ARGV[3]) == 1",
        """local held = ARGV[3]
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do if string.find(field, '/') then held = field end end
local released = redis.call('HDEL', KEYS[1], held) == 1""",
    ),
    lua(
        "grants go to the tail",
        "lock",
        "who came last is let in first",
        "redis.call('ZPOPMIN', KEYS[2])",
        "redis.call('ZPOPMAX', KEYS[2])",
    ),
    lua(
        "a request without waiting barges in",
        "lock",
        "a permit that was released is taken before the queue is served",
        "while count_free() > 0 do",
        "while count_free() > 0 and requester ~= TOKEN do",
    ),
    lua(
        "no acknowledgement time-out",
        "lock",
        "a waiter that died while it was let in keeps the permit for a whole lease",
        "grant(token, ACK_TIMEOUT, ",
        "grant(token, LEASE, ",
    ),
    lua(
        "the grant's message says too late an expiry",
        "lock",
        "the waiter is certain of the permit after its grant has expired",
        "notify(token, next_fence(), now + ACK_TIMEOUT)",
        "notify(token, next_fence(), now + 3 * ACK_TIMEOUT)",
    ),
    lua(
        "a renewal restores a lease that has ended",
        "lock",
        "another process may hold the permit by then",
        "if not own_permit or parse_permit(own_permit) <= now then return 0 end",
        "if not own_permit then if count_free() < 1 then return 1 end return 0 end",
    ),
    lua(
        "a renewal does not extend the lease",
        "lock",
        "the holder is certain of it for longer than the server",
        "math.max(expiry, now + LEASE)",
        "math.max(expiry, now + LEASE / 2)",
    ),
    lua(
        "the fence is a counter",
        "lock",
        "after a loss of data it begins anew, below those that were seen",
        "return math.max(fence + 1, now)",
        "return fence + 1",
    ),
    lua(
        "the fence is the time",
        "lock",
        "after the clock was set back it falls",
        "return math.max(fence + 1, now)",
        "return now",
    ),
    lua(
        "leases never expire",
        "lock",
        "a dead holder keeps its permit for ever",
        "if expiry and expiry <= now then",
        "if false then",
    ),
    lua(
        "leases expire early",
        "lock",
        "another process is let in while the holder is certain of its permit",
        "if expiry and expiry <= now then",
        "if expiry and expiry <= now + LEASE / 4 then",
    ),
    lua(
        "the expiry is not looked for",
        "lock",
        "next_expiry is a whole lease from a grant, so a waiter that died while it was let in is found too late",
        "math.min(next_expiry, now + lease)",
        "math.min(next_expiry, now + LEASE)",
    ),
    lua(
        "one permit too many",
        "semaphore",
        "more processes are let in than there are permits",
        "return capacity + META_FIELDS - redis.call('HLEN', STATE)",
        "return capacity + META_FIELDS + 1 - redis.call('HLEN', STATE)",
    ),
    lua(
        "a release grants nothing",
        "lock",
        "the permit stays free until the next waiter looks again",
        "if grant_to_waiter(head, number) and now < next_expiry then",
        "if now < next_expiry then",
    ),
    lua(
        "a retried request is a new one",
        "semaphore",
        "a lost reply leaves a permit that nobody uses",
        "if own_permit and parse_permit(own_permit) > now then -- the reply",
        "if own_permit and start == '99' then -- the reply",
    ),
    lua(
        "tickets may be equal",
        "lock",
        "requests that join at the same ticket are served in the order of their names",
        "local number = math.max(ticket + 1, now)",
        "local number = math.floor(now / 1000000)",
    ),
    lua(
        "leave_queue grants",
        "lock",
        "who only leaves the queue gets the permit",
        "if leave_queue(TOKEN) then return 1 end",
        "if leave_queue(TOKEN) then grant(TOKEN, LEASE) return 1 end",
    ),
    lua(
        "a release leaves the waiter in the queue",
        "lock",
        "the permit is granted to a request that was withdrawn",
        "if leave_queue(TOKEN) then return 1 end",
        "if redis.call('ZSCORE', QUEUE, TOKEN) then return 1 end",
    ),
    lua(
        "a waiter that joins again loses its place",
        "lock",
        "the order of arrival is not kept",
        "if call('ZADD', QUEUE, 'NX', number, TOKEN) ~= 1 then return nil end",
        "call('ZADD', QUEUE, number, TOKEN)",
    ),
    python(
        "the deadline counts from the reply",
        "lock",
        "the holder is certain of its lease for as long as the reply took after its end",
        "broker.locks.permits:PermitRequest._on_grant",
        "self._sent_at + self._lease",
        "self._client.now() + self._lease",
    ),
    python(
        "a renewal counts from the reply",
        "lock",
        "the holder is certain of its lease for as long as the reply took after its end",
        "broker.engine.lease:renew",
        "lease.deadline = sent_at + lease.duration",
        "lease.deadline = clock.now() + lease.duration",
    ),
    python(
        "a refused renewal counts as one",
        "lock",
        "the holder does not learn of its loss",
        "broker.engine.lease:renew",
        "if held == 1:",
        "if held is not None:",
    ),
    python(
        "nothing is renewed",
        "lock",
        "a holder loses its lease although it lives",
        "broker.engine.lease:renew",
        "if held == 1:",
        "if held == 7:",
    ),
    python(
        "a withdrawal is dropped",
        "lock",
        "an interrupted request stays in the queue, and is granted",
        "broker.engine.request:Request._withdraw",
        "reply, _ = yield from run(self._client, script, *arguments, deadline=0.0)",
        "reply = (yield from ()) or 0",
    ),
    python(
        "a withdrawal is not repeated",
        "lock",
        "if its request is lost, what was granted is kept for nobody",
        "broker.engine.request:Request._withdraw",
        "if reply is None:",
        "if False:",
    ),
    python(
        "check, then subscribe",
        "lock",
        "a grant between the two is not received",
        "broker.engine.waiting:wait",
        "    yield from subscribe(client, condition.channel, retry_until)\n        try:\n"
        "            met = yield from condition.check(retry_until)\n",
        "    try:\n            met = yield from condition.check(retry_until)\n"
        "            yield from subscribe(client, condition.channel, retry_until)\n",
    ),
    python(
        "a broken subscription is not noticed",
        "lock",
        "messages that were missed are waited for",
        "broker.engine.waiting:wait",
        "        except (redis.ConnectionError, redis.TimeoutError):\n            continue".strip(),
        "except (redis.ConnectionError, redis.TimeoutError):\n            return False",
    ),
    python(
        "a late message counts",
        "lock",
        "the grant has expired by the time at which its message is read",
        "broker.engine.request:Request.on_message",
        "expires_at < now + self._ack_timeout / 2 or ",
        "",
    ),
    python(
        "a message from before the last reply counts",
        "semaphore",
        "its grant has ended meanwhile, although the clock, which was set back, does not say so",
        "broker.engine.request:Request.on_message",
        " or is_from_before",
        "",
        "pause",
        "slow",
        "clock back",
        "busy",
    ),
    python(
        "a grant counts as acknowledged at once",
        "lock",
        "if the acknowledgement is lost, the server takes the permit back after a second",
        "broker.locks.permits:PermitRequest._on_grant_message",
        "lease = self._new_lease(fence, now, expires_at, ",
        "lease = self._new_lease(fence, now, now + self._lease, ",
    ),
    python(
        "another request's grant counts",
        "lock",
        "the message for an earlier request grants this one",
        "broker.engine.request:Request.on_message",
        "token != self._token or ",
        "",
    ),
    python(
        "a time-out leaves the queue without looking",
        "lock",
        "a grant at the last moment is kept for nobody",
        "broker.engine.request:Request._attempt",
        "or (\n        yield from self._send(False, retry_until)\n    )",
        "",
    ),
    python(
        "a retried release that finds nothing counts as lost",
        "lock",
        "its first request was carried out, and only the reply was lost",
        "broker.engine.leased_handle:LeasedHandle._release",
        "(retried or before == SENT)",
        "before == SENT",
    ),
    python(
        "a release that finds nothing counts as one",
        "lock",
        "the holder does not learn of its loss",
        "broker.engine.leased_handle:LeasedHandle._release",
        "not lost and released == 1",
        "released in (1, -1)",
    ),
    lua(
        "a withdrawal refuses no copies",
        "lock",
        "a copy of the request that arrives later takes the permit for nobody",
        "record_ended('withdrawn ' .. (token or TOKEN))",
        "",
    ),
    python(
        "a release never refuses copies",
        "lock",
        "a copy of the request that arrives later takes the permit for nobody",
        "broker.engine.leased_handle:LeasedHandle._release",
        "self._withdrawal if lease.sent_again else release",
        "release",
    ),
    python(
        "a wait does not look again when it has subscribed",
        "event",
        "a flag that is set and cleared before the subscription is missed",
        "broker.engine.waiting:wait",
        "met = yield from condition.check(retry_until)\n            while",
        "met = False\n            while",
    ),
    python(
        "a wait does not compare generations",
        "event",
        "a flag that is set and cleared at once is missed",
        "broker.engine.flag_wait:_FlagCondition.check",
        "return flag or generation != self._first_generation",
        "return flag",
    ),
    lua(
        "set publishes nothing",
        "event",
        "waiters do not wake up",
        "return redis.call('PUBLISH', STATE, raised)",
        "return 1",
    ),
    lua(
        "a set of a flag that is set raises no generation after a clear",
        "event",
        "the generation stays, so a waiter that saw it before misses the set",
        "math.max((generation or 0) + 1, now)",
        "math.max(generation or 0, 1)",
    ),
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
        "cut",
        "kill",
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
    python(
        "a fence below one that was seen is accepted",
        "lock",
        "after a loss of data with the clock set back, a process gets a fence that is not above its last one",
        "broker.locks.permits:PermitRequest._accept",
        "fence <= self._last_fence",
        "False",
        "clock back",
        "flushall",
        "restart without data",
    ),
    python(
        "a lost release is sent again without a look at the data",
        "lock",
        "after a loss of data it counts as released, although others may have been let in",
        "broker.engine.leased_handle:_includes",
        "int(created is not None and int(created) <= granted <= int(fence))",
        "1",
        "restart without data",
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
        "putters wait for ever",
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
    lua(
        "a barrier is complete too early",
        "barrier",
        "one party passes before all have arrived",
        "local is_last = waiting + 1 >= PARTIES",
        "local is_last = waiting + 1 >= PARTIES - (PARTIES > 2 and 1 or 0)",
    ),
    lua(
        "a place that was left stays empty",
        "barrier",
        "two parties have one number",
        "  if free then\n    place,",
        "  if false then\n    place,",
        "interrupt",
    ),
    lua(
        "a dead party is not noticed",
        "barrier",
        "the others wait for it for ever",
        "if lost and not broken then break_barrier",
        "if false then break_barrier",
        "kill",
        "power off",
    ),
    lua(
        "a party that waits does not renew its lease",
        "barrier",
        "it lives, and counts as lost",
        "  redis.call('ZADD', LEASES, 'XX', now + LEASE, TOKEN)\n  redis.call('PEXPIRE', WAITING",
        "  redis.call('PEXPIRE', WAITING",
        "slow",
        "pause",
    ),
    python(
        "the end of the next lease is not waited for",
        "barrier",
        "a dead party is noticed when the others ask the next time",
        "broker.locks.arrival:Arrival.read",
        "min(self._lease / 3, (expiry - now) * MICROSECOND)",
        "self._lease / 3",
        "kill",
        "power off",
    ),
    lua(
        "a complete generation is not published",
        "barrier",
        "its parties go on when they ask again",
        "tell(WAITING, generation)",
        "",
    ),
    lua(
        "a failure is not published",
        "barrier",
        "its parties learn of it when they ask again",
        "  tell(WAITING, '0')",
        "",
    ),
    lua(
        "a party that has left can arrive",
        "barrier",
        "a late copy of its request takes the place of a party",
        "record_arrival('-', 0)",
        "",
        "interrupt",
        "delay request",
        "lose reply",
    ),
    lua(
        "an unknown generation counts as complete",
        "barrier",
        "after a loss of the last second, parties pass without those whose arrival was lost as well",
        "return tonumber(arrived) >= oldest and not string.find(ended, arrived .. ' ', 1, true)",
        "return false",
        "fail over",
        "restart without last second",
    ),
    lua(
        "a party arrives while an action runs",
        "barrier",
        "it takes part in a generation that is complete",
        "  if acting then\n    redis.call('ZADD', ENTERING",
        "  if false then\n    redis.call('ZADD', ENTERING",
    ),
    lua(
        "all parties run the action",
        "barrier",
        "it is run more than once",
        "acting == TOKEN and ACTING or FILLING",
        "acting and ACTING or FILLING",
    ),
    python(
        "a party times out early",
        "barrier",
        "it breaks the barrier before its deadline",
        "broker.locks.arrival:Arrival.complete",
        "wait(self._client, self, deadline)",
        "wait(self._client, self, min(deadline, self._client.now() + 0.3))",
    ),
    python(
        "an interrupted party stays",
        "barrier",
        "the others wait for it until its lease expires, or pass without it",
        "broker.locks.arrival:Arrival.complete",
        "    except BaseException:\n        yield from self._leave()\n        raise",
        "    except BaseException:\n        raise",
        "interrupt",
    ),
)


@contextlib.contextmanager
def applied(mutant: Mutant) -> Iterator[Edit]:
    """Apply a mutant; yield the edit of scripts, which is to be given to the server."""
    if not mutant.function:
        old, new = mutant.old.encode(), mutant.new.encode()
        if not any(old in script.text for script in SCRIPTS.values()):
            raise MutantError(mutant, "no script contains")
        yield lambda text: text.replace(old, new)
        return
    function = _find(mutant.function)
    source = textwrap.dedent(inspect.getsource(function))
    if mutant.old not in source:
        raise MutantError(mutant, f"{mutant.function} does not contain")
    namespace = dict(function.__globals__)
    changed = "from __future__ import annotations\n" + source.replace(mutant.old, mutant.new)
    exec(compile(changed, mutant.name, "exec"), namespace)
    code = function.__code__
    function.__code__ = namespace[function.__name__].__code__  # so that it does not matter who has imported it
    try:
        yield lambda text: text
    finally:
        function.__code__ = code


def catch(url: str, mutant: Mutant) -> Result | None:
    """Return the result of the first seed whose checks find the mutant, or None."""
    with applied(mutant) as edit:
        for seed in range(SEEDS):
            result = run(url, make_schedule(mutant.primitive, seed, GRANTS, mutant.faults), edit)
            if result.violations:
                return result
    return None


def _find(path: str) -> Any:
    module, _, name = path.partition(":")
    return attrgetter(name)(importlib.import_module(module))
