"""`output`: the two lines of each process stay together under a lock."""

from __future__ import annotations

from lab.checks import verdicts
from lab.checks.verdicts import Judgement
from tests.support.traces import end_of_run, make_exercise, parse_trace

VALID = Judgement.VALID


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


def test_lines_in_pairs_are_valid():
    trace = parse_trace(OUTPUT, "output")
    output = make_exercise("output", processes=2)
    assert output.check(trace).judgement is VALID
    assert output.outcome(trace) == {"lines": 4, "interleaved": 0}


def test_interleaved_lines_are_invalid():
    mixed = OUTPUT.replace("0.5 process_0 is_done\n0.5 process_0 leaves\n", "").replace(
        "0.9 process_1 is_done", "0.7 process_0 is_done\n0.7 process_0 leaves\n0.9 process_1 is_done"
    )
    trace = parse_trace(mixed, "output")
    output = make_exercise("output", processes=2)
    assert output.check(trace) == verdicts.invalid("process 1 entered output while process 0 was still inside")
    assert output.outcome(trace)["interleaved"] == 2
