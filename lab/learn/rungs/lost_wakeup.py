"""A wake-up that is lost between the check and the subscription."""

from __future__ import annotations

from lab.language import N_
from lab.learn.behaviors import wait_and_hold
from lab.learn.faults import PAUSE, Fault
from lab.learn.judging import all_of, at_most, does_not_poll, prompt, served, times_out
from lab.learn.rung import Rung, Trial

JUDGE = all_of(at_most(1), prompt(within=1.0), served, does_not_poll)

LOST_WAKEUP = Rung(
    name="lost_wakeup",
    title=N_("A wake-up that nobody hears"),
    task=N_("""\
Here acquire(timeout) waits: for up to `timeout` seconds, then it returns
False. It does not ask again and again; release() publishes a message, which
wakes it.

The lab pauses a process before each request of acquire(), and meanwhile the
holder releases. Repair acquire(), so that it returns within a second once the
lock is free. (It may not poll: the lab counts the requests.)"""),
    hints=(
        N_("A message reaches only those that have subscribed by then. What if it is published before?"),
        N_(
            "First subscribe, then check, then wait. subscribe() only sends the request; the server's confirmation is "
            "the first message that get_message() returns."
        ),
        N_("Also try to get the lock when the confirmation has come: message['type'] is 'subscribe' then."),
    ),
    explanation=N_("""\
A check and the beginning of a wait leave a gap, in which a wake-up is lost.
Whoever begins to wait before the check has no gap. Condition variables release
their lock and begin to wait in one step for the same reason. broker's waiters
queue in the script that checks (broker/engine/lua/request_permit.lua)."""),
    trials=(
        # Whoever polls every two seconds, or four or five, asks more than a second after A's release.
        Trial(((wait_and_hold(20), 0), (wait_and_hold(5), 1.75), (wait_and_hold(5), 3.25)), JUDGE, until=60),
        Trial(((wait_and_hold(25), 0), (wait_and_hold(5, timeout=5), 1)), times_out("B", 5), until=28),
        Trial(((wait_and_hold(20), 0), (wait_and_hold(5, timeout=60), 1)), JUDGE, 90, Fault(PAUSE, "B", "acquire", 25)),
    ),
)
