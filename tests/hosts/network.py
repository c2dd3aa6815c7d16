"""Hosts: namespaces with addresses, host names and process trees of their own, around one bridge.

Nothing of them is seen outside, and all ends with the process that made it, however that ends: the first process of
each host reads from a pipe that only its maker can close.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from tests.hosts.program import ACTOR, Program
from tests.support.actors import Actor

ROOT = Path(__file__).parents[2]
TOOLS = ("unshare", "nsenter", "ip", "bridge", "iptables")
ENVIRONMENT = os.environ | {"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
ROOTLESS = os.geteuid() != 0
BECOME_ROOT = ["--user", "--map-root-user"] if ROOTLESS else []
STAY_ROOT = ["--user", "--preserve-credentials"] if ROOTLESS else []
HOST = ["--net", "--uts", "--pid", "--mount-proc"]
# The first process of a host reaps what others leave, by ignoring it, and ends when its standard input does.
BE_FIRST = "ip link set lo up && echo up; exec env --ignore-signal=CHLD cat"
INIT = ["--fork", "--kill-child", "sh", "-c", BE_FIRST]


def obstacle() -> str:
    """Return why there can be no hosts here, or nothing."""
    if missing := [tool for tool in TOOLS if shutil.which(tool, path=ENVIRONMENT["PATH"]) is None]:
        return f"hosts need {', '.join(missing)} (util-linux, iproute2, iptables)"
    words = ["unshare", *BECOME_ROOT, *HOST, "--fork", "iptables", "-L", "INPUT"]
    tried = subprocess.run(words, env=ENVIRONMENT, capture_output=True, text=True)
    return f"hosts need root, or a user namespace: {tried.stderr.strip()}" if tried.returncode else ""


class Namespaces:
    """Namespaces, and the first process in them, at whose end the kernel kills all others."""

    def __init__(self, *command: str) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self._keeper = subprocess.Popen([*command, *INIT], **pipes, text=True, env=ENVIRONMENT)
        assert self._keeper.stdout is not None
        assert self._keeper.stdout.readline() == "up\n", self._keeper.communicate()
        self.init = psutil.Process(self._keeper.pid).children()[0].pid

    def enter(self, *kinds: str) -> list[str]:
        """Return the command that runs a command in them."""
        return ["nsenter", "-t", str(self.init), *STAY_ROOT, *kinds]

    def do(self, command: str) -> None:
        """Run a command on their network."""
        words = [*self.enter("--net"), *command.split()]
        subprocess.run(words, env=ENVIRONMENT, check=True, capture_output=True)

    def end(self) -> None:
        """Kill every process in them."""
        with suppress(ProcessLookupError):
            os.kill(self.init, signal.SIGKILL)

    def wait(self) -> None:
        """Wait until the last process is gone."""
        self._keeper.communicate()


class Network:
    """A bridge in a namespace of its own, and the hosts around it, at addresses that nobody has (RFC 2544)."""

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self.hub = Namespaces("unshare", *BECOME_ROOT, "--net")
        self.hub.do("ip link add hub up type bridge")
        self.hosts: list[Host] = []

    def host(self, name: str) -> Host:
        """Return a new host, which is on."""
        self.hosts.append(Host(self, name, len(self.hosts) + 1))
        return self.hosts[-1]

    def __enter__(self) -> Network:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for host in self.hosts:
            host.power_off()
        self.hub.end()
        self.hub.wait()


class Host:
    """A host; what happens to its network lasts until `heal`."""

    def __init__(self, network: Network, name: str, number: int) -> None:
        self.name = name
        self.address = f"198.18.{network.number}.{number}"
        self._card = f"02:00:00:00:00:{number:02x}"
        self._network = network
        self._programs: list[Program] = []
        self._wounds: list[Callable[[], None]] = []
        self._on = False
        self.power_on()

    def power_on(self) -> None:
        hub = self._network.hub
        self._own = Namespaces(*(hub.enter() if ROOTLESS else []), "unshare", *HOST)
        self._on = True
        self.run("hostname", self.name)
        own = f"name eth0 address {self._card} netns {self._own.init}"
        hub.do(f"ip link add {self.name} up master hub type veth peer {own}")
        self._own.do(f"ip address add {self.address}/24 dev eth0")
        self._own.do("ip link set eth0 up")

    def power_off(self) -> None:
        """Let it vanish with all that runs on it."""
        if self._on:
            self._on = False
            # First the cable: the kernel would say goodbye for those whom it kills.
            self._network.hub.do(f"ip link delete {self.name}")
            self._wounds.clear()
            self._own.end()
            for program in self._programs:
                program.join()
            self._own.wait()

    def cut(self) -> None:
        """Let every packet from it and to it be lost."""
        self._break(self._network.hub, f"bridge link set dev {self.name} state", broken="disabled", whole="forwarding")

    def refuse(self) -> None:
        """Let whatever it sends to others over TCP, and others to it, be answered by a reset."""
        for host in self._network.hosts:
            whom = "-i eth0" if host is self else f"-s {self.address}"
            rule = f"INPUT {whom} -p tcp -j REJECT --reject-with tcp-reset"
            self._break(host._own, "iptables", broken=f"-A {rule}", whole=f"-D {rule}")

    def unplug(self) -> None:
        """Take its link down, so that it knows of no way to any other host."""
        self._break(self._own, "ip link set eth0", broken="down", whole="up")

    def heal(self) -> None:
        """Undo whatever was done to its network."""
        while self._wounds:
            self._wounds.pop()()

    def _break(self, where: Namespaces, command: str, *, broken: str, whole: str) -> None:
        where.do(f"{command} {broken}")
        self._wounds.append(lambda: where.do(f"{command} {whole}"))

    def run(self, *words: object) -> None:
        """Run a command on it, and wait for its end."""
        assert self.start(*words).join() == 0

    def start(self, *words: object, **options: Any) -> Program:
        """Start a program on it, in the project's folder; `options` are those of `subprocess.Popen`."""
        enter = self._own.enter("--net", "--uts", "--pid", "--mount")
        options = {"text": True, "env": ENVIRONMENT} | options
        entered = subprocess.Popen([*enter, f"--wdns={ROOT}", *map(str, words)], **options)
        self._programs.append(Program(entered))
        return self._programs[-1]

    def actor(self, thing: object) -> Actor:
        """Return an actor that runs on it, and was given a copy of `thing`."""
        ours, theirs = Pipe()
        program = self.start(*ACTOR, theirs.fileno(), pass_fds=[theirs.fileno()])
        theirs.close()
        ours.send(thing)
        return Actor(ours, program)
