"""From facts to findings about a server: pure functions, so that each can be tried on facts written by hand."""

from __future__ import annotations

from broker.server.check import MIN_VERSION
from lab.doctor.facts import ServerFacts
from lab.doctor.finding import Finding, of_clock, ok, size, unseen, wrong
from lab.formatting import seconds

FULL = 0.8  # of a limit, from which on the next run may reach it
CROWD = 100  # processes: the course's largest exercise
EACH = 3  # connections that a process takes at most
FAR = 0.02  # seconds of a round trip
SMALL = 1 << 20  # bytes of messages that a process which is held up must be allowed to leave unread


def of_server(facts: ServerFacts) -> list[Finding]:
    """Return all findings about a server."""
    looks = (version, eviction, memory, persistence, clients, messages, clock, round_trip)
    return [look(facts) for look in looks]


def version(facts: ServerFacts) -> Finding:
    """Judge the server's version."""
    if facts.info is None:
        return unseen("version", "INFO")
    number = facts.info["redis_version"]
    if tuple(int(part) for part in number.split(".")[:2]) < MIN_VERSION:
        wanted = ".".join(map(str, MIN_VERSION))
        return wrong("version", f"Redis {number}: scripts and queues will fail", f"update it to {wanted} or later")
    return ok(
        "version", f"Valkey {facts.info['valkey_version']}" if "valkey_version" in facts.info else f"Redis {number}"
    )


def eviction(facts: ServerFacts) -> Finding:
    """Judge what the server does when its memory is full."""
    if facts.info is None:
        return unseen("eviction", "INFO")
    policy = facts.info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction" and facts.info.get("maxmemory", "0") != "0":
        return wrong(
            "eviction",
            f"maxmemory-policy {policy}: a lock that is evicted lets two in, an evicted job is lost",
            "CONFIG SET maxmemory-policy noeviction, and in its configuration file",
        )
    return ok("eviction", "no key is evicted")


def memory(facts: ServerFacts) -> Finding:
    """Judge how much memory is left."""
    if facts.info is None:
        return unseen("memory", "INFO")
    used = int(facts.info.get("used_memory", 0))
    limit = int(facts.info.get("maxmemory", 0)) or int(facts.info.get("total_system_memory", 0))
    if limit and used > FULL * limit:
        return wrong(
            "memory",
            f"{size(used)} of {size(limit)} are used: when all are, every acquire, put and start is refused",
            "raise maxmemory, or delete what is not needed",
        )
    return ok("memory", f"{size(used)} of {size(limit)} are used" if limit else f"{size(used)} are used")


def persistence(facts: ServerFacts) -> Finding:
    """Judge what outlives a restart."""
    if facts.info is None:
        return unseen("persistence", "INFO")
    for name in ("aof_last_write_status", "rdb_last_bgsave_status"):
        if facts.info.get(name, "ok") != "ok":
            return wrong(
                "persistence",
                f"{name} is {facts.info[name]}: the server may refuse to write",
                "look into its log; its disk may be full",
            )
    if facts.info.get("aof_enabled") != "1":
        saves = bool((facts.settings or {}).get("save"))
        lost = "all since its last snapshot" if saves else "every lock, queue and job"
        return wrong(
            "persistence",
            f"no append-only file: a restart loses {lost}",
            "CONFIG SET appendonly yes, and in its configuration file",
        )
    if facts.settings is None:
        return ok("persistence", "append-only file; how often it is flushed could not be seen (CONFIG GET)")
    flush = facts.settings.get("appendfsync", "everysec")
    if flush == "no":
        return wrong(
            "persistence",
            "appendfsync no: a power failure loses what the system had not yet written",
            "CONFIG SET appendfsync everysec",
        )
    return ok(
        "persistence",
        "append-only file; " + ("a crash loses nothing" if flush == "always" else "a crash loses a second"),
    )


def clients(facts: ServerFacts) -> Finding:
    """Judge how many connections are left."""
    if facts.info is None or "maxclients" not in facts.info:
        return unseen("clients", "INFO")
    most, now = int(facts.info["maxclients"]), int(facts.info["connected_clients"])
    if most - now < EACH * CROWD:
        return wrong(
            "clients",
            f"{now} of {most} connections are taken: a run of {CROWD} processes may be refused",
            f"CONFIG SET maxclients {max(10000, 2 * most)}, and allow the server as many open files",
        )
    return ok("clients", f"{now} of {most} connections are taken")


def messages(facts: ServerFacts) -> Finding:
    """Judge what the server does with messages that a process which is held up has not read."""
    about = "messages"
    if facts.settings is None:
        return unseen(about, "CONFIG GET")
    words = facts.settings.get("client-output-buffer-limit", "").split()
    hard, soft = (int(words[words.index("pubsub") + place]) for place in (1, 2))
    mend = 'CONFIG SET client-output-buffer-limit "pubsub 33554432 8388608 60"'
    if 0 < hard < SMALL or 0 < soft < SMALL:
        least = min(limit for limit in (hard, soft) if limit)
        return wrong(about, f"who leaves {size(least)} unread is cut off: a waiter that is held up is woken late", mend)
    if not hard and not soft:
        return wrong(about, "a stopped process's messages pile up without limit in the server's memory", mend)
    return ok(about, f"a process may leave {size(hard or soft)} unread")


def clock(facts: ServerFacts) -> Finding:
    """Judge this host's clock."""
    return unseen("clock", "TIME") if facts.clock is None else of_clock("clock", "this host's", facts.clock)


def round_trip(facts: ServerFacts) -> Finding:
    """Judge how far away the server is."""
    if facts.round_trip is None:
        return unseen("round trip", "TIME")
    said = f"{seconds(facts.round_trip)} in the median"
    if facts.round_trip > FAR:
        text = f"{said}: each acquire and release waits for one, so locks that are short here are long"
        return wrong("round trip", text, "run the server nearer to those who use it")
    return ok("round trip", said)
