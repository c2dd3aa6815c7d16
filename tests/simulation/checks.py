"""Checks: pure functions from a history to what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from broker.engine.request import ACK_TIMEOUT, STAGGER
from broker.errors import ServerUnavailableError
from tests.simulation.barrier_checks import (
    a_dead_party_breaks_the_barrier,
    a_generation_ends_alike_for_all,
    all_arrive_before_anybody_passes,
    no_timeout_breaks_a_barrier_early,
    nobody_arrives_after_it_has_left,
    numbers_are_distinct,
    the_action_is_run_once_before_all_pass,
)
from tests.simulation.condition_checks import (
    longest_waiters_are_notified_first,
    no_notification_is_lost,
    nobody_is_woken_without_a_notification,
    notify_wakes_as_many_as_it_says,
    only_who_waits_is_notified,
    the_lock_is_granted_in_order,
    the_lock_is_held_on_return,
    who_has_got_the_lock_goes_on_at_once,
)
from tests.simulation.event_checks import no_set_is_missed, waiters_are_woken_at_once
from tests.simulation.history import Call, Ended, Entry, Happened, Held, Ran
from tests.simulation.queue_checks import every_item_is_got_once, items_are_got_in_order
from tests.simulation.schedule import DATA_LOSS, LONGEST_HOLD, STALE_DATA, Schedule
from tests.simulation.server import SECOND
from tests.simulation.server_events import RELEASES, Queue
from tests.simulation.violation import REACTION, SLACK, Disturbances, Violation

ROUNDING = 10  # microseconds

Check = Callable[[Sequence[Entry], Schedule], Iterator[Violation]]


def exclusion(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """Never more processes are certain of a permit than there are permits; what a server forgot does not count."""
    queue = Queue(schedule)
    for entry in history:
        queue.follow(entry)
        if isinstance(entry, Held):
            certain = [lease for lease in entry.leases if lease[1] not in queue.exempt]
            if len(certain) > schedule.value:
                yield Violation("exclusion", entry.time, f"{certain} are certain of {schedule.value} permit(s)")


def certainty(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """Who is certain of a permit holds it on the server, with the fence of that grant, and for as long as it thinks."""
    queue, refused, releasing = Queue(schedule), set[bytes](), set[bytes]()
    for entry in history:
        held = set(queue.held)
        for event in queue.follow(entry):
            if event.kind == "renewed" and event.token not in held and event.token not in queue.old:
                yield Violation("certainty", entry.time, f"{event.token!r} was renewed, and is not held")
        if isinstance(entry, Ran) and entry.script == "renew" and entry.reply == 0 and entry.delivered:
            if entry.token in refused - releasing:
                yield Violation("certainty", entry.time, f"{entry.token!r} was to be renewed after it was lost")
            refused.add(entry.token)
        elif isinstance(entry, Call) and entry.call == "release" and entry.token:
            releasing.add(entry.token)
        if isinstance(entry, Held):
            for process, token, fence, deadline in entry.leases:
                if token in queue.exempt:
                    continue
                expiry, left = queue.held.get(token, 0), round((deadline - entry.time) * SECOND)
                if expiry <= entry.server_time:
                    yield Violation("certainty", entry.time, f"process {process} is certain of {token!r}, not held")
                elif expiry < entry.server_time + left - ROUNDING:
                    yield Violation("certainty", entry.time, f"process {process} is certain of {token!r} for too long")
                elif queue.fences[token] != fence and token not in queue.old:
                    yield Violation("certainty", entry.time, f"{token!r} has fence {queue.fences[token]}, not {fence}")


def fences_rise(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """The fence of each grant is above all earlier ones, unless the data were lost and the clock was set back."""
    queue, last, set_back, lost = Queue(schedule), 0, False, False
    for entry in history:
        if isinstance(entry, Happened):
            set_back = set_back or entry.kind == "clock back"
            lost = lost or entry.kind in DATA_LOSS  # until the next grant, whose fence is at least the time
            if set_back and lost:
                last = 0
        for event in queue.follow(entry):
            if event.kind in ("granted", "raised"):
                if event.fence <= last:
                    yield Violation("fences", entry.time, f"{event.token!r} got {event.fence} after {last}")
                last, lost = max(last, event.fence), False


def fences_of_a_process_rise(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """A process gets a fence above all that it had got when it asked, whatever has become of the server."""
    last, asked = dict[int, int](), dict[int, int]()  # by process; by call
    for entry in history:
        if isinstance(entry, Call) and entry.call == "acquire":
            if entry.status == "invoked":
                asked[entry.number] = last.get(entry.process, 0)
            elif entry.status == "succeeded" and entry.value is not False:
                if entry.value <= asked[entry.number]:
                    text = f"process {entry.process} got {entry.value} after {asked[entry.number]}"
                    yield Violation("fences", entry.time, text)
                last[entry.process] = max(last.get(entry.process, 0), entry.value)


def first_come_first_served(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """No request gets a permit while one waits that joined the queue earlier."""
    queue = Queue(schedule)
    for entry in history:
        waiting = list(queue.waiting)
        events = queue.follow(entry)
        gone = {event.token for event in events if event.kind != "joined"}
        for event in events:
            if event.kind == "granted" and event.token not in queue.exempt:
                earlier = waiting[: waiting.index(event.token)] if event.token in waiting else waiting
                passed = [token for token in earlier if token not in gone]
                if passed:
                    yield Violation("order", entry.time, f"{event.token!r} was let in before {passed}")


def no_permit_is_idle(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """After a script that may grant permits, none is free while a request waits."""
    queue = Queue(schedule)
    for entry in history:
        events = queue.follow(entry)
        if not isinstance(entry, Ran) or entry.time < queue.uncertain_until:
            continue
        kinds = {event.kind for event in events}
        grants = "freed" in kinds if entry.script in RELEASES else entry.script == "acquire" and "renewed" not in kinds
        if grants and queue.waiting and len(queue.held) < schedule.value:
            yield Violation("idle", entry.time, f"a permit is free and {list(queue.waiting)} wait")


def expired_leases_are_granted(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """A waiter gets a dead holder's permit half a second after its lease ends, or a second later per dead waiter."""
    queue, kills, disturbed_until = Queue(schedule), list[float](), 0.0
    for entry in history:
        if isinstance(entry, Happened):
            if entry.kind in ("kill", "power off", "interrupt", "interrupt twice"):
                kills.append(entry.time)
            elif entry.kind not in ("calm", "script flush"):
                effect = entry.duration + schedule.lease + REACTION
                if entry.kind in DATA_LOSS:  # older data may contain requests that have ended, as dead waiters
                    effect += sum(1.0 + STAGGER * place for place in range(len(queue.waiting) + 1))
                disturbed_until = max(disturbed_until, entry.time + effect)
        waiting = min(queue.waiting.values(), default=entry.time)
        expired = [event.expiry for event in queue.follow(entry) if event.kind == "expired"]
        if isinstance(entry, Ran) and expired and entry.time > disturbed_until:
            dead = sum(entry.time - time < schedule.lease + REACTION for time in kills)
            bound = STAGGER + dead * (1.0 + STAGGER) + SLACK
            idle = min((entry.server_time - min(expired)) / 1e6, entry.time - waiting)
            if idle > bound:
                yield Violation("bound", entry.time, f"a permit was free for {idle:.3f} s while a request waited")


