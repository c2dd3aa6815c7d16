"""A TCP server sends back, in upper case, what its clients send.

The course's server has one process, so it can serve one client at a time
(--how one): whoever connects next waits until the first client disconnects,
even if that one sends nothing. With a process for each connection (--how each)
it serves all clients at the same time. The course's second server first sends
"hello" and receives the client's process ID; here the same server does both.

On several hosts a connection cannot be passed to a process elsewhere. A queue
can connect them (--how queue): the clients put their messages into it, each has
a queue of its own for the replies, and whichever server is free takes the next
message, on whatever host.
"""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any, ClassVar

from lab.checks import chat, metrics, verdicts
from lab.exercise import Exercise, choice, parameter
from lab.formatting import OutcomeValue
from lab.language import N_
from lab.printed_lines import PrintedLine
from lab.runtime.addresses import own_address, server_url
from lab.runtime.context import SimpleQueue
from lab.runtime.parent_actors import child_process_class
from lab.runtime.recorder import Recorder, actor
from lab.runtime.run import Run
from lab.trace import Trace

ACCEPT_TIMEOUT = 20.0  # seconds: a client that has not connected by then has failed


@actor
def handler(me: Recorder, connection: socket.socket) -> None:
    """Serve one client until it disconnects."""
    _serve(me, connection)


def _serve(me: Recorder, connection: socket.socket) -> None:
    with connection, connection.makefile("rw") as lines:
        print(chat.GREETING, file=lines, flush=True)
        pid = lines.readline()
        if not pid:  # the client has died
            return
        me.record("receives pid", value=int(pid))
        for line in lines:
            print(line.strip().upper(), file=lines, flush=True)


@actor
def sequential_server(
    me: Recorder,
    addresses: SimpleQueue,
    clients: int,
    url: str | None,
) -> None:
    """Serve one client after the other."""
    with _listen(addresses, clients, url) as listener:
        for _ in range(clients):
            _serve(me, listener.accept()[0])


@actor
def concurrent_server(
    me: Recorder,  # noqa: ARG001 - only its start and its end are recorded
    addresses: SimpleQueue,
    clients: int,
    url: str | None,
    process: Any,
    handlers: list[Recorder],
) -> None:
    """Start a process for each client, and join all of them."""
    started = []
    with _listen(addresses, clients, url) as listener:
        for recorder in handlers:
            connection, _ = listener.accept()
            started.append(process(target=handler, args=(recorder, connection), name=recorder.who))
            started[-1].start()
            connection.close()
    for each in started:
        each.join()


@contextmanager
def _listen(addresses: SimpleQueue, clients: int, url: str | None) -> Iterator[socket.socket]:
    with socket.create_server((own_address(url), 0), backlog=clients) as listener:
        listener.settimeout(ACCEPT_TIMEOUT)
        for _ in range(clients):
            addresses.put(listener.getsockname())
        yield listener


@actor
def client(
    me: Recorder,
    addresses: SimpleQueue,
    messages: int,
    seed: str,
    pace: float,
) -> None:
    """Connect, receive the greeting, and exchange messages."""
    address = addresses.get()
    me.record("requests", on="service")
    with socket.create_connection(address) as connection, connection.makefile("rw") as lines:

        def ask(text: str) -> str:
            print(text, file=lines, flush=True)
            return lines.readline().strip()

        me.record("is greeted", why=lines.readline().strip())
        me.record("enters", on="service")
        print(os.getpid(), file=lines, flush=True)
        _exchange(me, ask, messages, seed, pace)
        me.record("leaves", on="service")


@actor
def queue_server(
    me: Recorder,
    requests: SimpleQueue,
    replies: Mapping[str, SimpleQueue],
) -> None:
    """Reply to every request, forever."""
    while True:
        who, text = requests.get()
        if isinstance(text, int):
            me.record("receives pid", value=text)
            replies[who].put(chat.GREETING)
        else:
            replies[who].put(text.upper())


@actor
def queue_client(
    me: Recorder,
    requests: SimpleQueue,
    replies: SimpleQueue,
    messages: int,
    seed: str,
    pace: float,
) -> None:
    """Send the process ID, receive the greeting, and exchange messages."""

    def ask(text: str | int) -> str:
        requests.put((me.who, text))
        return str(replies.get())

    me.record("requests", on="service")
    me.record("is greeted", why=ask(os.getpid()))
    me.record("enters", on="service")
    _exchange(me, ask, messages, seed, pace)
    me.record("leaves", on="service")


def _exchange(me: Recorder, ask: Callable[[str], str], messages: int, seed: str, pace: float) -> None:
    rng = random.Random(seed)  # noqa: S311 - the same pauses on every backend
    for number in range(messages):
        time.sleep(rng.random() * pace)
        text = f"message {number} from {me.who}"
        me.record("sends", why=text)
        me.record("receives", why=ask(text))


