"""Checks of barriers: all arrive before anybody passes, and a generation is complete or broken for all."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from broker.engine.holders import describe_requester
from broker.engine.request import MARGIN
from broker.errors import BrokenBarrierError, ServerUnavailableError
from broker.locks.barrier import REASONS
from tests.simulation.barrier_workload import count_parties
from tests.simulation.history import Call, Entry, Happened, Ran
from tests.simulation.schedule import DATA_LOSS, Schedule
from tests.simulation.states import BarrierState, with_states
from tests.simulation.violation import REACTION, SLACK, Disturbances, Violation


def numbers_are_distinct(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """Those that pass in one generation have different numbers from 0 to n - 1."""
    numbers = defaultdict[int, set[int]](set)
    under_way, excused = set[bytes | None](), set[bytes | None]()  # the latter: the arrival may be lost
    for entry in history:
        if isinstance(entry, Happened) and entry.kind in DATA_LOSS:
            numbers.clear()
            excused |= under_way
        elif isinstance(entry, Call) and entry.call == "arrive":
            if entry.status == "invoked":
                under_way.add(entry.token)
                continue
            under_way.discard(entry.token)
            if entry.status != "succeeded" or entry.token in excused:
                continue
            generation, number, _ = entry.value
            if number in numbers[generation] or not 0 <= number < count_parties(schedule):
                text = f"process {entry.process} has number {number}, as another one in generation {generation}"
                yield Violation("number", entry.time, text)
            numbers[generation].add(number)


def all_arrive_before_anybody_passes(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """A generation is complete when as many have arrived as there are parties, and nobody passes before."""
    full, complete, known_since = set[int](), set[int](), 0
    for entry, before in with_states(history):
        if isinstance(entry, Ran):
            known_since = known_since or entry.state.generation
            if len(entry.state.waiting) == count_parties(schedule):  # one may leave while the action runs
                full.add(entry.state.generation)
            if before is not None and _completes(before, entry):
                arrived = {*before.waiting, entry.token}
                complete.add(before.generation)
                if len(arrived) != count_parties(schedule) and before.generation not in full:
                    yield Violation("early", entry.time, f"generation {before.generation} is complete with {arrived}")
        elif isinstance(entry, Happened) and entry.kind in DATA_LOSS:
            known_since = 0
            full.clear()
        elif isinstance(entry, Call) and entry.call in ("arrive", "act") and entry.status == "succeeded":
            generation, _, acts = entry.value
            is_over = not acts or entry.call == "act"
            if is_over and known_since and generation >= known_since and generation not in complete:
                yield Violation("early", entry.time, f"process {entry.process} passed generation {generation}")


def a_generation_ends_alike_for_all(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """All that wait pass when the generation is complete, or learn why it is not: each of them at once."""
    ends = dict[bytes, tuple[float, bytes]]()  # token -> when its generation ended, and why, if it is not complete
    faults, started = Disturbances(REACTION), dict[bytes, float]()
    for entry, before in with_states(history):
        faults.follow(entry)
        if isinstance(entry, Happened) and entry.kind in DATA_LOSS:
            ends.clear()
        elif isinstance(entry, Ran) and before is not None:
            why = b"" if _completes(before, entry) else _failure(before, entry)
            if why is not None:
                ends.update((token, (entry.time, why)) for token in before.waiting if token not in ends)
        elif isinstance(entry, Call) and entry.call in ("arrive", "act") and entry.token is not None:
            if entry.status == "invoked":
                started.setdefault(entry.token, entry.time)
                continue
            acts = entry.call == "arrive" and entry.status == "succeeded" and entry.value[2]
            end = ends.get(entry.token)
            if acts or end is None or entry.status == "unknown":
                continue
            begun = started.pop(entry.token)
            text = f"process {entry.process}, {end[1]!r}: {entry.value}"
            if not _agrees(entry, end[1]):
                yield Violation("outcome", entry.time, text)
            elif entry.call == "arrive" and entry.time - end[0] > SLACK and faults.are_over(entry.process, begun):
                yield Violation("wake-up", entry.time, f"{entry.time - end[0]:.3f} s late, {text}")


def a_dead_party_breaks_the_barrier(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """A party whose lease has expired breaks it when that is so, if another one waits; and one that lives does not."""
    faults = Disturbances(schedule.lease + REACTION)
    for entry, before in with_states(history):
        faults.follow(entry)
        if not isinstance(entry, Ran) or before is None:
            continue
        why = _failure(before, entry)
        if why is None or not why.startswith(b"lost "):
            continue
        lost = why.removeprefix(b"lost ")
        expiry = before.leases.get(lost)
        if expiry is None or expiry > entry.server_time:
            yield Violation("lost", entry.time, f"{lost!r} counts as lost, with a lease until {expiry}")
            continue
        if faults.are_over(_process(lost), entry.time):
            yield Violation("lost", entry.time, f"{lost!r} counts as lost, and nothing has disturbed it")
        late = (entry.server_time - expiry) / 1e6
        waits = [each for each in before.waiting if faults.are_over(_process(each), entry.time - late)]
        if waits and late > SLACK + MARGIN:
            yield Violation("bound", entry.time, f"{lost!r} was found {late:.3f} s late by {waits}")


def the_action_is_run_once_before_all_pass(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """At most one party of a generation runs an action, and nobody passes before that has succeeded."""
    begun, running = Counter[int](), set[int]()
    for entry, before in with_states(history):
        if isinstance(entry, Happened) and entry.kind in DATA_LOSS:
            begun.clear()
            running.clear()
        elif isinstance(entry, Call) and entry.call == "action":
            if entry.status == "invoked":
                begun[entry.value] += 1
                running.add(entry.value)
                if begun[entry.value] > 1:
                    yield Violation("action", entry.time, f"the action of generation {entry.value} is run again")
            else:
                running.discard(entry.value)
        elif isinstance(entry, Ran) and before is not None:
            is_early = before.generation in running and _completes(before, entry)
            if is_early:
                yield Violation("action", entry.time, f"generation {before.generation} is complete before its action")


def no_timeout_breaks_a_barrier_early(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """Who breaks the barrier since it has timed out has waited until its deadline."""
    deadlines = dict[bytes, float]()
    for entry in history:
        if isinstance(entry, Call) and entry.call == "arrive" and entry.status == "invoked":
            deadlines[entry.token or b""] = entry.value
        elif isinstance(entry, Ran) and entry.script == "barrier break" and entry.arguments[-1] == b"timeout":
            is_early = entry.time < deadlines.get(entry.token, 0.0)
            if is_early:
                yield Violation("timeout", entry.time, f"{entry.token!r} has timed out before its deadline")


def nobody_arrives_after_it_has_left(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """A late copy of a request does not take the place of a party."""
    gone = set[bytes]()
    for entry, before in with_states(history):
        if isinstance(entry, Happened) and entry.kind in DATA_LOSS:
            gone.clear()
        elif isinstance(entry, Call) and entry.call == "arrive" and entry.status in ("succeeded", "failed"):
            if entry.token is not None and not isinstance(_cause(entry), ServerUnavailableError):
                gone.add(entry.token)
        elif isinstance(entry, Ran) and before is not None:
            if entry.script == "barrier leave":
                gone.add(entry.token)
            for token in entry.state.waiting:
                if token in gone and token not in before.waiting:
                    yield Violation("ghost", entry.time, f"{token!r} has arrived after its end")


def _completes(before: BarrierState, entry: Ran) -> bool:
    has_begun = entry.state.generation != before.generation and before.generation != 0
    return has_begun and entry.script != "barrier reset" and before.generation not in entry.state.failures


def _failure(before: BarrierState, entry: Ran) -> bytes | None:
    """Return why the generation has failed by this script, if it has."""
    is_new = before.generation not in before.failures
    return entry.state.failures.get(before.generation) if is_new else None


def _agrees(call: Call, why: bytes) -> bool:
    if not why:
        return call.status == "succeeded" or isinstance(_cause(call), ServerUnavailableError)
    return call.status == "failed" and (_says(call, why) or isinstance(_cause(call), ServerUnavailableError))


def _says(call: Call, why: bytes) -> bool:
    how, _, token = why.partition(b" ")
    reason = REASONS[how.decode()].format(describe_requester(token) if token else "")
    return isinstance(call.value, BrokenBarrierError) and str(call.value).endswith(reason)


def _cause(call: Call) -> BaseException | None:
    return call.value.__cause__ if isinstance(call.value, BaseException) else None


def _process(token: bytes) -> int:
    return int(token.split(b"/")[1])
