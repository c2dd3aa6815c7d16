"""The exercises' own checks and outcomes: right traces pass, wrong ones are seen, and what is said names who."""

from __future__ import annotations

import pytest

from lab.checks import traffic, verdicts
from lab.checks.verdicts import Judgement
from lab.exercises import EXERCISES
from tests.support.traces import end_of_run, make_exercise, parse_trace

VALID, UNKNOWN, INVALID = Judgement.VALID, Judgement.UNKNOWN, Judgement.INVALID


OUTPUT = """
0.0 process_0 requests
0.0 process_0 enters
0.0 process_0 is_running
0.5 process_0 is_done
0.5 process_0 leaves
0.6 process_1 enters
0.6 process_1 is_running
0.9 process_1 is_done
0.9 process_1 leaves
""" + end_of_run("process_0", "process_1")


def test_output_in_pairs():
    shown = parse_trace(OUTPUT, "output")
    output = make_exercise("output", processes=2)
    assert output.check(shown).judgement is VALID
    assert output.outcome(shown) == {"lines": 4, "interleaved": 0}


def test_output_that_interleaves():
    mixed = OUTPUT.replace("0.5 process_0 is_done\n0.5 process_0 leaves\n", "").replace(
        "0.9 process_1 is_done", "0.7 process_0 is_done\n0.7 process_0 leaves\n0.9 process_1 is_done"
    )
    shown = parse_trace(mixed, "output")
    output = make_exercise("output", processes=2)
    assert output.check(shown) == verdicts.invalid("process 1 entered output while process 0 was still inside")
    assert output.outcome(shown)["interleaved"] == 2


LOCK = """
0.0 first requests
0.0 first enters
0.0 first prints 111
0.1 second requests
0.5 first times_out
0.5 first leaves
0.5 second enters
0.5 second prints 222
0.5 second leaves
""" + end_of_run("first", "second")


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ("", "", VALID),
        ("first times_out", "first acquires_again", INVALID),
        ("0.5 first leaves\n0.5 second enters", "0.5 second enters\n0.5 first leaves", INVALID),
        ("0.1 second requests\n", "", UNKNOWN),
        ("0.1 second requests\n0.5 first times_out\n", "0.5 first times_out\n", UNKNOWN),
        ("0.5 first leaves\n", "", INVALID),
        ("90 second ends\n", "", UNKNOWN),
    ],
)
def test_lock(before: str, after: str, verdict: Judgement):
    assert before in LOCK
    assert make_exercise("lock").check(parse_trace(LOCK.replace(before, after), "lock")).judgement is verdict


def test_who_waited_for_the_lock():
    lock = make_exercise("lock")
    waited = {"second process waits": True, "holder waits for itself": True}
    assert lock.outcome(parse_trace(LOCK, "lock")) == waited
    late = LOCK.replace("0.1 second requests\n", "").replace(
        "0.5 second enters", "0.5 second requests\n0.5 second enters"
    )
    assert lock.outcome(parse_trace(late, "lock")) == waited | {"second process waits": False}
    assert set(lock.outcome(parse_trace("0 lab starts_run", "lock")).values()) == {False}


SEMAPHORE = """
0.0 acquirer prints 1
0.0 acquirer prints 2
0.0 acquirer prints 3
0.5 acquirer times_out
1.0 releaser releases
1.2 acquirer prints 4
""" + end_of_run("acquirer", "releaser")


def test_semaphore():
    semaphore = make_exercise("semaphore")
    right = parse_trace(SEMAPHORE, "semaphore")
    assert semaphore.check(right).judgement is VALID
    assert semaphore.outcome(right) == {
        "acquired before release": 3,
        "acquired after release": 1,
        "release to acquire": pytest.approx(0.2),
    }
    too_many = SEMAPHORE.replace("acquirer times_out", "acquirer prints 4")
    sentence = "acquire number 4 of Semaphore(3) returned before any release"
    assert semaphore.check(parse_trace(too_many, "semaphore")) == verdicts.invalid(sentence)
    for missing in (
        "0.0 acquirer prints 2\n",
        "1.2 acquirer prints 4\n",
        "1.0 releaser releases\n",
        "90 releaser ends\n",
    ):
        assert semaphore.check(parse_trace(SEMAPHORE.replace(missing, ""), "semaphore")).judgement is not VALID
    assert semaphore.outcome(parse_trace("0 lab starts_run", "semaphore"))["release to acquire"] is None


