"""Simulated hosts: Linux namespaces with their own network, host name and process tree, connected by a bridge.

They are invisible outside, and end with the process that made them, however that ends: the first process of each
host reads from a pipe that only its maker can close.
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
ENTER_AS_ROOT = ["--user", "--preserve-credentials"] if ROOTLESS else []
HOST = ["--net", "--uts", "--pid", "--mount-proc"]
# The first process of a host ignores SIGCHLD, so that orphans are reaped, and ends when its standard input does.
INIT_SCRIPT = "ip link set lo up && echo up; exec env --ignore-signal=CHLD cat"
INIT = ["--fork", "--kill-child", "sh", "-c", INIT_SCRIPT]


def missing_prerequisite() -> str:
    """Return why this machine cannot have such hosts, or an empty string."""
    if missing := [tool for tool in TOOLS if shutil.which(tool, path=ENVIRONMENT["PATH"]) is None]:
        return f"hosts need {', '.join(missing)} (util-linux, iproute2, iptables)"
    words = ["unshare", *BECOME_ROOT, *HOST, "--fork", "iptables", "-L", "INPUT"]
    tried = subprocess.run(words, env=ENVIRONMENT, capture_output=True, text=True)
    return f"hosts need root, or a user namespace: {tried.stderr.strip()}" if tried.returncode else ""


class Namespaces:
    """Namespaces, and their first process; when it ends, the kernel kills all others."""

    def __init__(self, *command: str) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self._holder = subprocess.Popen([*command, *INIT], **pipes, text=True, env=ENVIRONMENT)
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "up\n", self._holder.communicate()
        self.init = psutil.Process(self._holder.pid).children()[0].pid

    def enter_command(self, *kinds: str) -> list[str]:
        """Return the prefix of a command that is to run in them."""
        return ["nsenter", "-t", str(self.init), *ENTER_AS_ROOT, *kinds]

    def run_on_network(self, command: str) -> None:
        """Run a command in their network namespace."""
        words = [*self.enter_command("--net"), *command.split()]
        subprocess.run(words, env=ENVIRONMENT, check=True, capture_output=True)

    def end(self) -> None:
        """Kill every process in them."""
        with suppress(ProcessLookupError):
            os.kill(self.init, signal.SIGKILL)

    def wait(self) -> None:
        """Wait until the last process is gone."""
        self._holder.communicate()


class Network:
    """A bridge in a namespace of its own, and its hosts, with addresses reserved for tests (RFC 2544)."""

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self.bridge = Namespaces("unshare", *BECOME_ROOT, "--net")
        self.bridge.run_on_network("ip link add br0 up type bridge")
        self.hosts: list[Host] = []

    def host(self, name: str) -> Host:
        """Return a new host, powered on."""
        self.hosts.append(Host(self, name, len(self.hosts) + 1))
        return self.hosts[-1]

    def __enter__(self) -> Network:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for host in self.hosts:
            host.power_off()
        self.bridge.end()
        self.bridge.wait()


class Host:
    """A host; a network fault lasts until `restore_network`."""

    def __init__(self, network: Network, name: str, number: int) -> None:
        self.name = name
        self.address = f"198.18.{network.number}.{number}"
        self._mac_address = f"02:00:00:00:00:{number:02x}"
        self._network = network
        self._programs: list[Program] = []
        self._repairs: list[Callable[[], None]] = []
        self._on = False
        self.power_on()

    def power_on(self) -> None:
        bridge = self._network.bridge
        self._namespaces = Namespaces(*(bridge.enter_command() if ROOTLESS else []), "unshare", *HOST)
        self._on = True
        self.run("hostname", self.name)
        own = f"name eth0 address {self._mac_address} netns {self._namespaces.init}"
        bridge.run_on_network(f"ip link add {self.name} up master br0 type veth peer {own}")
        self._namespaces.run_on_network(f"ip address add {self.address}/24 dev eth0")
        self._namespaces.run_on_network("ip link set eth0 up")

    def power_off(self) -> None:
        """Kill everything that runs on it, without any packet being sent."""
        if self._on:
            self._on = False
            # First the link: the kernel would close the connections of the processes that it kills.
            self._network.bridge.run_on_network(f"ip link delete {self.name}")
            self._repairs.clear()
            self._namespaces.end()
            for program in self._programs:
                program.join()
            self._namespaces.wait()

    def drop_packets(self) -> None:
        """Lose every packet from it and to it."""
        self._break(self._network.bridge, f"bridge link set dev {self.name} state", apply="disabled", undo="forwarding")

    def reset_connections(self) -> None:
        """Answer every TCP packet from it and to it with a reset."""
        for host in self._network.hosts:
            whom = "-i eth0" if host is self else f"-s {self.address}"
            rule = f"INPUT {whom} -p tcp -j REJECT --reject-with tcp-reset"
            self._break(host._namespaces, "iptables", apply=f"-A {rule}", undo=f"-D {rule}")

    def set_link_down(self) -> None:
        """Take its link down, so that it has no route to other hosts."""
        self._break(self._namespaces, "ip link set eth0", apply="down", undo="up")

    def restore_network(self) -> None:
        """Undo all network faults."""
        while self._repairs:
            self._repairs.pop()()

    def _break(self, where: Namespaces, command: str, *, apply: str, undo: str) -> None:
        where.run_on_network(f"{command} {apply}")
        self._repairs.append(lambda: where.run_on_network(f"{command} {undo}"))

    def run(self, *words: object) -> None:
        """Run a command on it, and wait for its end."""
        assert self.start(*words).join() == 0

    def start(self, *words: object, **options: Any) -> Program:
        """Start a program on it, in the project's folder; `options` are those of `subprocess.Popen`."""
        enter_command = self._namespaces.enter_command("--net", "--uts", "--pid", "--mount")
        options = {"text": True, "env": ENVIRONMENT} | options
        entered = subprocess.Popen([*enter_command, f"--wdns={ROOT}", *map(str, words)], **options)
        self._programs.append(Program(entered))
        return self._programs[-1]

    def actor(self, thing: object) -> Actor:
        """Return an actor that runs on it, with a copy of `thing`."""
        ours, theirs = Pipe()
        program = self.start(*ACTOR, theirs.fileno(), pass_fds=[theirs.fileno()])
        theirs.close()
        ours.send(thing)
        return Actor(ours, program)
