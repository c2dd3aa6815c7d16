"""A TCP server sends back in upper case what its clients say to it.

The course's server has one process, and so it can talk to one client at a time
(--how one): whoever connects next waits until the first one has hung up, be it
silent or not. With a process for each connection (--how each) it talks to all
of them at once. Its second server says hello first, and gets the client's
process number; here the same server does that at the beginning.

Over several hosts a connection cannot be handed to a process elsewhere. The
same service through a queue can (--how queue): the clients put what they say
into it, each has a queue for the answers, and whichever server is free takes
the next, on whatever host.
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
from lab.formatting import Figure
from lab.printed_lines import PrintedLine
from lab.runtime.addresses import own_address, server_url
from lab.runtime.context import SimpleQueue
from lab.runtime.parent_actors import child_process_class
from lab.runtime.recorder import Recorder, actor
from lab.runtime.run import Run
from lab.trace import Trace

PATIENCE = 20.0  # seconds after which a client that does not come has failed


@actor
def talk(me: Recorder, connection: socket.socket) -> None:
    """Talk to one client until it hangs up."""
    _talk(me, connection)


def _talk(me: Recorder, connection: socket.socket) -> None:
    with connection, connection.makefile("rw") as lines:
        print(chat.GREETING, file=lines, flush=True)
        me.record("receives pid", value=int(lines.readline()))
        for line in lines:
            print(line.strip().upper(), file=lines, flush=True)


@actor
def one_process(
    me: Recorder,
    addresses: SimpleQueue,
    clients: int,
    url: str | None,
) -> None:
    """Talk to one client after the other."""
    with _listen(addresses, clients, url) as listener:
        for _ in range(clients):
            _talk(me, listener.accept()[0])


@actor
def process_each(
    me: Recorder,  # noqa: ARG001 - that it begins and ends is recorded
    addresses: SimpleQueue,
    clients: int,
    url: str | None,
    process: Any,
    talkers: list[Recorder],
) -> None:
    """Start a process for each client, and wait for all of them."""
    talking = []
    with _listen(addresses, clients, url) as listener:
        for talker in talkers:
            connection, _ = listener.accept()
            talking.append(process(target=talk, args=(talker, connection), name=talker.who))
            talking[-1].start()
            connection.close()
    for each in talking:
        each.join()


@contextmanager
def _listen(addresses: SimpleQueue, clients: int, url: str | None) -> Iterator[socket.socket]:
    with socket.create_server((own_address(url), 0), backlog=clients) as listener:
        listener.settimeout(PATIENCE)
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
    """Connect, be greeted, and talk."""
    address = addresses.get()
    me.record("requests", on="service")
    with socket.create_connection(address) as connection, connection.makefile("rw") as lines:

        def ask(text: str) -> str:
            print(text, file=lines, flush=True)
            return lines.readline().strip()

        me.record("is greeted", why=lines.readline().strip())
        me.record("enters", on="service")
        print(os.getpid(), file=lines, flush=True)
        _chat(me, ask, messages, seed, pace)
        me.record("leaves", on="service")


@actor
def queue_server(
    me: Recorder,
    requests: SimpleQueue,
    replies: Mapping[str, SimpleQueue],
) -> None:
    """Answer whoever has said something, for ever."""
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
    """Say who one is, be greeted, and talk."""

    def ask(text: str | int) -> str:
        requests.put((me.who, text))
        return str(replies.get())

    me.record("requests", on="service")
    me.record("is greeted", why=ask(os.getpid()))
    me.record("enters", on="service")
    _chat(me, ask, messages, seed, pace)
    me.record("leaves", on="service")


def _chat(me: Recorder, ask: Callable[[str], str], messages: int, seed: str, pace: float) -> None:
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
    summary = "6 clients talk to a server: one process, several, or a queue"
    section = "service"
    actor_noun = "clients"
    printed_lines: ClassVar = {
        "receives pid": PrintedLine("{value}", "{value}"),
        "is greeted": PrintedLine("{who}: {why}", "{who}: {why}"),
        "sends": PrintedLine("{who} >>: {why}", "{who} >>: {why}"),
        "receives": PrintedLine("{why}", "{why}"),
    }

    clients: int = parameter(6, "how many talk to the server", minimum=1, maximum=31)
    messages: int = parameter(5, "how much each of them says", minimum=1)
    servers: int = parameter(3, "how many processes serve the queue", minimum=1, maximum=63)
    pace: float = parameter(0.1, "seconds for which a client thinks, at most", maximum=1000)
    how: str = choice(
        "what the server is",
        each="with a process per connection",
        one="with one process",
        queue="through a queue",
    )
    seed: int = parameter(0, "of the random pauses", maximum=2**32)

    @property
    def actors(self) -> int:
        """The clients, the server and its processes; those behind a queue are daemons."""
        return self.clients + {"one": 1, "each": 1 + self.clients, "queue": 0}[self.how]

    @property
    def limit(self) -> int:
        """How many clients are talked to at once."""
        return 1 if self.how == "one" else self.clients

    @property
    def min_workers(self) -> int:
        """A client that holds a worker waits for a process that needs one."""
        return {"one": 2, "each": 1 + 2 * self.clients, "queue": self.servers + 1}[self.how]

    @property
    def single_host(self) -> bool:
        """The server hands connections to other processes."""
        return self.how == "each"

    def options_for(self, workers: int) -> str:
        """Take fewer clients, or fewer servers."""
        if self.how == "each" and workers >= 3:
            return f"--clients {(workers - 1) // 2}"
        return f"--servers {workers - 1}" if self.how == "queue" and workers > 1 else ""

    def run_actors(self, run: Run) -> None:
        """Start the server, and let all clients come at once."""
        if self.how == "queue":
            self._through_a_queue(run)
        else:
            self._through_sockets(run)

    def _through_sockets(self, run: Run) -> None:
        addresses = run.ctx.SimpleQueue()
        args: tuple[Any, ...] = (run.recorder("server"), addresses, self.clients, server_url(run.ctx))
        if self.how == "each":
            talkers = [run.recorder(f"talker {number}") for number in range(self.clients)]
            args = (*args, child_process_class(run.ctx), talkers)
        server = run.ctx.Process(target=process_each if self.how == "each" else one_process, args=args, name="server")
        clients = [self._client(run, client, number, addresses) for number in range(self.clients)]
        run.start_and_join([server, *clients], max_silence=self.clients * self.messages * self.pace)

    def _through_a_queue(self, run: Run) -> None:
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
        """Judge the greetings, the answers, and how many were talked to at once."""
        return verdicts.worst(
            [
                chat.all_answered(trace, self.clients * self.messages),
                chat.all_greeted(trace, self.clients),
                verdicts.within_limit(trace, self.section, self.limit),
                verdicts.all_finished(trace, self.actors),
            ]
        )

    def outcome(self, trace: Trace) -> Mapping[str, Figure]:
        """How many answers there were, and how long they took."""
        times = [answer.when - said.when for said, answer in chat.exchanges(trace)]
        return {
            "answers": len(times),
            "talked to at once": metrics.max_inside(trace, self.section),
            "answered after, median": median(times) if times else None,
        }