EVENT = """
0.0 program is_not_set
0.0 program sets
0.1 program is_set
0.1 program passes
0.1 program clears
0.6 program times_out
0.6 program is_not_set
0.7 program releases_waiter
0.9 waiter is_released
""" + end_of_run("program", "waiter")


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ("", "", VALID),
        ("0.0 program is_not_set", "0.0 program is_set", INVALID),
        ("0.1 program is_set", "0.1 program is_not_set", INVALID),
        ("program times_out", "program passes", INVALID),
        ("0.6 program is_not_set", "0.6 program is_set", INVALID),
        ("0.6 program times_out", "0.5 program times_out", INVALID),
        (
            "0.7 program releases_waiter\n0.9 waiter is_released",
            "0.7 waiter is_released\n0.9 program releases_waiter",
            INVALID,
        ),
        ("0.7 program releases_waiter\n", "", INVALID),
        ("0.9 waiter is_released\n", "", VALID),  # its end was recorded
        ("90 waiter ends\n", "", UNKNOWN),
    ],
)
def test_event(before: str, after: str, verdict: Judgement):
    assert before in EVENT
    assert make_exercise("event").check(parse_trace(EVENT.replace(before, after), "event")).judgement is verdict


def test_an_event_that_was_left_early_proves_nothing():
    event = make_exercise("event")
    lines = EVENT.strip().splitlines()
    for end in range(len(lines)):
        assert event.check(parse_trace("\n".join(lines[:end]), "event")).judgement is not VALID
    assert event.outcome(parse_trace(EVENT, "event")) == {
        "timed-out wait": pytest.approx(0.5),
        "set to wake-up": pytest.approx(0.2),
    }
    assert set(event.outcome(parse_trace("0 lab starts_run", "event")).values()) == {None}


TRAFFIC = """
0.0 light turns_red
0.1 car_0 arrives
0.1 car_0 waits
0.2 police_car_1 arrives
0.2 police_car_1 stops
0.3 police_car_1 passes
0.5 light turns_green
0.6 car_0 passes
0.7 car_2 arrives
0.7 car_2 passes
0.9 light turns_red
"""
ALL = end_of_run("car_0", "police_car_1", "car_2")


def judged(text: str) -> verdicts.Verdict:
    return make_exercise("traffic", vehicles=3).check(parse_trace(text + ALL, "traffic"))


def test_traffic():
    assert judged(TRAFFIC).judgement is VALID
    assert make_exercise("traffic").outcome(parse_trace(TRAFFIC, "traffic")) == {
        "cars passed": 2,
        "police cars passed": 1,
        "police cars on red": 1,
        "green to passing, median": pytest.approx(0.1),
        "police wait, max": pytest.approx(0.1),
    }


@pytest.mark.parametrize("who", ["car_0", "car_2"])
def test_a_car_that_passes_on_red(who: str):
    early = TRAFFIC.replace("0.5 light turns_green\n", "").replace("0.9 light", "0.4 light turns_green\n0.9 light")
    late = TRAFFIC.replace("0.7 car_2 arrives\n0.7 car_2 passes\n", "") + "1.0 car_2 arrives\n1.0 car_2 passes\n"
    verdict = judged(early if who == "car_0" else late)
    name = who.replace("_", " ")
    assert verdict == verdicts.invalid(f"{name} passed although the light was red from its arrival on")


def test_a_car_let_go_on_green_may_be_recorded_on_red():
    late = TRAFFIC.replace("0.6 car_0 passes\n", "") + "1.0 car_0 passes\n"
    assert judged(late).judgement is VALID


def test_a_car_may_come_on_green_and_be_recorded_on_red():
    late = TRAFFIC.replace("0.7 car_2 passes\n", "") + "1.0 car_2 passes\n"
    assert judged(late).judgement is VALID


