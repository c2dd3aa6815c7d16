"""Who waits for what when a program is stopped, and who waits in vain, from handwritten traces."""

from __future__ import annotations

import pytest

from lab.checks.waits import state_at_stop
from lab.trace import STOP, Event, Trace

PROCESSES = ("a starts", "b starts", "main starts_run")
LOCKS = ("main creates L lock 1", "main creates M lock 1")
CROSSED = ("a enters L", "b enters M", "a requests M", "b requests L")


def trace(*lines: str, backend: str = "local") -> Trace:
    """Return the trace of lines such as `a requests L`; `creates` is followed by kind and limit."""
    events = []
    for when, line in enumerate(lines):
        who, what, *rest = line.split()
        on, why, value = [*rest, None, None, None][:3]
        number = None if value is None else int(value)
        what = what.replace("_", " ")
        events.append(Event(who, "host", hash(who.partition("/")[0]), what, float(when), on=on, why=why, value=number))
    return Trace("program.py", backend, {}, tuple(events))


def cycle(*lines: str, backend: str = "local") -> list[tuple[str, str]]:
    return [(wait.who, wait.on) for wait in state_at_stop(trace(*lines, backend=backend)).cycle()]


def in_vain(*lines: str, backend: str = "local") -> set[str]:
    return {wait.who for wait in state_at_stop(trace(*lines, backend=backend)).waits_in_vain().values()}


def test_two_locks_taken_crosswise():
    assert cycle(*PROCESSES, *LOCKS, *CROSSED) == [("a", "M"), ("b", "L")]
    assert in_vain(*PROCESSES, *LOCKS, *CROSSED, "main waits a") == {"a", "b", "main"}


def test_what_happens_while_the_program_is_stopped_does_not_count():
    assert cycle(*PROCESSES, *LOCKS, *CROSSED, f"lab {STOP.replace(' ', '_')}", "a leaves L", "a ends")


@pytest.mark.parametrize(
    "lines",
    [
        ("a requests L", "a enters L", "b requests L"),
        (*CROSSED, "a leaves L"),
        (*CROSSED, "b times_out L"),
        (*CROSSED, "b gives_up L"),
        ("a enters L", "b enters M", "a requests M", "b requests L x 0"),  # with a time limit
        (*CROSSED, "main leaves M"),  # another process may release a lock
    ],
)
def test_a_wait_that_can_end_is_no_deadlock(lines: tuple[str, ...]):
    assert cycle(*PROCESSES, *LOCKS, *lines) == []
    assert in_vain(*PROCESSES, *LOCKS, *lines) == set()


def test_a_lock_acquired_twice_is_a_cycle_of_one():
    assert cycle(*PROCESSES, *LOCKS, "a enters L", "a requests L") == [("a", "L")]


def test_a_joined_process_that_waits_for_what_its_parent_holds():
    assert cycle(*PROCESSES, *LOCKS, "main enters L", "a requests L", "main waits a") == [("a", "L"), ("main", "a")]


SEMAPHORE = (*PROCESSES, "c starts", "main creates S semaphore 2", "main creates L lock 1", "a enters S", "b enters S")


def test_a_semaphore_is_in_a_cycle_only_if_all_of_its_holders_wait_in_vain():
    assert in_vain(*SEMAPHORE, "c enters L", "c requests S", "a requests L") == set()
    assert in_vain(*SEMAPHORE, "c enters L", "c requests S", "a requests L", "b requests L") == {"a", "b", "c"}


def test_a_semaphore_that_nobody_holds_is_a_signal_that_anybody_may_give():
    assert in_vain(*PROCESSES, "main creates S semaphore 0", "a requests S") == set()


def test_an_ended_holder_blocks_forever_unless_its_lease_expires():
    lines = (*PROCESSES, *LOCKS, "a enters L", "a ends", "b requests L")
    assert in_vain(*lines) == {"b"}
    assert in_vain(*lines, backend="redis") == set()


@pytest.mark.parametrize("kind", ["queue", "pipe", "event"])
def test_for_a_message_all_processes_have_to_wait(kind: str):
    lines = (*PROCESSES, f"main creates Q {kind}", "a requests Q", "main waits a")
    assert in_vain(*lines) == set()
    assert in_vain(*lines, "b begins_put Q") == {"a", "b", "main"}
    assert cycle(*lines, "b begins_put Q") == []
    assert in_vain(*lines, "b ends") == {"a", "main"}


def test_a_process_that_has_not_started_or_has_just_ended_may_go_on():
    assert in_vain("main starts", "main waits a") == set(), "a is still in RQ's queue"
    assert in_vain("main starts", "a starts", "main waits a", "a ends") == set()
    assert in_vain(*PROCESSES, "main creates Q queue", "a requests Q", "b requests Q", "main waits c") == set()


def test_an_ended_or_terminated_process_waits_no_longer():
    lines = (*PROCESSES, *LOCKS, "a enters L", "b requests L", "b/thread requests L", "main terminates b")
    assert state_at_stop(trace(*lines)).waits == {}


CONDITION = (*PROCESSES, "c starts", "main creates C condition", "main creates L lock 1")


def test_who_was_notified_waits_for_the_lock_the_longest_waiting_first():
    waiting = ("a waits C L", "b waits C L 0")
    state = state_at_stop(trace(*CONDITION, *waiting, "c enters L", "c notifies C"))
    assert [(wait.who, wait.on, wait.unlimited) for wait in state.waits.values()] == [
        ("a", "L", True),
        ("b", "L", True),
    ]
    state = state_at_stop(trace(*CONDITION, *waiting, "c enters L", "c notifies C x 1", "c requests L"))
    assert [(wait.who, wait.on) for wait in state.waits.values()] == [("a", "L"), ("b", "C"), ("c", "L")]
    assert [wait.who for wait in state.cycle()] == ["c"]
