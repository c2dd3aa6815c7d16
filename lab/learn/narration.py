"""A run in sentences, a line for each thing that an actor did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from gettext import gettext as _
from itertools import groupby

from lab.language import N_
from lab.learn.actor import BLOCKS, CLOCK_STEPS, PRINTS, SENDS
from lab.learn.faults import KILL, LOSE_REPLY, PAUSE, STEP_CLOCK, WORK, Fault
from lab.learn.judging import ACTS, LATE, NOT_HELD, REFUSED, TIMES_OUT, WRITES
from lab.trace import DIES, PAUSES, RESUMES, Event, Trace

PHRASES = {
    "requests": N_("asks to be let in"),
    "enters": N_("begins the job"),
    "leaves": N_("ends the job"),
    TIMES_OUT: N_("gives up: its timeout is over"),
    LATE: N_("is granted the lock too late: its lease has ended"),
    SENDS: "{why}",
    BLOCKS: N_("waits for a message"),
    PRINTS: N_("prints {why}"),
    DIES: N_("is killed"),
    PAUSES: N_("is paused"),
    RESUMES: N_("goes on"),
    CLOCK_STEPS: N_("has its clock set by {why}"),
    WRITES: N_("writes under fence {fence}"),
    REFUSED: N_("is refused by the store: fence {fence} is too low"),
    ACTS: N_("acts: held() is True"),
    NOT_HELD: N_("stops: held() is False"),
}
LEASE_ENDS = N_("is not inside any more: its lease has ended")
FAULTS_INSIDE = {
    KILL: N_("{who} was killed inside."),
    PAUSE: N_("{who} was paused for {seconds:g} s inside."),
    STEP_CLOCK: N_("{who}'s clock was set by {seconds:+g} s inside."),
}
FAULTS_AT_REQUEST = {
    KILL: N_("{who} was killed before request {number} of {call}()."),
    PAUSE: N_("{who} was paused for {seconds:g} s before request {number} of {call}()."),
    STEP_CLOCK: N_("{who}'s clock was set by {seconds:+g} s before request {number} of {call}()."),
    LOSE_REPLY: N_("The reply to {who}'s request {number} of {call}() was lost."),
}
NO_FAULT = N_("Nothing special happened.")


def describe_fault(fault: Fault | None) -> str:
    """Return what happened in the run, as a sentence."""
    if fault is None:
        return _(NO_FAULT)
    sentences = FAULTS_INSIDE if fault.call == WORK else FAULTS_AT_REQUEST
    return _(sentences[fault.kind]).format(**vars(fault))


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
            text = _("{phrase} ({count} times)").format(phrase=phrase, count=times) if times > 1 else phrase
            if self.count > 1 and place == len(phrases) - 1:
                repeated = _("{phrase}  … the same {count} times, until {until:g} s")
                text = repeated.format(phrase=text, count=self.count, until=self.until)
            yield f"{self.when:5g} s  {self.who}  {text}"


def narrate(trace: Trace) -> list[str]:
    """Return the lines; what an actor does again and again is shown once."""
    blocks: list[_Block] = []
    newest: dict[str, _Block] = {}
    said = ((event, phrase) for event in trace.events if (phrase := _phrase(event)))
    for (who, when), group in groupby(said, key=lambda pair: (pair[0].who, pair[0].when)):
        phrases = [phrase for _event, phrase in group]
        last = newest.get(who)
        if last is not None and last.phrases == phrases:
            last.count, last.until = last.count + 1, when
        else:
            newest[who] = _Block(who, when, phrases)
            blocks.append(newest[who])
    return [line for block in blocks for line in block.lines()]


def _phrase(event: Event) -> str:
    if event.what == "leaves" and event.why:
        return "" if event.why == DIES else _(LEASE_ENDS)
    phrase = PHRASES.get(event.what)
    return _(phrase).format(**vars(event)) if phrase else ""