def test_a_car_that_nobody_woke():
    once = TRAFFIC.replace("0.6 car_0 passes\n", "")
    sentence = "car 0 was still waiting when the light turned green for the second time"
    assert judged(once + "1.2 light turns_green\n1.3 car_0 passes\n") == verdicts.invalid(sentence)
    assert traffic.no_lost_wakeup(parse_trace(once, "traffic")).judgement is VALID  # it may go yet


def test_a_police_car_that_waits_for_too_long():
    late = TRAFFIC.replace("0.3 police_car_1 passes\n", "") + "1.2 police_car_1 passes\n"
    verdict = judged(late)
    assert verdict == verdicts.invalid("police car 1 passed after 1.00 s; its time-out is 0.12 s")
    assert traffic.police_in_time(parse_trace(late, "traffic"), timeout=0.51).judgement is VALID


def test_a_busy_machine_may_delay_a_police_car():
    late = TRAFFIC.replace("0.3 police_car_1 passes\n", "") + "1.2 police_car_1 passes\n"
    assert judged(late + "2 lab measures_delay 120000\n").judgement is INVALID
    assert judged(late + "2 lab measures_delay 130000\n").judgement is VALID  # three times 0.13 s of 1.00 s


def test_a_car_that_a_busy_machine_may_have_delayed_for_a_whole_cycle():
    missed = TRAFFIC.replace("0.6 car_0 passes\n", "") + "1.2 light turns_green\n1.3 car_0 passes\n"
    assert judged(missed + "2 lab measures_delay 200000\n").judgement is INVALID  # a cycle takes 0.7 s
    assert judged(missed + "2 lab measures_delay 250000\n").judgement is UNKNOWN


def test_a_crossing_without_a_light_proves_nothing():
    dark = "\n".join(line for line in TRAFFIC.splitlines() if "light" not in line)
    assert judged(dark + "\n").judgement is UNKNOWN


def test_tickets_through_a_seller():
    text = """
0.0 client_0 sees 1
0.0 client_1 sees 1
0.1 client_0 requests
0.1 client_1 requests
0.2 seller enters
0.2 seller leaves
0.3 seller enters
0.3 seller leaves
0.4 client_1 buys 0
0.6 client_0 gets_no_ticket
1.0 lab counts 0
""" + end_of_run("seller", "client_0", "client_1")
    shop = make_exercise("tickets", clients=2, stock=1, how="queue")
    run = parse_trace(text, "tickets", how="queue")
    assert shop.actors == 3
    assert shop.check(run).judgement is VALID
    assert shop.outcome(run) == {
        "sold": 1,
        "refused": 1,
        "oversold": 0,
        "refused by fence": None,
        "response, median": pytest.approx(0.5),
    }
    assert shop.check(parse_trace(text.replace("client_0 gets_no_ticket", "client_0 buys 0"))).judgement is INVALID


def test_ktv_tells_where_guests_wait():
    requests = "0 a requests\n0 b requests\n0 c requests\n"
    queue = requests + "0 a enters 1\n1 a leaves\n1 b enters 2\n2 b leaves\n2 c enters 3\n3 c leaves"
    tasks = "\n".join(line for line in queue.splitlines() if "requests" not in line)
    bar = make_exercise("ktv", rooms=1, guests=3)
    assert bar.outcome(parse_trace(queue, "ktv")) == {"served": 3, "max in rooms": 1, "max waiting": 3}
    assert bar.outcome(parse_trace(tasks, "ktv")) == {"served": 3, "max in rooms": 1, "max waiting": 0}


@pytest.mark.parametrize("name", EXERCISES)
def test_every_exercise_and_variant_judges_a_trace_of_nothing(name: str):
    nothing = parse_trace("0 lab starts_run", name)
    for variant in EXERCISES[name].variants() or [""]:
        exercise = make_exercise(name, **({"how": variant} if variant else {}))
        assert exercise.check(nothing).judgement is UNKNOWN
        assert exercise.outcome(nothing).keys() == make_exercise(name).outcome(nothing).keys()
