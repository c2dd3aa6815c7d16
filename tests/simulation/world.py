"""A simulation: virtual time, the processes of a schedule, and its faults."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from random import Random
from typing import Any
from unittest import mock

from broker.engine import handle, holders, lease, shared_scripts, waiting
from broker.engine.lease import NOT_SENT
from broker.locks import arrival, barrier, condition, event, permits, wait_request
from broker.messages import items, queues
from broker.transport.server_errors import server_error
from tests.simulation.history import Call, Entry, Happened, Held
from tests.simulation.network import Network
from tests.simulation.process import KEEPALIVE, Host, MessageWire, Process, Task
from tests.simulation.schedule import DATA_LOSS, PROCESS_FAULTS, STALE_DATA, Fault, Schedule
from tests.simulation.server import SECOND, Message, SimulatedServer, Snapshot, scripts_in
from tests.simulation.workloads import WORKLOADS, Workload

SCRIPTS = (
    scripts_in((handle, holders, shared_scripts, event, permits, items, queues))
    | scripts_in((condition, wait_request), "condition ")
    | scripts_in((barrier, arrival), "barrier ")
)
SCRIPT_NAMES = {script.sha: name for name, script in SCRIPTS.items()}
START = 1000.0  # the virtual time when a simulation begins
STALL_TIMEOUT = 120.0  # virtual seconds without progress after which a simulation ends
MOST_ENTRIES_PER_GRANT, MOST_ENTRIES = 20, 5000  # of the history: then something spins
LONGEST_OUTAGE = 12.0
LONGEST_REFUSAL = 3.0
LAST_SECOND = 1.0
ERRORS = {
    "busy": server_error("BUSY Redis is busy running a script."),
    "oom": server_error("OOM command not allowed when used memory > 'maxmemory'."),
    "readonly": server_error("READONLY You can't write against a read only replica."),
    "loading": server_error("LOADING Redis is loading the dataset in memory"),
}


class World:
    """Runs a schedule on a server, and records its history."""

    def __init__(self, schedule: Schedule, server: SimulatedServer) -> None:
        self.schedule = schedule
        self.server = server
        self.now = START
        self.current: Task  # which runs
        self.history: list[Entry] = []
        self.script_names = SCRIPT_NAMES
        self.network = Network(self, Random(f"{schedule.seed}/network"), schedule.latency)
        self.processes: list[Process] = []  # those that live
        self.calm = False  # no faults any more: everybody completes what is left, and ends
        self.progress = 0
        self._rng = Random(f"{schedule.seed}/world")
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = itertools.count()
        self._numbers = itertools.count(1)
        self._process_numbers = itertools.count(1)
        self._hosts = [Host(number) for number in range(schedule.hosts)]
        self._faults = list(schedule.faults)
        self._last_progress = START
        self._errors = 0
        self.workload: Workload = WORKLOADS[schedule.primitive](self)

    def at(self, time: float, function: Callable[..., None], *arguments: Any) -> None:
        """Call a function at a virtual time."""
        heapq.heappush(self._events, (time, next(self._order), function, arguments))

    def monotonic(self) -> float:
        """Return the virtual time: in the modules that ask no client for it, a simulation replaces `time`."""
        return self.now

    def next_number(self) -> int:
        return next(self._numbers)

    def run(self) -> list[Entry]:
        """Run until all is done, or nothing happens any more; return the history."""
        try:
            with (
                mock.patch.object(lease, "time", self),
                mock.patch.object(waiting, "time", self),
                mock.patch.object(condition, "_notify_numbers", itertools.count(1)),
            ):
                self._run()
        finally:
            for process in self.processes:
                process.end()
        return self.history

    def _run(self) -> None:
        for _ in range(self.schedule.processes):
            self._start_process()
        stuck: list[str] = []
        while self._working():
            stalled = self.now > self._last_progress + STALL_TIMEOUT + 12 * self.schedule.lease
            if stalled or len(self.history) > MOST_ENTRIES_PER_GRANT * self.schedule.grants + MOST_ENTRIES:
                stuck = [f"process {each.number}" for each in self.processes if self._works(each)]
                break
            self._step()
        self._let_leases_expire()
        self.history.append(self.workload.end(self.now, stuck))

    def count_progress(self) -> None:
        """A call has succeeded: start the faults that are due, or end them all."""
        self.progress += 1
        self._last_progress = self.now
        while self._faults and self._faults[0].progress < self.progress:
            fault = self._faults.pop(0)
            self.at(self.now + fault.delay, self._inject, fault)
        if self.progress >= self.schedule.grants and not self.calm:
            self.at(self.now, self._end_faults)

    def record(
        self, process: Process, number: int, call: str, status: str, value: Any = None, token: bytes | None = None
    ) -> None:
        if not process.dead:
            self.history.append(Call(self.now, process.number, number, call, status, value, token))

    def record_held(self) -> None:
        """Record the leases of which living processes are certain."""
        self.history.append(
            Held(
                self.now,
                self.server.time(self.now),
                [
                    (process.number, lease.token, lease.fence, lease.deadline)
                    for process in self.processes
                    for leases in process.holdings._leases.values()
                    for lease in leases  # `is_valid` would record a loss that nobody has asked for
                    if lease.release == NOT_SENT and not lease.lost and self.now < lease.deadline
                ],
            )
        )

    def deliver(self, wire: MessageWire, message: Message, subscriptions: int) -> None:
        """A message arrives at its subscriber, which skips it if it has subscribed again since."""
        if not wire.open or wire.broken or wire.subscriptions != subscriptions:
            return
        host = wire.connection.process.host
        if host.cut_until > self.now:
            if host.cut_until - host.cut_since < KEEPALIVE:
                self.at(host.cut_until + self.network.delay(), self.deliver, wire, message, subscriptions)
            return
        wire.inbox.append((message.channel, message.payload))
        wire.connection.on_message()

    def close_wire(self, wire: MessageWire, process: Process, lingers: bool = False) -> None:
        """A client has closed its connection for messages; the server learns of it later."""
        wire.open = False
        delay = self._rng.uniform(20.0, 60.0) if lingers else self._rng.random() * 0.004
        for channel in list(wire.channels):
            self.at(max(self.now, process.host.cut_until) + delay, self.network.forget, wire, channel)

    def _step(self) -> None:
        self.now, _, function, arguments = heapq.heappop(self._events)
        function(*arguments)

    def _works(self, process: Process) -> bool:
        return any(not task.done for task in process.workers)

    def _working(self) -> bool:
        return bool(self._events) and (not self.calm or any(self._works(process) for process in self.processes))

    def _let_leases_expire(self) -> None:
        end = self.now + max(self.schedule.lease, 1.0) + 1.0
        while self._events and self._events[0][0] <= end:
            self._step()
        self.now = end

    def _start_process(self) -> None:
        number = next(self._process_numbers)
        process = Process(self, number, self._hosts[number % len(self._hosts)])
        self.processes.append(process)
        self.workload.start(process, Random(f"{self.schedule.seed}/process {number}"))

    # -- faults

    def _inject(self, fault: Fault) -> None:
        if self.calm:
            return
        if fault.kind not in PROCESS_FAULTS:
            self._inject_server_fault(fault)
            return
        if not self.processes:  # all have been killed, and others start soon
            self.at(self.now + 1.0, self._inject, fault)
            return
        process = self.processes[fault.process % len(self.processes)]
        self.history.append(Happened(self.now, fault.kind, process.number, fault.duration))
        if fault.kind.startswith(("lose", "delay")):
            process.request_faults.append((fault.kind, fault.duration))
        elif fault.kind == "pause":
            process.paused_until = max(process.paused_until, self.now + fault.duration)
        elif fault.kind in ("kill", "power off"):
            self._kill(process, fault.kind == "power off")
        elif fault.kind == "cut":
            self._cut(process.host, min(fault.duration, LONGEST_OUTAGE))
        elif fault.kind == "slow":
            process.host.slow_until = max(process.host.slow_until, self.now + fault.duration)
        else:
            self._interrupt(process, twice=fault.kind == "interrupt twice")

    def _kill(self, process: Process, power_off: bool) -> None:
        for connection in process.connections:
            if connection.message_wire is not None:
                self.close_wire(connection.message_wire, process, power_off)
                connection.message_wire = None
        process.end()
        self.processes.remove(process)
        self.at(self.now + self._rng.uniform(0.01, 1.0), self._start_process)

    def _cut(self, host: Host, duration: float) -> None:
        if host.cut_until <= self.now:
            host.cut_since = self.now
        host.cut_until = max(host.cut_until, self.now + duration)
        if duration > KEEPALIVE:
            self.at(self.now + KEEPALIVE, self._break_wires, host)

    def _break_wires(self, host: Host) -> None:
        if host.cut_until > self.now:
            for process in self.processes:
                if process.host is host:
                    self._break_wires_of(process)

    def _break_wires_of(self, process: Process) -> None:
        for connection in process.connections:
            if (wire := connection.message_wire) is not None:
                wire.broken = True
                wire.connection.on_message()

    def _interrupt(self, process: Process, twice: bool) -> None:
        tasks = [task for task in process.workers if not task.done]
        if not tasks:
            return
        task = self._rng.choice(tasks)
        task.interrupt()
        if twice:
            self.at(self.now + self.network.delay() / 2, task.interrupt)

    def _inject_server_fault(self, fault: Fault) -> None:
        kind, duration = fault.kind, min(fault.duration, LONGEST_OUTAGE)
        if kind in ERRORS:
            self.history.append(Happened(self.now, kind, None, duration))
            self.server.error = ERRORS[kind]
            self._errors += 1
            self.at(self.now + min(duration, LONGEST_REFUSAL), self._end_error, self._errors)
        elif kind.startswith("clock"):
            self.history.append(Happened(self.now, kind, None, duration))
            self.server.clock_offset += round(duration * SECOND) * (1 if kind == "clock forward" else -1)
        elif kind == "script flush":
            self.history.append(Happened(self.now, kind))
            self.server.known_scripts.clear()
        elif kind == "flushall":
            self.history.append(Happened(self.now, kind))
            self.server.flush()
        else:
            stale = kind in STALE_DATA
            snapshot = self.server.snapshot() if stale else None
            delay = LAST_SECOND if stale else 0.0
            self.at(self.now + delay, self._restart, fault, duration, snapshot, self.server.generation)

    def _restart(self, fault: Fault, duration: float, snapshot: Snapshot | None, generation: int) -> None:
        if self.calm:
            return
        self.history.append(Happened(self.now, fault.kind, None, duration))
        if snapshot is not None:
            if generation == self.server.generation:  # what the server lost in a restart meanwhile does not come back
                self.server.restore(snapshot)
        elif fault.kind in DATA_LOSS:
            self.server.flush()
        self.server.known_scripts.clear()
        self.server.disconnect_all()
        self.server.running = False
        self.network.wires.clear()
        for process in self.processes:
            self._break_wires_of(process)
        self.at(self.now + min(duration, 0.1 if fault.kind == "fail over" else LONGEST_OUTAGE), self._start_server)

    def _start_server(self) -> None:
        self.server.running = True

    def _end_error(self, number: int) -> None:
        if number == self._errors:
            self.server.error = None

    def _end_faults(self) -> None:
        self.calm = True
        self.server.running = True
        self.server.error = None
        for host in self._hosts:
            host.cut_until = min(host.cut_until, self.now)
            host.slow_until = min(host.slow_until, self.now)
        for process in self.processes:
            process.request_faults.clear()
        self.history.append(Happened(max([self.now, *(each.paused_until for each in self.processes)]), "calm"))
