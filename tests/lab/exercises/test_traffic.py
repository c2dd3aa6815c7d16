"""`traffic`: cars pass on green only, police cars after a timeout on red, too."""

from __future__ import annotations

import pytest

from lab.checks import traffic, verdicts
from lab.checks.verdicts import Judgement
from tests.support.traces import end_of_run, make_exercise, parse_trace

VALID, UNKNOWN, INVALID = Judgement.VALID, Judgement.UNKNOWN, Judgement.INVALID


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
ENDS = end_of_run("car_0", "police_car_1", "car_2")


def verdict_on(text: str) -> verdicts.Verdict:
    return make_exercise("traffic", vehicles=3).check(parse_trace(text + ENDS, "traffic"))


def test_correct_trace_is_valid():
    assert verdict_on(TRAFFIC).judgement is VALID
    assert make_exercise("traffic").outcome(parse_trace(TRAFFIC, "traffic")) == {
        "cars passed": 2,
        "police cars passed": 1,
        "police cars on red": 1,
        "green to passing, median": pytest.approx(0.1),
        "police wait, max": pytest.approx(0.1),
    }


@pytest.mark.parametrize("who", ["car_0", "car_2"])
def test_car_that_passes_on_red_is_invalid(who: str):
    early = TRAFFIC.replace("0.5 light turns_green\n", "").replace("0.9 light", "0.4 light turns_green\n0.9 light")
    late = TRAFFIC.replace("0.7 car_2 arrives\n0.7 car_2 passes\n", "") + "1.0 car_2 arrives\n1.0 car_2 passes\n"
    verdict = verdict_on(early if who == "car_0" else late)
    name = who.replace("_", " ")
    assert verdict == verdicts.invalid(f"{name} passed although the light was red from its arrival on")


def test_car_released_on_green_may_be_recorded_on_red():
    late = TRAFFIC.replace("0.6 car_0 passes\n", "") + "1.0 car_0 passes\n"
    assert verdict_on(late).judgement is VALID


def test_car_that_arrives_on_green_may_be_recorded_on_red():
    late = TRAFFIC.replace("0.7 car_2 passes\n", "") + "1.0 car_2 passes\n"
    assert verdict_on(late).judgement is VALID


def test_car_that_was_not_woken_is_invalid():
    waiting = TRAFFIC.replace("0.6 car_0 passes\n", "")
    sentence = "car 0 was still waiting when the light turned green for the second time"
    assert verdict_on(waiting + "1.2 light turns_green\n1.3 car_0 passes\n") == verdicts.invalid(sentence)
    assert traffic.no_lost_wakeup(parse_trace(waiting, "traffic")).judgement is VALID  # it may still pass


def test_police_car_that_waits_too_long_is_invalid():
    late = TRAFFIC.replace("0.3 police_car_1 passes\n", "") + "1.2 police_car_1 passes\n"
    verdict = verdict_on(late)
    assert verdict == verdicts.invalid("police car 1 passed after 1.00 s; its timeout is 0.12 s")
    assert traffic.police_in_time(parse_trace(late, "traffic"), timeout=0.51).judgement is VALID


def test_busy_machine_may_delay_a_police_car():
    late = TRAFFIC.replace("0.3 police_car_1 passes\n", "") + "1.2 police_car_1 passes\n"
    assert verdict_on(late + "2 lab measures_delay 120000\n").judgement is INVALID
    assert verdict_on(late + "2 lab measures_delay 130000\n").judgement is VALID  # three times 0.13 s of 1.00 s


def test_car_that_a_busy_machine_may_have_delayed_for_a_cycle_is_unknown():
    missed = TRAFFIC.replace("0.6 car_0 passes\n", "") + "1.2 light turns_green\n1.3 car_0 passes\n"
    assert verdict_on(missed + "2 lab measures_delay 200000\n").judgement is INVALID  # a cycle takes 0.7 s
    assert verdict_on(missed + "2 lab measures_delay 250000\n").judgement is UNKNOWN


def test_crossing_without_a_light_is_unknown():
    dark = "\n".join(line for line in TRAFFIC.splitlines() if "light" not in line)
    assert verdict_on(dark + "\n").judgement is UNKNOWN
