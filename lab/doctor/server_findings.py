"""From facts to findings about a server: pure functions, which tests call with handwritten facts."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from broker.server.check import MIN_VERSION
from jobs.exchange.signing import SECRET_VARIABLE, SecretError, key
from lab.doctor.facts import ServerFacts
from lab.doctor.findings import Finding, Status, clock_finding, not_permitted, ok, problem, size
from lab.formatting import format_seconds

MAX_MEMORY_USE = 0.8  # of the limit: above it, the next run may reach the limit
PROCESSES = 100  # in the course's largest exercise
CONNECTIONS_PER_PROCESS = 3  # at most
MAX_ROUND_TRIP = 0.02  # seconds
MIN_BUFFER = 1 << 20  # bytes of messages that a delayed process must be allowed to leave unread


def server_findings(facts: ServerFacts) -> list[Finding]:
    """Return all findings about a server."""
    checks = (version, eviction, memory, persistence, clients, messages, clock, round_trip, access)
    return [check(facts) for check in checks]


def version(facts: ServerFacts) -> Finding:
    """Judge the server's version."""
    if facts.info is None:
        return not_permitted("version", "INFO")
    number = facts.info["redis_version"]
    if tuple(int(part) for part in number.split(".")[:2]) < MIN_VERSION:
        wanted = ".".join(map(str, MIN_VERSION))
        return problem("version", f"Redis {number}: scripts and queues will fail", f"update it to {wanted} or later")
    return ok(
        "version", f"Valkey {facts.info['valkey_version']}" if "valkey_version" in facts.info else f"Redis {number}"
    )


def eviction(facts: ServerFacts) -> Finding:
    """Judge what the server does when its memory is full."""
    if facts.info is None:
        return not_permitted("eviction", "INFO")
    policy = facts.info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction" and facts.info.get("maxmemory", "0") != "0":
        return problem(
            "eviction",
            f"maxmemory-policy {policy}: after an eviction two processes may hold a lock, or a job is lost",
            "CONFIG SET maxmemory-policy noeviction, and in its configuration file",
        )
    return ok("eviction", "no key is evicted")


def memory(facts: ServerFacts) -> Finding:
    """Judge how much memory is left."""
    if facts.info is None:
        return not_permitted("memory", "INFO")
    used = int(facts.info.get("used_memory", 0))
    limit = int(facts.info.get("maxmemory", 0)) or int(facts.info.get("total_system_memory", 0))
    if limit and used > MAX_MEMORY_USE * limit:
        return problem(
            "memory",
            f"{size(used)} of {size(limit)} are used: when memory is full, every acquire, put and start fails",
            "raise maxmemory, or delete data",
        )
    return ok("memory", f"{size(used)} of {size(limit)} are used" if limit else f"{size(used)} are used")


def persistence(facts: ServerFacts) -> Finding:
    """Judge what survives a restart."""
    if facts.info is None:
        return not_permitted("persistence", "INFO")
    for name in ("aof_last_write_status", "rdb_last_bgsave_status"):
        if facts.info.get(name, "ok") != "ok":
            return problem(
                "persistence",
                f"{name} is {facts.info[name]}: the server may refuse to write",
                "see its log; its disk may be full",
            )
    if facts.info.get("aof_enabled") != "1":
        saves = bool((facts.settings or {}).get("save"))
        lost = "everything since its last snapshot" if saves else "every lock, queue and job"
        return problem(
            "persistence",
            f"no append-only file: a restart loses {lost}",
            "CONFIG SET appendonly yes, and in its configuration file",
        )
    if facts.settings is None:
        return ok("persistence", "append-only file; this user may not see how often it is flushed (CONFIG GET)")
    flush = facts.settings.get("appendfsync", "everysec")
    if flush == "no":
        return problem(
            "persistence",
            "appendfsync no: a power failure loses what the operating system had not yet written",
            "CONFIG SET appendfsync everysec",
        )
    return ok(
        "persistence",
        "append-only file; " + ("a crash loses nothing" if flush == "always" else "a crash loses up to a second"),
    )