def no_living_waiter_is_dropped(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """A waiter is dropped from the queue only if it is gone, or its connection broke."""
    queue, faults, dropped = Queue(schedule), Disturbances(schedule.lease + REACTION), dict[bytes, float]()
    for entry in history:
        faults.follow(entry)
        if isinstance(entry, Happened) and entry.kind.startswith(("restart", "fail over", "cut")):
            return  # it breaks connections, which a process notices when it waits the next time
        for event in queue.follow(entry):
            if event.kind == "dropped":
                dropped[event.token] = entry.time
        acquired = isinstance(entry, Call) and entry.call == "acquire" and entry.status == "succeeded" and entry.value
        if acquired and entry.token in dropped and faults.are_over(entry.process, dropped[entry.token]):
            yield Violation("dropped", entry.time, f"{entry.token!r} was dropped, and waited")


def no_grant_is_late(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """A waiter that hears of its grant when it has expired is not let in by it."""
    queue, granted_at = Queue(schedule), dict[bytes, float]()
    for entry in history:
        for event in queue.follow(entry):
            if isinstance(entry, Ran) and event.kind == "granted" and event.token != entry.token:
                granted_at[event.token] = entry.time
        if isinstance(entry, Ran) and entry.script == "acquire":
            granted_at.pop(entry.token, None)  # it has asked again since
        elif isinstance(entry, Call) and entry.call == "acquire" and entry.value and entry.status == "succeeded":
            late = entry.time - granted_at.get(entry.token or b"", entry.time)
            if late > min(ACK_TIMEOUT, schedule.lease) and entry.token not in queue.exempt:
                yield Violation("certainty", entry.time, f"{entry.token!r} was let in {late:.3f} s after its grant")


def nothing_is_granted_after_its_release(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """Once a request has been released or withdrawn, it is not granted any more."""
    queue, released = Queue(schedule), set[bytes]()
    for entry in history:
        for event in queue.follow(entry):
            if event.kind in ("granted", "joined") and event.token in released and event.token not in queue.old:
                yield Violation("withdrawn", entry.time, f"{event.token!r} {event.kind} after its release")
        if isinstance(entry, Ran) and entry.script in RELEASES:
            released.add(entry.token)


def releases_are_true(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """A release that succeeds was carried out; one that reports a loss was not, or began after the lease's end."""
    freed, in_time, queue = set[bytes](), set[bytes](), Queue(schedule)
    # The latter by a loss of data: neither old data nor a clock that was set back show what was lost.
    under_way, excused, set_back = set[bytes](), set[bytes](), False
    for entry in history:
        if isinstance(entry, Happened):
            set_back = set_back or entry.kind == "clock back"
            if entry.kind in DATA_LOSS:
                excused |= queue.seen if entry.kind in STALE_DATA or set_back else under_way
        freed |= {event.token for event in queue.follow(entry) if event.kind == "freed"}
        if not isinstance(entry, Call) or entry.call != "release" or entry.token is None:
            continue
        if entry.status == "invoked":
            under_way.add(entry.token)
            if entry.time < entry.value:
                in_time.add(entry.token)
            continue
        under_way.discard(entry.token)
        released = entry.token in freed & in_time
        if entry.status == "succeeded" and not released and entry.token not in excused:
            yield Violation("release", entry.time, f"{entry.token!r} counts as released, and was not held")
        elif entry.status == "failed" and released and entry.token not in queue.old:
            yield Violation("release", entry.time, f"{entry.token!r} counts as lost, and was released")


def no_time_out_is_early(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """`acquire` returns False at its deadline, not before."""
    deadlines = dict[int, float]()
    for entry in history:
        if isinstance(entry, Call) and entry.call == "acquire":
            if entry.status == "invoked":
                deadlines[entry.number] = entry.value
            elif entry.status == "succeeded" and entry.value is False and entry.time < deadlines[entry.number]:
                yield Violation("timeout", entry.time, f"process {entry.process} was not let in, before its deadline")


def nothing_is_kept_for_nobody(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """What a failed call may have left on the server is released, by the call or later, if its process lives."""
    queue, failed, released = Queue(schedule), dict[bytes, Call](), set[bytes]()
    faults = Disturbances(schedule.lease)
    for entry in history:
        faults.follow(entry)
        for event in queue.follow(entry):
            call = failed.get(event.token) if event.kind == "expired" else None
            if call is not None and call.call == "release" and faults.are_over(call.process, call.time):
                yield Violation("leak", entry.time, f"{event.token!r}, whose release failed, was kept")
        if isinstance(entry, Call) and entry.status == "unknown" and entry.token and entry.token not in released:
            if not isinstance(entry.value, ServerUnavailableError):  # it was unavailable for as long as it is retried
                failed[entry.token] = entry
        elif isinstance(entry, Ran) and entry.script in RELEASES:
            released.add(entry.token)
            failed.pop(entry.token, None)
        elif isinstance(entry, Happened) and entry.kind in ("kill", "power off"):
            failed = {token: call for token, call in failed.items() if call.process != entry.process}
        elif isinstance(entry, Ended):
            for token, call in failed.items():
                if call.call == "acquire" and call.time < entry.time - REACTION:
                    yield Violation("leak", call.time, f"{token!r}, whose acquire failed, was never withdrawn")


def leases_are_kept(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """A holder that no fault disturbs is certain of its permit until it releases it."""
    faults = Disturbances((1 + LONGEST_HOLD) * schedule.lease + REACTION)
    for entry in history:
        faults.follow(entry)
        lost = isinstance(entry, Call) and entry.call == "hold" and not entry.value
        if lost and faults.are_over(entry.process, entry.time):
            yield Violation("kept", entry.time, f"process {entry.process} lost its lease without a fault")


def everybody_gets_in(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """When faults are over, every call returns within the stated bound, and nothing is held by nobody."""
    calm_at, invoked = None, dict[int, float]()
    bound = _bound(schedule)
    for entry in history:
        if isinstance(entry, Happened) and entry.kind == "calm":
            calm_at = entry.time
        if isinstance(entry, Call):
            if entry.status == "invoked":
                invoked[entry.number] = entry.time
            elif entry.number in invoked:
                started = invoked.pop(entry.number)
                if calm_at is not None and (waited := entry.time - max(started, calm_at)) > bound:
                    yield Violation("wait", entry.time, f"{entry.call} took {waited:.3f} s, more than {bound:.3f}")
        if isinstance(entry, Ended) and (entry.stuck or entry.waiters or entry.holders):
            yield Violation("end", entry.time, f"{entry.stuck} stuck, {entry.waiters} wait, {entry.holders} hold")


def _bound(schedule: Schedule) -> float:
    # The lease of a dead holder, and one of a process that is restored with old data; what is retried after a lost
    # reply; then each dead or living waiter before this one, which may hold for several leases.
    ahead = 2 * schedule.processes * (LONGEST_HOLD * schedule.lease + 1.0 + STAGGER)
    return 2 * schedule.lease + REACTION + ahead


PERMITS: tuple[Check, ...] = (
    exclusion,
    certainty,
    fences_rise,
    fences_of_a_process_rise,
    first_come_first_served,
    no_permit_is_idle,
    expired_leases_are_granted,
    no_living_waiter_is_dropped,
    no_grant_is_late,
    nothing_is_granted_after_its_release,
    releases_are_true,
    no_time_out_is_early,
    nothing_is_kept_for_nobody,
    leases_are_kept,
    everybody_gets_in,
)
QUEUES: tuple[Check, ...] = (every_item_is_got_once, items_are_got_in_order, everybody_gets_in)
CHECKS: dict[str, tuple[Check, ...]] = {
    "lock": PERMITS,
    "semaphore": PERMITS,
    "event": (no_set_is_missed, waiters_are_woken_at_once, everybody_gets_in),
    "queue": QUEUES,
    "joinable": QUEUES,
    "condition": (
        exclusion,
        fences_of_a_process_rise,
        notify_wakes_as_many_as_it_says,
        longest_waiters_are_notified_first,
        no_notification_is_lost,
        nobody_is_woken_without_a_notification,
        only_who_waits_is_notified,
        the_lock_is_held_on_return,
        the_lock_is_granted_in_order,
        who_has_got_the_lock_goes_on_at_once,
        everybody_gets_in,
    ),
    "barrier": (
        numbers_are_distinct,
        all_arrive_before_anybody_passes,
        a_generation_ends_alike_for_all,
        a_dead_party_breaks_the_barrier,
        the_action_is_run_once_before_all_pass,
        no_timeout_breaks_a_barrier_early,
        nobody_arrives_after_it_has_left,
        everybody_gets_in,
    ),
}


def violations(history: Sequence[Entry], schedule: Schedule, checks: Iterable[Check] | None = None) -> list[Violation]:
    """Return what the checks of the schedule's primitive find, the earliest first."""
    found = [each for check in checks or CHECKS[schedule.primitive] for each in check(history, schedule)]
    return sorted(found, key=lambda violation: violation.time)
