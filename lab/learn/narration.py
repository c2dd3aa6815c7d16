"""A run in sentences, a line for each thing that an actor did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from lab.learn.actor import BLOCKS, CLOCK_STEPS, PRINTS, SENDS
from lab.learn.faults import KILL, LOSE_REPLY, PAUSE, STEP_CLOCK, WORK, Fault
from lab.learn.judging import ACTS, JOB, LATE, NOT_HELD, REFUSED, TIMES_OUT, WRITES
from lab.trace import DIES, PAUSES, RESUMES, Event, Trace

PHRASES = {
    "requests": "asks to be let in",
    "enters": f"begins {JOB}",
    "leaves": f"ends {JOB}",
    TIMES_OUT: "gives up: its timeout is over",
    LATE: "is granted the lock too late: its lease has ended",
    SENDS: "{why}",
    BLOCKS: "waits for a message",
    PRINTS: "prints {why}",
    DIES: "is killed",
    PAUSES: "is paused",
    RESUMES: "goes on",
    CLOCK_STEPS: "has its clock set by {why}",
    WRITES: "writes under fence {fence}",
    REFUSED: "is refused by the store: fence {fence} is too low",
    ACTS: "acts: held() is True",
    NOT_HELD: "stops: held() is False",
}
LEASE_ENDS = "is not inside any more: its lease has ended"
FAULTS = {
    KILL: "{who} was killed {point}.",
    PAUSE: "{who} was paused for {seconds:g} s {point}.",
    LOSE_REPLY: "The reply to {who}'s request {number} of {call}() was lost.",
    STEP_CLOCK: "{who}'s clock was set by {seconds:+g} s {point}.",
}
NO_FAULT = "Nothing special happened."
INSIDE, BEFORE_REQUEST = "inside", "before request {number} of {call}()"


def describe_fault(fault: Fault | None) -> str:
    """Return what happened in the run, as a sentence."""
    if fault is None:
        return NO_FAULT
    point = INSIDE if fault.call == WORK else BEFORE_REQUEST.format(**vars(fault))
    return FAULTS[fault.kind].format(point=point, **vars(fault))


@dataclass
class _Block:
    """What an actor does in one moment, without another's doing anything between."""

    who: str
    when: float
    phrases: list[str]
    count: int = 1
    until: float = 0.0

    def lines(self) -> Iterator[str]:
        """Return its lines; the same phrase several times in a row is one."""
        phrases = [(phrase, len(list(group))) for phrase, group in groupby(self.phrases)]
        for place, (phrase, times) in enumerate(phrases):
            more = f" ({times} times)" if times > 1 else ""
            if self.count > 1 and place == len(phrases) - 1:
                more += f"  … the same {self.count} times, until {self.until:g} s"
            yield f"{self.when:5g} s  {self.who}  {phrase}{more}"


def narrate(trace: Trace) -> list[str]:
    """Return the lines; what an actor does again and again is shown once."""
    blocks: list[_Block] = []
    newest: dict[str, _Block] = {}
    said = ((event, phrase) for event in trace.events if (phrase := _phrase(event)))
    for (who, when), group in groupby(said, key=lambda pair: (pair[0].who, pair[0].when)):
        phrases = [phrase for _, phrase in group]
        last = newest.get(who)
        if last is not None and last.phrases == phrases:
            last.count, last.until = last.count + 1, when
        else:
            newest[who] = _Block(who, when, phrases)
            blocks.append(newest[who])
    return [line for block in blocks for line in block.lines()]


def _phrase(event: Event) -> str:
    if event.what == "leaves" and event.why:
        return "" if event.why == DIES else LEASE_ENDS
    return PHRASES.get(event.what, "").format(**vars(event))
