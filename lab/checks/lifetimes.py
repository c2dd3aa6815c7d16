"""Lifetimes: when each process of a trace ended, as it recorded itself, or as others did."""

from __future__ import annotations

from lab.trace import DIES, STOP, Process, Trace

ENDS = ("ends", "fails", DIES)  # of a process, as it records itself
ENDED_BY_OTHERS = ("joins", "terminates")  # as the process that joined or terminated it records


class Lifetimes:
    """When each process ended, after which it waits for nothing; `last` is when the trace ends."""

    def __init__(self, trace: Trace) -> None:
        self.last = max((event.when for event in trace.events), default=0.0)
        self._ended: dict[str, float] = {}
        for event in trace.of(*ENDS, *ENDED_BY_OTHERS, STOP):
            if event.what == STOP:
                self.last = event.when
                break
            self._ended.setdefault((event.on or "") if event.what in ENDED_BY_OTHERS else event.who, event.when)

    def end_of(self, process: Process) -> float:
        """Return when a process ended, or when the trace does; a thread ends with its process."""
        return self._ended.get(process[-1].partition("/")[0], self.last)
