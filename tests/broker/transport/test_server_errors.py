"""Errors of the server are recognised on every version, and each is an error of the broker that says what to do."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis import exceptions

import broker
from broker import BrokerError, MismatchError, ServerUnavailableError, UnsuitableServerError
from broker.engine.session import get_session
from broker.transport import server_errors
from broker.transport.scripts import pack_command
from broker.transport.server_errors import server_error
from broker.transport.wire import Wire, wire_factory
from tests.support.actors import TIMEOUT, Actors
from tests.support.errors import message_of
from tests.support.fake_server import FakeServer
from tests.support.secured_server import ACL_RULES, server_programs
from tests.support.servers import Server
from tests.support.waiting import wait_until

KINDS: dict[str, type[redis.RedisError]] = {
    "READONLY You can't write against a read only replica.": exceptions.ReadOnlyError,
    "OOM command not allowed when used memory > 'maxmemory'.": exceptions.OutOfMemoryError,
    "MISCONF Redis is configured to save RDB snapshots, but": server_errors.PersistenceError,
    "BUSY Redis is busy running a script.": server_errors.BusyError,
    "NOPERM this user has no permissions to run the 'unlink' command": exceptions.NoPermissionError,
    "NOAUTH Authentication required.": exceptions.AuthenticationError,
    "CLUSTERDOWN Hash slot not served": exceptions.ClusterDownError,
    "MASTERDOWN Link with MASTER is down": exceptions.MasterDownError,
    "TRYAGAIN Multiple keys request during rehashing of slot": exceptions.TryAgainError,
    "LOADING Redis is loading the dataset in memory": exceptions.BusyLoadingError,
    "NOREPLICAS Not enough good replicas to write.": server_errors.NoReplicasError,
    "MOVED 3999 127.0.0.1:6381": server_errors.ClusterNodeError,
    "ASK 3999 127.0.0.1:6381": server_errors.ClusterNodeError,
    "CROSSSLOT Keys in request don't hash to the same slot": server_errors.ClusterNodeError,
    "WRONGTYPE Operation against a key holding the wrong kind of value": server_errors.WrongTypeError,
    "NOSCRIPT No matching script. Please use EVAL.": exceptions.NoScriptError,
    "The user executing the script can't run this command or subcommand": exceptions.NoPermissionError,
    "The user executing the script can't access at least one of the keys mentioned in the command arguments": (
        exceptions.NoPermissionError
    ),
    "The user executing the script can't publish to the channel mentioned in the command": exceptions.NoPermissionError,
    "Unknown Redis command called from Lua script": server_errors.UnknownCommandError,
    "Lua script attempted to access a non local key in a cluster node": server_errors.ClusterNodeError,
    "MISMATCH 5": redis.ResponseError,
    "value is not an integer or out of range": redis.ResponseError,
}
PLACE = "call to f_6e811b139564201b18ee3136bad6ce232559bad8"


@pytest.mark.parametrize(("text", "kind"), KINDS.items())
def test_errors_of_scripts_are_recognised_on_every_version(text: str, kind: type[Exception]) -> None:
    code = text.partition(" ")[0]
    plain = text if code.isupper() else f"ERR {text}"
    dashed = f"-{text}" if code.isupper() else text
    for form in (
        plain,
        f"{plain} script: 6e811b139564201b18ee3136bad6ce232559bad8, on @user_script:13.",
        f"ERR Error running script ({PLACE}): @user_script:13: {text}",
        f"ERR Error running script ({PLACE}): @user_script:13: @user_script: 13: {dashed}",
    ):
        error = server_error(form)
        assert type(error) is kind, form
        assert str(error) == form


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("ERR max number of clients reached", server_errors.MaxClientsError),
        ("ERR max number of clients + cluster connections reached", server_errors.MaxClientsError),
        ("ERR DB index is out of range", server_errors.DatabaseIndexError),
        ("ERR SELECT is not allowed in cluster mode", server_errors.ClusterNodeError),
        ("ERR unknown command `EVALSHA`, with args beginning with: `x`, ", server_errors.UnknownCommandError),
        ("ERR unknown command 'SUBSCRIBE', with args beginning with: 'x' ", server_errors.UnknownCommandError),
        (
            "ERR Unknown Redis command called from script script: f00, on @user_script:1.",
            server_errors.UnknownCommandError,
        ),
        ("ERR ACL failure in script: User lab has no permissions", exceptions.NoPermissionError),
        ("ERR AUTH <password> called without any password configured", exceptions.AuthenticationError),
        ("WRONGPASS invalid username-password pair or user is disabled.", exceptions.AuthenticationError),
        ("ERR", redis.ResponseError),
        ("", redis.ResponseError),
        ("ERR about READONLY and OOM", redis.ResponseError),
        ("BUSYGROUP Consumer Group name already exists", redis.ResponseError),
    ],
)
def test_errors_of_requests_are_recognised(text: str, kind: type[Exception]) -> None:
    assert type(server_error(text)) is kind


each_program = pytest.mark.parametrize("program", server_programs(), ids=lambda path: Path(path).parent.parent.name)


@pytest.fixture(params=server_programs(), ids=lambda path: Path(path).parent.parent.name)
def own(request: pytest.FixtureRequest, folder: Path) -> Iterator[Server]:
    """A server of each program, which the test may configure."""

    def launch(command: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen([request.param, *command[1:]], stdout=subprocess.DEVNULL)

    with Server(folder, launch) as server:
        yield server
        get_session(server.url).close()


@pytest.fixture
def admin(own: Server) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(own.url, protocol=2) as client:
        yield client


def evaluate(wire: Wire, script: str, key: str = "a-key") -> Any:
    wire.send(pack_command(b"EVAL", script.encode(), b"1", key.encode()))
    return wire.read()


def give_value(admin: redis.Redis) -> None:
    admin.set("a-key", "a string")


def use_memory(admin: redis.Redis) -> None:
    admin.config_set("maxmemory", 1)


def become_replica(admin: redis.Redis) -> None:
    admin.replicaof("127.0.0.1", 1)


def require_replicas(admin: redis.Redis) -> None:
    admin.config_set("min-replicas-to-write", 1)


def lose_master(admin: redis.Redis) -> None:
    admin.config_set("replica-serve-stale-data", "no")
    admin.replicaof("127.0.0.1", 1)


def restrict(admin: redis.Redis) -> None:
    admin.execute_command("ACL", "SETUSER", "default", "resetkeys", "resetchannels", "~a-key", "-unlink")


@pytest.mark.parametrize(
    ("prepare", "call", "kind"),
    [
        (give_value, "'HGET', KEYS[1], 'x'", server_errors.WrongTypeError),
        (use_memory, "'SET', KEYS[1], 'x'", exceptions.OutOfMemoryError),
        (become_replica, "'SET', KEYS[1], 'x'", exceptions.ReadOnlyError),
        (require_replicas, "'SET', KEYS[1], 'x'", server_errors.NoReplicasError),
        (lose_master, "'SET', KEYS[1], 'x'", exceptions.MasterDownError),
        (restrict, "'UNLINK', KEYS[1]", exceptions.NoPermissionError),
        (restrict, "'GET', 'another'", exceptions.NoPermissionError),
        (restrict, "'PUBLISH', 'a channel', 'x'", exceptions.NoPermissionError),
        (give_value, "'NOSUCH', KEYS[1]", server_errors.UnknownCommandError),
    ],
)
def test_real_servers_errors_in_scripts(
    own: Server, admin: redis.Redis, prepare: Callable[[redis.Redis], None], call: str, kind: type[Exception]
) -> None:
    prepare(admin)
    wire = wire_factory(own.url)(TIMEOUT)
    with pytest.raises(redis.RedisError) as error:
        evaluate(wire, f"return redis.call({call})")
    assert type(error.value) is kind
    wire.close()


def test_what_passes_is_waited_for(own: Server, admin: redis.Redis, actors: Actors) -> None:
    admin.config_set("lua-time-limit", 1)
    lock = broker.Lock.at(own.url, "a lock")
    waiter = actors.thread(lock)
    busy = wire_factory(own.url)(TIMEOUT)
    busy.send(pack_command(b"EVAL", b"while true do end", b"0"))
    wait_until(lambda: refusal(admin) is not None)
    assert lock.acquire(timeout=0.1) is False
    with pytest.raises(ServerUnavailableError) as error:
        lock.delete()
    assert "refused requests" in message_of(error)
    assert "BUSY" in message_of(error)
    waiter.begin("acquire")
    admin.script_kill()
    assert waiter.result() is True
    busy.close()


def refusal(admin: redis.Redis) -> redis.ResponseError | None:
    try:
        admin.get("a-key")
    except redis.ResponseError as error:
        return error
    return None


def test_too_many_clients_are_waited_for(own: Server, admin: redis.Redis, actors: Actors) -> None:
    admin.config_set("maxclients", 1)
    lock = broker.Lock.at(own.url, "a lock")
    waiter = actors.thread(lock)
    assert lock.acquire(timeout=0.1) is False
    waiter.begin("acquire")
    admin.config_set("maxclients", 100)
    assert waiter.result() is True


def user_url(server: Server, admin: redis.Redis, *rules: str) -> str:
    """Return the URL for the user of broker.acl, changed by these rules."""
    admin.execute_command("ACL", "SETUSER", "lab", "on", ">lab", *ACL_RULES.split()[2:], *rules)
    return server.url.replace("unix://", "unix://lab:lab@")


WAITING: list[Callable[[str], object]] = [
    lambda url: broker.Lock.at(url, "taken").acquire(),
    lambda url: broker.Event.at(url, "an event").wait(),
    lambda url: broker.Queue.at(url, "a queue").get(),
    lambda url: list(broker.Board.at(url, "a board").watch(0.1)),
]
DELETING: list[Callable[[str], object]] = [lambda url: broker.Lock.at(url, "a lock").delete()]
LISTING: list[Callable[[str], object]] = [lambda url: broker.Context(url).primitives()]


@pytest.mark.parametrize(
    ("rule", "refused"),
    [
        ("-subscribe", WAITING),
        ("resetchannels", WAITING),
        ("-unlink", DELETING),
        ("-evalsha", [*WAITING, *DELETING, *LISTING]),
        ("resetkeys", [*WAITING, *DELETING, *LISTING]),
        ("-hmget", WAITING[:2]),
    ],
)
def test_missing_rights(own: Server, admin: redis.Redis, rule: str, refused: list[Callable[[str], object]]) -> None:
    broker.Lock.at(own.url, "taken").acquire()
    url = user_url(own, admin, rule)
    for call in refused:
        with pytest.raises(UnsuitableServerError, match="give the user in the URL the rights"):
            call(url)
    get_session(url).close()


def test_key_of_another_type(own: Server, admin: redis.Redis) -> None:
    for key, call in (
        ("broker:{lock:x}", broker.Lock.at(own.url, "x").acquire),
        ("broker:{event:x}", broker.Event.at(own.url, "x").wait),
        ("broker:{queue:x}", broker.Queue.at(own.url, "x").get),
    ):
        admin.set(key, "another program's")
        with pytest.raises(MismatchError) as error:
            call()
        assert f"a key at {key} has a value of another type" in message_of(error)


def test_node_of_a_cluster(folder: Path) -> None:
    with Server(folder, **{"cluster-enabled": "yes"}) as server, redis.Redis.from_url(server.url, protocol=2) as admin:
        admin.execute_command("CLUSTER", "ADDSLOTS", *range(16384))
        wait_until(lambda: b"cluster_state:ok" in admin.execute_command("CLUSTER", "INFO"))
        with pytest.raises(UnsuitableServerError) as error:
            broker.Lock.at(server.url, "a lock").acquire()
        assert "is a node of a Redis Cluster" in message_of(error)
        get_session(server.url).close()


LASTING = {
    "MOVED 3999 127.0.0.1:6381": UnsuitableServerError,
    "NOAUTH Authentication required.": UnsuitableServerError,
    "WRONGPASS invalid username-password pair": UnsuitableServerError,
    "NOPERM this user has no permissions": UnsuitableServerError,
    "ERR unknown command 'EVALSHA', with args": UnsuitableServerError,
    "ERR DB index is out of range": UnsuitableServerError,
    "WRONGTYPE Operation against a key": MismatchError,
    "OOM command not allowed": BrokerError,
    "MISCONF Redis is configured to save RDB snapshots": BrokerError,
    "ERR what no version replies yet": BrokerError,
}
TEMPORARY = [
    "BUSY Redis is busy running a script.",
    "CLUSTERDOWN Hash slot not served",
    "ERR max number of clients reached",
    "LOADING Redis is loading the dataset in memory",
    "MASTERDOWN Link with MASTER is down",
    "NOREPLICAS Not enough good replicas to write.",
    "READONLY You can't write against a read only replica.",
    "TRYAGAIN Multiple keys request during rehashing of slot",
]
CALLS: list[Callable[[str], object]] = [
    lambda url: broker.Lock.at(url, "a lock").delete(),
    lambda url: broker.Lock.at(url, "a lock").acquire(False),
    lambda url: broker.Queue.at(url, "a queue").get(False),
    lambda url: next(broker.Board.at(url, "a board").watch(0.05)),
]


@pytest.mark.parametrize(("text", "kind"), LASTING.items())
@pytest.mark.parametrize("call", [*CALLS, lambda url: broker.Event.at(url, "an event").wait(TIMEOUT)])
def test_what_lasts_ends_a_call(call: Callable[[str], object], text: str, kind: type[BrokerError]) -> None:
    with FakeServer(f"-{text}\r\n".encode()) as server:
        with pytest.raises(BrokerError) as error:
            call(server.url)
        assert type(error.value) is kind
        assert text in message_of(error)
        assert server.connections <= 4, "it was not retried"
        get_session(server.url).close()


@pytest.mark.parametrize("text", TEMPORARY)
@pytest.mark.parametrize("call", CALLS)
def test_what_passes_is_retried_until_the_deadline(call: Callable[[str], object], text: str) -> None:
    with FakeServer(f"-{text}\r\n".encode()) as server:
        with pytest.raises(ServerUnavailableError) as error:
            call(server.url)
        assert text in message_of(error)
        get_session(server.url).close()
