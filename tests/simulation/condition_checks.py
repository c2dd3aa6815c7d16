"""Checks of conditions: each notification is consumed by one waiter that waited, or passed on; all hold the lock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from tests.simulation.history import Call, Entry, Happened, Held, Ran
from tests.simulation.schedule import DATA_LOSS, Schedule
from tests.simulation.server import SECOND
from tests.simulation.states import ConditionState, with_states
from tests.simulation.violation import REACTION, SLACK, Disturbances, Violation

ROUNDING = 10  # microseconds


def notify_wakes_as_many_as_it_says(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """A `notify` notifies as many as it says, if so many wait, and does so once, however often it is sent."""
    notified, forgotten = Counter[tuple[bytes, ...]](), set[tuple[bytes, ...]]()
    for entry, before in with_states(history):
        if isinstance(entry, Happened) and entry.kind in DATA_LOSS:
            forgotten |= notified.keys()
        if not isinstance(entry, Ran) or entry.script != "condition notify" or before is None or entry.reply != 1:
            continue
        request, count = (entry.token, entry.arguments[0]), int(entry.arguments[1])
        is_first = request not in notified
        passed = _gone(before, entry)
        notified[request] += len(_notified(before, entry)) - len(passed)
        too_many = notified[request] > count and request not in forgotten
        left = len(before.waiting) - len(passed) - len(_dropped(before, entry))
        too_few = is_first and notified[request] < min(count, left)
        if too_many or too_few:
            yield Violation("notify", entry.time, f"{request} has notified {notified[request]}, not {count}")


def longest_waiters_are_notified_first(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """Nobody is notified who does not wait, nor before another that can be reached, which is not passed over either."""
    for entry, before in with_states(history):
        if not isinstance(entry, Ran) or before is None:
            continue
        for token in _notified(before, entry):
            ticket = before.waiting.get(token)
            if ticket is None:
                if token != entry.token:
                    yield Violation("notify", entry.time, f"{token!r} was notified, and did not wait")
                continue
            passed = [t for t, earlier in before.waiting.items() if earlier < ticket and t in entry.state.waiting]
            if reachable := list(filter(entry.state.can_reach, passed)):
                yield Violation("order", entry.time, f"{token!r} was notified before {reachable}")
            if not entry.state.can_reach(token) and token in entry.state.notified:
                if entry.script == "condition wait":  # it only passes on, and whose notification that was may live, too
                    yield Violation("notify", entry.time, f"{token!r} was notified, and cannot be reached")
                others = _eligible(entry.state, entry.state.notified[token], [token])
                if reachable := list(filter(entry.state.can_reach, others)):
                    yield Violation("order", entry.time, f"{token!r} was notified, and only {reachable} can be reached")
        dropped = _dropped(before, entry)
        if reachable := list(filter(entry.state.can_reach, dropped)):
            yield Violation("order", entry.time, f"{reachable} were passed over")
        if dropped and not any(map(entry.state.can_reach, _notified(before, entry))):
            yield Violation("order", entry.time, f"{dropped} were passed over, and nobody was notified instead")


def no_notification_is_lost(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """The notification of a wait that does not return goes to the next waiter that was there before it."""
    timed_out = set[bytes]()
    for entry, before in with_states(history):
        if not isinstance(entry, Ran) or before is None:
            continue
        state: ConditionState = entry.state
        lost, passed_on = _gone(before, entry), len(_notified(before, entry))
        if entry.script == "condition stop_waiting" and entry.reply == 1:
            timed_out.add(entry.token)
        elif entry.script == "condition cancel_wait" and entry.token in before.held and not lost:  # it was confirmed
            if entry.token not in timed_out and not passed_on and state.waiting:
                yield Violation("notification", entry.time, f"that of {entry.token!r} was lost, and others wait")
        elif entry.script == "condition wait" and entry.token in state.waiting:  # it passes on all that are due
            for token in before.notified.keys() & state.notified.keys() - {*before.queue, *before.held}:
                if left := list(filter(state.can_reach, _eligible(state, state.notified[token], [token]))):
                    yield Violation("notification", entry.time, f"that of {token!r} is kept, and {left} wait")
        missing = entry.script != "condition notify" and len(lost) > passed_on
        if missing and (left := _eligible(state, before.notified[lost[0]], lost)):
            yield Violation("notification", entry.time, f"that of {lost} was lost, and {left} wait")


def nobody_is_woken_without_a_notification(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """A wait says truly whether it was notified; False comes at its deadline, not before."""
    notified, excused = set[bytes](), set[bytes]()
    waits = dict[bytes, float]()  # token -> deadline
    for entry, before in with_states(history):
        if isinstance(entry, Happened) and entry.kind in DATA_LOSS:
            excused |= waits.keys()
        elif isinstance(entry, Ran):
            notified |= entry.state.notified.keys()
            if before is not None:
                notified |= set(_notified(before, entry))
                notified -= set(_gone(before, entry))
        elif isinstance(entry, Call) and entry.call == "wait" and entry.token is not None:
            if entry.status == "invoked":
                waits[entry.token] = entry.value
                continue
            deadline = waits.pop(entry.token)
            if entry.status != "succeeded" or entry.token in excused:
                continue
            if entry.value and entry.token not in notified:
                yield Violation("wake-up", entry.time, f"{entry.token!r} was woken, and not notified")
            elif not entry.value and entry.token in notified:
                yield Violation("wake-up", entry.time, f"{entry.token!r} was notified, and returned False")
            elif not entry.value and entry.time < deadline:
                yield Violation("timeout", entry.time, f"{entry.token!r} returned False before its deadline")


def only_who_waits_is_notified(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """No notification goes to a wait that has returned."""
    returned = set[bytes]()
    for entry, before in with_states(history):
        if isinstance(entry, Happened) and entry.kind in DATA_LOSS:
            returned.clear()  # old data may contain them
        elif isinstance(entry, Call) and entry.call == "wait" and entry.status == "succeeded" and entry.token:
            returned.add(entry.token)
        elif isinstance(entry, Ran) and before is not None:
            for token in _notified(before, entry):
                if token in returned:
                    yield Violation("notify", entry.time, f"{token!r} was notified, and has returned")


def the_lock_is_held_on_return(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """A wait that returns or raises leaves a lease, which is held on the server, or is known to be lost."""
    exempt, seen, held = set[bytes](), set[bytes](), dict[bytes, int]()
    for entry in history:
        if isinstance(entry, Happened) and (entry.kind in DATA_LOSS or entry.kind == "clock forward"):
            exempt |= seen
            held = {}
        elif isinstance(entry, Ran):
            held = entry.state.held
            seen.add(entry.token)
        elif isinstance(entry, Call) and entry.call == "return" and not entry.value:
            yield Violation("return", entry.time, f"process {entry.process} came back without the lock")
        elif isinstance(entry, Held):
            for process, token, _, deadline in entry.leases:
                left = round((deadline - entry.time) * SECOND)
                if token not in exempt and held.get(token, 0) < entry.server_time + left - ROUNDING:
                    yield Violation("return", entry.time, f"process {process} is certain of {token!r} for too long")


def the_lock_is_granted_in_order(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """Nobody gets the lock while another one waits for it that joined the queue earlier; nor is it free then."""
    for entry, before in with_states(history):
        if not isinstance(entry, Ran) or before is None:
            continue
        state: ConditionState = entry.state
        for token in state.held.keys() - before.held.keys():
            place = before.queue.index(token) if token in before.queue else len(before.queue)
            if passed := [each for each in before.queue[:place] if each in state.queue]:
                yield Violation("order", entry.time, f"{token!r} got the lock before {passed}")
        changes = entry.script in ("condition wait", "condition cancel_wait", "release", "withdraw", "acquire")
        if entry.script == "condition wait" and entry.token in state.waiting and entry.arguments[2] in state.held:
            yield Violation("idle", entry.time, f"{entry.token!r} waits, and has not released the lock")
        if changes and not state.held and state.queue and entry.reply not in (0, -1):
            yield Violation("idle", entry.time, f"the lock is free, and {state.queue} wait for it")


def who_has_got_the_lock_goes_on_at_once(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """A notified waiter returns when the lock is granted to it, unless a fault disturbs it."""
    faults, waits, granted = Disturbances(REACTION), dict[bytes, float](), dict[bytes, float]()
    for entry, before in with_states(history):
        faults.follow(entry)
        if isinstance(entry, Ran):
            for token in entry.state.held:
                if before is None or token not in before.held:
                    granted[token] = entry.time
        elif isinstance(entry, Call) and entry.call == "wait" and entry.token is not None:
            if entry.status == "invoked":
                waits[entry.token] = entry.time
                continue
            started, late = waits.pop(entry.token), entry.time - granted.get(entry.token, entry.time)
            calm = faults.are_over(entry.process, started)
            if entry.status == "succeeded" and calm and late > SLACK:
                yield Violation("wake-up", entry.time, f"{entry.token!r} was woken {late:.3f} s late")


def _notified(before: ConditionState, entry: Ran) -> list[bytes]:
    """Return who was notified by this script, also if it has got the lock by it already."""
    notified = [token for token in entry.state.notified if token not in before.notified]
    is_own = entry.script == "condition wait" and type(entry.reply) is int and entry.arguments[1] == b"1"
    known = entry.token in before.notified or entry.token in before.queue or entry.token in before.held
    return [*notified, entry.token] if is_own and not known else notified


def _dropped(before: ConditionState, entry: Ran) -> set[bytes]:
    """Return who does not wait any more, and was not notified."""
    state: ConditionState = entry.state
    return before.waiting.keys() - state.waiting.keys() - state.notified.keys() - {entry.token}


def _gone(before: ConditionState, entry: Ran) -> list[bytes]:
    """Return those whose notification is gone, although they have not got the lock by it."""
    gone = [token for token in before.notified if token not in entry.state.notified]
    used = {entry.token} if entry.script in ("condition wait", "condition confirm_wait") else set()
    if entry.script == "condition wait":
        used.add(entry.arguments[2])  # under which the lock was held until now
    return [token for token in gone if token not in used]


def _eligible(state: ConditionState, ticket: int, others: Sequence[bytes]) -> list[bytes]:
    return [token for token, since in state.waiting.items() if since < ticket and token not in others]