def clients(facts: ServerFacts) -> Finding:
    """Judge how many connections are left."""
    if facts.info is None or "maxclients" not in facts.info:
        return not_permitted("clients", "INFO")
    maximum, connected = int(facts.info["maxclients"]), int(facts.info["connected_clients"])
    if maximum - connected < CONNECTIONS_PER_PROCESS * PROCESSES:
        return problem(
            "clients",
            f"{connected} of {maximum} connections are used: a run of {PROCESSES} processes may be refused",
            f"CONFIG SET maxclients {max(10000, 2 * maximum)}, and allow the server as many open files",
        )
    return ok("clients", f"{connected} of {maximum} connections are used")


def messages(facts: ServerFacts) -> Finding:
    """Judge what the server does with messages that a delayed process has not read."""
    subject = "messages"
    if facts.settings is None:
        return not_permitted(subject, "CONFIG GET")
    words = facts.settings.get("client-output-buffer-limit", "").split()
    hard, soft = (int(words[words.index("pubsub") + place]) for place in (1, 2))
    fix = 'CONFIG SET client-output-buffer-limit "pubsub 33554432 8388608 60"'
    if 0 < hard < MIN_BUFFER or 0 < soft < MIN_BUFFER:
        limit = min(limit for limit in (hard, soft) if limit)
        return problem(
            subject,
            f"a process with {size(limit)} of unread messages is disconnected: a delayed waiter wakes late",
            fix,
        )
    if not hard and not soft:
        return problem(subject, "the unread messages of a stopped process fill the server's memory without limit", fix)
    return ok(subject, f"a process may have {size(hard or soft)} of unread messages")


def clock(facts: ServerFacts) -> Finding:
    """Judge this host's clock."""
    return not_permitted("clock", "TIME") if facts.clock is None else clock_finding("clock", "this host's", facts.clock)


def round_trip(facts: ServerFacts) -> Finding:
    """Judge the time of a round trip to the server."""
    if facts.round_trip is None:
        return not_permitted("round trip", "TIME")
    median = f"median {format_seconds(facts.round_trip)}"
    if facts.round_trip > MAX_ROUND_TRIP:
        text = f"{median}: each acquire and each release takes one, so even a short hold takes long"
        return problem("round trip", text, "run the server closer to its clients")
    return ok("round trip", median)


def access(facts: ServerFacts) -> Finding:
    """Judge who may use the server."""
    if facts.needs_credentials:
        return ok("access", "a client needs a password or a certificate")
    if facts.settings is None and facts.local:
        return Finding(
            "access",
            Status.UNKNOWN,
            "no password; this user may not see whether other hosts can connect (CONFIG GET)",
        )
    if facts.settings is not None and _refuses_other_hosts(facts.settings):
        return ok("access", "no password, but only its own host can connect")
    return problem(
        "access",
        "no password, and other hosts can connect: whoever does can read, change and delete everything",
        "set a password (docs/security.md), or CONFIG SET bind 127.0.0.1",
    )


def secret_finding(local: bool) -> Finding:
    """Judge this process's secret, without which `lab worker` runs unsigned jobs; `local` is as in `ServerFacts`."""
    try:
        secret = key()
    except SecretError as error:
        return problem("secret", str(error), "`lab worker` refuses to start until this is corrected")
    if secret is not None:
        return ok("secret", f"{SECRET_VARIABLE} is set: jobs are signed")
    if local:
        return ok("secret", f"{SECRET_VARIABLE} is not set: jobs are not signed, which only matters to other hosts")
    return problem(
        "secret",
        f"{SECRET_VARIABLE} is not set: whoever can write to the server can run code on its workers",
        f"set the same {SECRET_VARIABLE} on every host (docs/security.md)",
    )


def is_loopback(host: str) -> bool:
    """Return whether a host's name or address is one of the loopback interface."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refuses_other_hosts(settings: Mapping[str, str]) -> bool:
    addresses = settings.get("bind", "").split()  # one that may be missing is preceded by a dash; none means all
    no_port = all(settings.get(name, "0") == "0" for name in ("port", "tls-port"))
    only_loopback = bool(addresses) and all(is_loopback(address.removeprefix("-")) for address in addresses)
    return no_port or only_loopback or settings.get("protected-mode") == "yes"
