"""What the benchmark's targets compare the broker with."""

from __future__ import annotations

import pytest

from bench import fairness, messages


def held(jain: float, share: float) -> dict[str, float]:
    return {"jain": jain, "held": share}


@pytest.mark.parametrize(("jain", "bound"), [(0.98, 0.91), (0.979, 0.89)])
def test_the_share_of_time_held_is_compared_with_every_fair_lock(jain: float, bound: float) -> None:
    rows = {"broker": held(1, 0.88), "walrus": held(jain, 0.91), "SyncManager": held(1, 0.89)}
    *_, share = fairness.targets(rows)
    assert (share.bound, share.met) == (bound, False)


def test_a_lock_in_shared_memory_sets_no_target() -> None:
    rows = {"broker": held(1, 0.88), "multiprocessing": held(1, 0.99), "lithops": held(1, 0.8)}
    *_, share = fairness.targets(rows)
    assert (share.bound, share.met) == (0.8, True)


def load(requests: float, commands: float) -> dict[str, float]:
    return {"requests": requests, "commands": commands}


def test_few_requests_and_commands_are_aimed_at_whatever_the_number_of_waiters() -> None:
    rows = {"broker": {"4": load(2.1, 12), "64": load(2.2, 11), "512": load(2, 13)}}
    missed = [target.what for target in messages.targets(rows) if not target.met]
    assert missed == ["64 waiters: requests", "512 waiters: commands"]
