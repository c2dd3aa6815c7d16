"""Errors of the server and of the connection: which kind one is, whether it passes by itself, what a caller is told."""

from __future__ import annotations

import re
import ssl

import redis
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
)

from broker.errors import BrokerError, MismatchError, ServerUnavailableError, UnsuitableServerError


class BusyError(redis.ResponseError):
    """A script has run for too long, and the server refuses requests until it has ended."""


class ClusterNodeError(redis.ResponseError):
    """The server is a node of a Redis Cluster, and another node may have the key."""


class DatabaseIndexError(redis.ResponseError):
    """The server has no database of this number."""


class MaxClientsError(redis.ConnectionError):
    """The server accepts no further clients for now."""


class NoReplicasError(redis.ResponseError):
    """Too few replicas are connected for writing."""


class PersistenceError(redis.ResponseError):
    """The server does not write since it cannot save its data on disk."""


class UnknownCommandError(redis.ResponseError):
    """The server has no such command, or it was renamed."""


class WrongTypeError(redis.ResponseError):
    """A key has a value of another type."""


class TlsError(redis.ConnectionError):
    """Both sides do not agree on TLS, or one does not accept the other's certificate."""


class UnexpectedReplyError(redis.ConnectionError):
    """What arrived is no reply of a Redis server, or none to this request; the connection cannot be used again."""

    def __init__(self, received: object) -> None:
        beginning = received[:40] if isinstance(received, (bytes, str)) else received
        super().__init__(f"unexpected reply {beginning!r:.60}")


PASSING = (
    BusyError,
    BusyLoadingError,
    MaxClientsError,
    ClusterDownError,
    MasterDownError,
    TryAgainError,
    ReadOnlyError,  # after a failover the address may lead to another server
    NoReplicasError,
)
"""Errors that pass by themselves; the request was not carried out, and can be sent again."""

LASTING = (AuthenticationError, TlsError)
"""Errors of a connection that do not pass by themselves."""

_BY_CODE: dict[str, type[redis.RedisError]] = {
    "ASK": ClusterNodeError,
    "BUSY": BusyError,
    "CLUSTERDOWN": ClusterDownError,
    "CROSSSLOT": ClusterNodeError,
    "LOADING": BusyLoadingError,
    "MASTERDOWN": MasterDownError,
    "MISCONF": PersistenceError,
    "MOVED": ClusterNodeError,
    "NOAUTH": AuthenticationError,
    "NOPERM": NoPermissionError,
    "NOREPLICAS": NoReplicasError,
    "NOSCRIPT": NoScriptError,
    "OOM": OutOfMemoryError,
    "READONLY": ReadOnlyError,
    "TRYAGAIN": TryAgainError,
    "WRONGPASS": AuthenticationError,
    "WRONGTYPE": WrongTypeError,
}
_BY_TEXT: dict[str, type[redis.RedisError]] = {  # the code of all of these is ERR
    "max number of clients": MaxClientsError,
    "unknown command": UnknownCommandError,
    "unknown redis command": UnknownCommandError,
    "unknown subcommand": UnknownCommandError,
    "db index is out of range": DatabaseIndexError,
    "invalid db index": DatabaseIndexError,
    "select is not allowed in cluster mode": ClusterNodeError,
    "script attempted to access a non local key": ClusterNodeError,
    "lua script attempted to access a non local key": ClusterNodeError,
    "the user executing the script can't": NoPermissionError,
    "acl failure in script": NoPermissionError,
    "auth <password> called without": AuthenticationError,
}
# Redis 6.2 quotes the error of a script's command: "ERR Error running script (call to f_…): @user_script:1:
# @user_script: 1: -READONLY You can't write…". Later versions reply it, and append the script: "READONLY … script: …".
_QUOTED = re.compile(r"ERR Error running script \([^)]*\): (?:@?\w+: ?\d+: ?)*-?")


