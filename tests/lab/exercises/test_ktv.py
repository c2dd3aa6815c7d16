"""`ktv`: where guests wait with a semaphore, and with a pool."""

from __future__ import annotations

from tests.support.traces import make_exercise, parse_trace


def test_outcome_says_where_guests_wait():
    requests = "0 a requests\n0 b requests\n0 c requests\n"
    queue = requests + "0 a enters 1\n1 a leaves\n1 b enters 2\n2 b leaves\n2 c enters 3\n3 c leaves"
    tasks = "\n".join(line for line in queue.splitlines() if "requests" not in line)
    ktv = make_exercise("ktv", rooms=1, guests=3)
    assert ktv.outcome(parse_trace(queue, "ktv")) == {"served": 3, "max in rooms": 1, "max waiting": 3}
    assert ktv.outcome(parse_trace(tasks, "ktv")) == {"served": 3, "max in rooms": 1, "max waiting": 0}