@dataclass(frozen=True)
class Chat(Exercise):
    """The course's socket servers."""

    name = "chat"
    summary = N_("6 clients talk to a server: one process, several, or a queue")
    section = "service"
    counted_actors = N_("{count} clients")
    printed_lines: ClassVar = {
        "receives pid": PrintedLine("{value}"),
        "is greeted": PrintedLine("{who}: {why}"),
        "sends": PrintedLine("{who} >>: {why}"),
        "receives": PrintedLine("{why}"),
    }

    clients: int = parameter(6, "number of clients", minimum=1, maximum=31)
    messages: int = parameter(5, "messages that each client sends", minimum=1)
    servers: int = parameter(3, "processes that serve the queue, with --how queue", minimum=1, maximum=63)
    pace: float = parameter(0.1, "longest pause of a client before a message, in seconds", maximum=1000)
    how: str = choice(
        "kind of server",
        each=N_("with a process per connection"),
        one=N_("with one process"),
        queue=N_("through a queue"),
    )
    seed: int = parameter(0, "seed of the random pauses", maximum=2**32)

    @property
    def actors(self) -> int:
        """The clients, the server and its processes; servers of a queue are daemons, and do not count."""
        return self.clients + {"one": 1, "each": 1 + self.clients, "queue": 0}[self.how]

    @property
    def limit(self) -> int:
        """How many clients are served at the same time."""
        return 1 if self.how == "one" else self.clients

    @property
    def min_workers(self) -> int:
        """A client occupies a worker while it waits for a process that needs another one."""
        return {"one": 2, "each": 1 + 2 * self.clients, "queue": self.servers + 1}[self.how]

    @property
    def single_host(self) -> bool:
        """The server passes connections to other processes."""
        return self.how == "each"

    def options_for(self, workers: int) -> str:
        """Return an option for fewer clients, or fewer servers."""
        if self.how == "each" and workers >= 3:
            return f"--clients {(workers - 1) // 2}"
        return f"--servers {workers - 1}" if self.how == "queue" and workers > 1 else ""

    def run_actors(self, run: Run) -> None:
        """Start the server and all clients."""
        if self.how == "queue":
            self._run_queue(run)
        else:
            self._run_sockets(run)

    def _run_sockets(self, run: Run) -> None:
        addresses = run.ctx.SimpleQueue()
        args: tuple[Any, ...] = (run.recorder("server"), addresses, self.clients, server_url(run.ctx))
        if self.how == "each":
            handlers = [run.recorder(f"handler {number}") for number in range(self.clients)]
            args = (*args, child_process_class(run.ctx), handlers)
        target = concurrent_server if self.how == "each" else sequential_server
        server = run.ctx.Process(target=target, args=args, name="server")
        clients = [self._client(run, client, number, addresses) for number in range(self.clients)]
        run.start_and_join([server, *clients], max_silence=self.clients * self.messages * self.pace)

    def _run_queue(self, run: Run) -> None:
        requests = run.ctx.SimpleQueue()
        replies = {f"client {number}": run.ctx.SimpleQueue() for number in range(self.clients)}
        servers = [
            run.ctx.Process(target=queue_server, args=(run.recorder(name), requests, replies), name=name)
            for name in (f"server {number}" for number in range(self.servers))
        ]
        clients = [
            self._client(run, queue_client, number, requests, replies[f"client {number}"])
            for number in range(self.clients)
        ]
        run.start_and_join(clients, max_silence=self.pace, daemons=servers)

    def _client(self, run: Run, target: Any, number: int, *queues: SimpleQueue) -> Any:
        name = f"client {number}"
        args = (run.recorder(name), *queues, self.messages, f"{self.seed}/{number}", self.pace)
        return run.ctx.Process(target=target, args=args, name=name)

    def check(self, trace: Trace) -> verdicts.Verdict:
        """Check the greetings, the replies, and how many clients were served at the same time."""
        return verdicts.worst(
            [
                chat.all_answered(trace, self.clients * self.messages),
                chat.all_greeted(trace, self.clients),
                verdicts.within_limit(trace, self.section, self.limit),
                verdicts.all_finished(trace, self.actors),
            ]
        )

    def outcome(self, trace: Trace) -> Mapping[str, OutcomeValue]:
        """How many replies there were, and how long they took."""
        times = [reply.when - message.when for message, reply in chat.exchanges(trace)]
        return {
            N_("replies"): len(times),
            N_("max served at once"): metrics.max_inside(trace, self.section),
            N_("response, median"): median(times) if times else None,
        }
