"""The use of a program's primitives, computed from handwritten traces."""

from __future__ import annotations

from lab.programs.usage import usage_by_primitive
from lab.trace import Event, Trace

OF_PROCESSES = ("starts", "ends", "joins", "stops_run")


def trace(*lines: str) -> Trace:
    """Return the trace of lines such as `1.5 a requests lock 1`, after the creation of the primitives in them.

    A number after what happened is a value.
    """
    events = []
    for line in lines:
        when, who, what, *rest = line.split(" ")
        value = int(rest.pop(0)) if rest[0].isdecimal() else None
        on = " ".join(rest)
        events.append(Event(who, "host", ord(who), what.replace("_", " "), float(when), on=on, value=value))
    names = dict.fromkeys(event.on or "" for event in events if event.what.replace(" ", "_") not in OF_PROCESSES)
    created = [Event("m", "host", 0, "creates", 0.0, on=name, why=name.split()[0]) for name in names]
    return Trace("program.py", "local", {}, (*created, *events))


def test_wait_and_hold_times_are_counted_per_process():
    used = usage_by_primitive(
        trace(
            "0 a requests lock 1",
            "1 b requests lock 1",
            "2 a enters lock 1",
            "5 a leaves lock 1",
            "7 b enters lock 1",
            "8 b leaves lock 1",
        )
    )["lock 1"]
    assert used.counts == {"grants": 2}
    assert used.times == {"wait": [2, 6], "hold": [3, 1]}
    assert used.figures()["wait_s"] == {"median": 2, "p99": 6, "max": 6}


def test_a_request_that_timed_out_does_not_count_as_waiting():
    used = usage_by_primitive(
        trace(
            "0 a requests lock 1",
            "3 a times_out lock 1",
            "10 a requests lock 1",
            "11 a enters lock 1",
            "12 a leaves lock 1",
        )
    )["lock 1"]
    assert used.counts == {"grants": 1}
    assert used.times["wait"] == [1]


def test_a_process_may_acquire_a_semaphore_twice():
    used = usage_by_primitive(
        trace(
            "0 a requests semaphore 1",
            "0 a enters semaphore 1",
            "1 a requests semaphore 1",
            "1 a enters semaphore 1",
            "2 a leaves semaphore 1",
            "5 a leaves semaphore 1",
        )
    )["semaphore 1"]
    assert used.times["hold"] == [1, 5]


def test_a_release_by_another_process_ends_no_hold():
    used = usage_by_primitive(trace("0 a requests lock 1", "0 a enters lock 1", "4 b leaves lock 1"))["lock 1"]
    assert used.counts == {"grants": 1}
    assert used.times["hold"] == []
    assert used.time("hold", 0.5) is None


def test_events_queues_and_pipes():
    used = usage_by_primitive(
        trace(
            "0 a waits event 1",
            "1 b sets event 1",
            "2 a wakes event 1",
            "3 a waits event 1",
            "4 a times_out event 1",
            "5 a requests queue 1",
            "6 b puts queue 1",
            "7 a gets queue 1",
            "8 b puts pipe 1",
        )
    )
    assert used["event 1"].counts == {"sets": 1, "wake-ups": 1}
    assert used["event 1"].times == {"wait": [2]}
    assert used["queue 1"].counts == {"puts": 1, "gets": 1}
    assert used["queue 1"].times == {"wait": [2]}
    assert used["pipe 1"].counts == {"puts": 1, "gets": 0}


def test_conditions_and_barriers():
    lines = ["1 a waits", "2 b waits", "3 c waits", "3 c gives_up", "4 d notifies", "5 a wakes 1", "6 b wakes 0"]
    used = usage_by_primitive(trace(*(f"{line} {kind} 1" for line in lines for kind in ("condition", "barrier"))))
    assert used["condition 1"].counts == {"notifications": 1, "wake-ups": 2}
    assert used["barrier 1"].counts == {"generations": 1, "wake-ups": 2}
    assert used["barrier 1"].times == {"wait": [4, 4]}


def test_counted_operations_are_added_up():
    used = usage_by_primitive(
        trace("1 a reads 3 value 1", "1 b writes 2 value 1", "2 a reads 4 value 1", "2 a uses 5 container 1")
    )
    assert used["value 1"].figures() == {"reads": 7, "writes": 2}
    assert used["container 1"].figures() == {"operations": 5}


def test_primitives_are_ordered_by_kind_and_creation():
    names = ["queue 1", "lock 10", "lock 2", "event 1", "semaphore 1"]
    assert list(usage_by_primitive(trace(*(f"0 a puts {name}" for name in names)))) == [
        "lock 10",
        "lock 2",
        "semaphore 1",
        "event 1",
        "queue 1",
    ]


def test_a_primitive_that_is_only_created_was_not_used():
    created = Event("a", "host", 1, "creates", 0.0, on="lock (program.py:1)", why="lock")
    assert usage_by_primitive(Trace("program.py", "local", {}, (created,))) == {}


def test_a_wait_that_never_ended_counts_until_the_program_was_stopped():
    lines = ["0 a requests lock 1", "0 a enters lock 1", "1 b requests lock 1", "4 m stops_run -", "6 a leaves lock 1"]
    used = usage_by_primitive(trace(*lines))["lock 1"]
    assert used.times == {"wait": [0, 3], "hold": [6]}
    assert used.total_wait == 3


def test_a_wait_counts_until_its_process_ended():
    lines = ["0 a requests queue 1", "2 m joins a", "9 b puts queue 1", "9 m joins b"]
    assert usage_by_primitive(trace(*lines))["queue 1"].times["wait"] == [2]


def test_a_put_waits_only_where_a_queue_or_a_pipe_can_be_full():
    lines = ["0 a begins_put pipe 1", "2 a puts pipe 1", "0 a begins_put queue 1", "2 a puts queue 1"]
    used = usage_by_primitive(trace(*lines))
    assert (used["pipe 1"].times["wait for room"], used["pipe 1"].total_wait) == ([2], 2)
    assert "wait for room" not in used["queue 1"].times
