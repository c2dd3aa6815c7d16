"""The benchmark's servers: what they count, where they run and when they end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import psutil
import pytest

from bench.server import HOST, Server

TIMEOUT = 30


def affinities(pid: int) -> list[set[int]]:
    return [os.sched_getaffinity(thread.id) for thread in psutil.Process(pid).threads()]


def test_a_request_is_counted_once_and_what_its_script_calls_as_commands(servers: Server) -> None:
    before = servers.traffic()
    servers.client.eval("redis.call('SET', KEYS[1], 1) return redis.call('GET', KEYS[1])", 1, "traffic")
    traffic = servers.traffic().since(before)
    assert (traffic.requests, traffic.commands) == (1, 3)


def test_a_pipeline_is_one_request(servers: Server) -> None:
    pipeline = servers.client.pipeline(transaction=False)
    before = servers.traffic()
    pipeline.set("traffic", 1).get("traffic").delete("traffic").execute()
    traffic = servers.traffic().since(before)
    assert (traffic.requests, traffic.commands) == (1, 3)


def test_the_end_of_a_connection_is_no_request(servers: Server) -> None:
    client = socket.create_connection((HOST, servers.port))
    client.sendall(b"PING\r\n")
    client.recv(100)
    before, connected = servers.traffic(), servers.client.info("clients")["connected_clients"]
    client.close()
    polls = 1
    while servers.client.info("clients")["connected_clients"] == connected:
        polls += 1
    assert servers.traffic().since(before).requests == polls + 1


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system cannot pin processes to cores")
def test_both_servers_are_pinned_with_all_their_threads(servers: Server) -> None:
    processes = (servers.client.info("server")["process_id"], servers.manager._process.pid)
    everywhere = os.sched_getaffinity(0)
    core = max(everywhere)
    with servers.pinned(core):
        servers.manager.Lock().acquire()  # by a thread that is new
        assert all(cores == {core} for pid in processes for cores in affinities(pid))
    assert all(cores == everywhere for pid in processes for cores in affinities(pid))


def test_both_servers_end_with_a_process_that_is_killed() -> None:
    program = (
        "import time; from bench.server import Server\n"
        "if __name__ == '__main__':\n"
        "    server = Server()\n"
        "    print(server.client.info('server')['process_id'], server.manager._process.pid, flush=True)\n"
        "    time.sleep(1000)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    owner = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=environment)
    with owner:
        assert owner.stdout is not None
        started = [psutil.Process(int(pid)) for pid in owner.stdout.readline().split()]
        assert len(started) == 2
        owner.kill()
    _, alive = psutil.wait_procs(started, TIMEOUT)
    for process in alive:
        process.kill()
    assert alive == []