def server_error(text: str) -> redis.RedisError:
    """Return the error that the server has replied with this text."""
    if text.startswith("ERR Protocol error: unauthenticated"):  # to a request of more than ten parts or 16 kB
        text = "NOAUTH Authentication required."
    error = _QUOTED.sub("", text, count=1)
    code, _, message = error.partition(" ")
    kind = _BY_CODE.get(code)
    if kind is None:
        message = (message if code == "ERR" else error).lower()
        kind = next((kind for start, kind in _BY_TEXT.items() if message.startswith(start)), redis.ResponseError)
    return kind(text)


def connection_error(doing: str, error: OSError) -> redis.ConnectionError:
    """Return the error for a socket that failed while `doing` something."""
    return (TlsError if is_tls_disagreement(error) else redis.ConnectionError)(f"{doing} failed: {error}")


def is_tls_disagreement(error: BaseException | None) -> bool:
    """Return whether TLS failed for a reason that lasts, and not since the connection broke."""
    broken = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
    return isinstance(error, ssl.SSLError) and not isinstance(error, broken)


_Sentence = tuple[type[BrokerError], str]
_SENTENCES: dict[type[redis.RedisError], _Sentence] = {
    AuthenticationError: (
        UnsuitableServerError,
        "{server} rejected the credentials ({error}); put the right credentials into the URL: "
        "redis://user:password@host:port",
    ),
    NoPermissionError: (
        UnsuitableServerError,
        "{server} does not permit what the broker needs ({error}); give the user in the URL the rights in broker.acl",
    ),
    TlsError: (
        UnsuitableServerError,
        "the TLS connection to {server} failed ({error}); does it speak TLS, and do ssl_ca_certs, ssl_certfile and "
        "ssl_keyfile in the URL match it?",
    ),
    UnexpectedReplyError: (
        UnsuitableServerError,
        "{server} sent what is not a reply of Redis ({error}); is the URL that of a Redis server?",
    ),
    UnknownCommandError: (
        UnsuitableServerError,
        "{server} lacks a command ({error}); give the URL of one whose commands are neither renamed nor disabled, and "
        "not that of a Sentinel",
    ),
    DatabaseIndexError: (
        UnsuitableServerError,
        "{server} does not have the database of the URL ({error}); end the URL with a lower number, or set `databases` "
        "on the server",
    ),
    ClusterNodeError: (
        UnsuitableServerError,
        "{server} is a node of a Redis Cluster ({error}); give the URL of a server without cluster mode",
    ),
    WrongTypeError: (
        MismatchError,
        "a key at {key} has a value of another type, so another program uses it ({error}); use another name, or delete "
        "the key",
    ),
    OutOfMemoryError: (
        BrokerError,
        "{server} has no memory left ({error}); delete what is not needed, or raise maxmemory",
    ),
    PersistenceError: (
        BrokerError,
        "{server} cannot save its data ({error}); make room on its disk, or see its log",
    ),
    ReadOnlyError: (
        ServerUnavailableError,
        "{server} is a read-only replica ({error}); give the URL of its master",
    ),
}


def translate(
    error: redis.RedisError, *, server: str = "the Redis server", key: bytes = b"", waited: float = 0.0
) -> BrokerError:
    """Return the broker's error for one of redis-py's.

    `key` is the first one of a request's keys, and `waited` the seconds for which it was sent again.
    """
    for kind in type(error).__mro__:
        if kind in _SENTENCES:
            broker_error, sentence = _SENTENCES[kind]
            return broker_error(sentence.format(server=server, error=error, key=key.decode(errors="replace")))
    duration = f" for {waited:.1f} s" if waited else ""
    if isinstance(error, PASSING):
        return ServerUnavailableError(f"{server} refused requests{duration} ({error}); try again when this has passed")
    if isinstance(error, (redis.ConnectionError, redis.TimeoutError)):
        return ServerUnavailableError(f"{server} did not answer{duration} ({error}); is it running?")
    return BrokerError(f"{server} refused a request: {error}")
