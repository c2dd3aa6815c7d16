"""From facts to findings about a server: pure functions, which tests call with handwritten facts."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from gettext import gettext as _

from broker.server.check import MIN_VERSION
from jobs.exchange.signing import SECRET_VARIABLE, SecretError, key
from lab.doctor.facts import ServerFacts
from lab.doctor.findings import Finding, Status, not_permitted, ok, problem, size, wrong_clock
from lab.formatting import format_seconds
from lab.language import N_

MAX_MEMORY_USE = 0.8  # of the limit: above it, the next run may reach the limit
PROCESSES = 100  # in the course's largest exercise
CONNECTIONS_PER_PROCESS = 3  # at most
MAX_ROUND_TRIP = 0.02  # seconds
MIN_BUFFER = 1 << 20  # bytes of messages that a delayed process must be allowed to leave unread

# The subjects of findings.
VERSION, EVICTION, MEMORY, PERSISTENCE = N_("version"), N_("eviction"), N_("memory"), N_("persistence")
CLIENTS, MESSAGES, CLOCK, ROUND_TRIP = N_("clients"), N_("messages"), N_("clock"), N_("round trip")
ACCESS, SECRET = N_("access"), N_("secret")

OWN_CLOCK_AHEAD = N_(
    "this host's clock is {difference} ahead of the server's: RQ compares the clocks of hosts, and abandons running "
    "jobs from a difference of {limit} s on"
)
OWN_CLOCK_BEHIND = N_(
    "this host's clock is {difference} behind the server's: RQ compares the clocks of hosts, and abandons running "
    "jobs from a difference of {limit} s on"
)


def server_findings(facts: ServerFacts) -> list[Finding]:
    """Return all findings about a server."""
    checks = (version, eviction, memory, persistence, clients, messages, clock, round_trip, access)
    return [check(facts) for check in checks]


def version(facts: ServerFacts) -> Finding:
    """Judge the server's version."""
    if facts.info is None:
        return not_permitted(VERSION, "INFO")
    number = facts.info["redis_version"]
    if tuple(int(part) for part in number.split(".")[:2]) < MIN_VERSION:
        text = _("Redis {number}: scripts and queues will fail").format(number=number)
        return problem(
            VERSION, text, _("update it to {version} or later").format(version=".".join(map(str, MIN_VERSION)))
        )
    return ok(
        VERSION, f"Valkey {facts.info['valkey_version']}" if "valkey_version" in facts.info else f"Redis {number}"
    )


def eviction(facts: ServerFacts) -> Finding:
    """Judge what the server does when its memory is full."""
    if facts.info is None:
        return not_permitted(EVICTION, "INFO")
    policy = facts.info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction" and facts.info.get("maxmemory", "0") != "0":
        text = _("maxmemory-policy {policy}: after an eviction two processes may hold a lock, or a job is lost")
        fix = _("CONFIG SET maxmemory-policy noeviction, and in its configuration file")
        return problem(EVICTION, text.format(policy=policy), fix)
    return ok(EVICTION, _("no key is evicted"))


def memory(facts: ServerFacts) -> Finding:
    """Judge how much memory is left."""
    if facts.info is None:
        return not_permitted(MEMORY, "INFO")
    used = int(facts.info.get("used_memory", 0))
    limit = int(facts.info.get("maxmemory", 0)) or int(facts.info.get("total_system_memory", 0))
    if limit and used > MAX_MEMORY_USE * limit:
        text = _("{used} of {limit} are used: when memory is full, every acquire, put and start fails")
        return problem(MEMORY, text.format(used=size(used), limit=size(limit)), _("raise maxmemory, or delete data"))
    text = _("{used} of {limit} are used") if limit else _("{used} are used")
    return ok(MEMORY, text.format(used=size(used), limit=size(limit)))


def persistence(facts: ServerFacts) -> Finding:
    """Judge what survives a restart."""
    if facts.info is None:
        return not_permitted(PERSISTENCE, "INFO")
    for name in ("aof_last_write_status", "rdb_last_bgsave_status"):
        if facts.info.get(name, "ok") != "ok":
            text = _("{name} is {status}: the server may refuse to write").format(name=name, status=facts.info[name])
            return problem(PERSISTENCE, text, _("see its log; its disk may be full"))
    if facts.info.get("aof_enabled") != "1":
        return _without_append_only_file(saves=bool((facts.settings or {}).get("save")))
    if facts.settings is None:
        return ok(PERSISTENCE, _("append-only file; this user may not see how often it is flushed (CONFIG GET)"))
    flush = facts.settings.get("appendfsync", "everysec")
    if flush == "no":
        text = _("appendfsync no: a power failure loses what the operating system had not yet written")
        return problem(PERSISTENCE, text, "CONFIG SET appendfsync everysec")
    if flush == "always":
        return ok(PERSISTENCE, _("append-only file; a crash loses nothing"))
    return ok(PERSISTENCE, _("append-only file; a crash loses up to a second"))


def _without_append_only_file(saves: bool) -> Finding:
    if saves:
        text = _("no append-only file: a restart loses everything since its last snapshot")
    else:
        text = _("no append-only file: a restart loses every lock, queue and job")
    return problem(PERSISTENCE, text, _("CONFIG SET appendonly yes, and in its configuration file"))


def clients(facts: ServerFacts) -> Finding:
    """Judge how many connections are left."""
    if facts.info is None or "maxclients" not in facts.info:
        return not_permitted(CLIENTS, "INFO")
    maximum, connected = int(facts.info["maxclients"]), int(facts.info["connected_clients"])
    if maximum - connected < CONNECTIONS_PER_PROCESS * PROCESSES:
        text = _("{used} of {limit} connections are used: a run of {processes} processes may be refused")
        fix = _("CONFIG SET maxclients {limit}, and allow the server as many open files")
        return problem(
            CLIENTS,
            text.format(used=connected, limit=maximum, processes=PROCESSES),
            fix.format(limit=max(10000, 2 * maximum)),
        )
    return ok(CLIENTS, _("{used} of {limit} connections are used").format(used=connected, limit=maximum))


def messages(facts: ServerFacts) -> Finding:
    """Judge what the server does with messages that a delayed process has not read."""
    if facts.settings is None:
        return not_permitted(MESSAGES, "CONFIG GET")
    limits = facts.settings.get("client-output-buffer-limit", "").split()
    hard, soft = (int(limits[limits.index("pubsub") + place]) for place in (1, 2))
    fix = 'CONFIG SET client-output-buffer-limit "pubsub 33554432 8388608 60"'
    if 0 < hard < MIN_BUFFER or 0 < soft < MIN_BUFFER:
        limit = min(limit for limit in (hard, soft) if limit)
        text = _("a process with {size} of unread messages is disconnected: a delayed waiter wakes late")
        return problem(MESSAGES, text.format(size=size(limit)), fix)
    if not hard and not soft:
        text = _("the unread messages of a stopped process fill the server's memory without limit")
        return problem(MESSAGES, text, fix)
    return ok(MESSAGES, _("a process may have {size} of unread messages").format(size=size(hard or soft)))


def clock(facts: ServerFacts) -> Finding:
    """Judge this host's clock."""
    offset = facts.clock
    if offset is None:
        return not_permitted(CLOCK, "TIME")
    if wrong := wrong_clock(CLOCK, offset, OWN_CLOCK_AHEAD, OWN_CLOCK_BEHIND):
        return wrong
    if abs(offset.ahead) <= offset.error:
        text = _("this host's agrees with the server's, ± {error}")
    elif offset.ahead > 0:
        text = _("this host's is {difference} ahead of the server's, ± {error}")
    else:
        text = _("this host's is {difference} behind the server's, ± {error}")
    return ok(CLOCK, text.format(difference=format_seconds(abs(offset.ahead)), error=format_seconds(offset.error)))


def round_trip(facts: ServerFacts) -> Finding:
    """Judge the time of a round trip to the server."""
    if facts.round_trip is None:
        return not_permitted(ROUND_TRIP, "TIME")
    median = format_seconds(facts.round_trip)
    if facts.round_trip > MAX_ROUND_TRIP:
        text = _("median {median}: each acquire and each release takes one, so even a short hold takes long")
        return problem(ROUND_TRIP, text.format(median=median), _("run the server closer to its clients"))
    return ok(ROUND_TRIP, _("median {median}").format(median=median))


def access(facts: ServerFacts) -> Finding:
    """Judge who may use the server."""
    if facts.needs_credentials:
        return ok(ACCESS, _("a client needs a password or a certificate"))
    if facts.settings is None and facts.local:
        text = _("no password; this user may not see whether other hosts can connect (CONFIG GET)")
        return Finding(ACCESS, Status.UNKNOWN, text)
    if facts.settings is not None and _refuses_other_hosts(facts.settings):
        return ok(ACCESS, _("no password, but only its own host can connect"))
    return problem(
        ACCESS,
        _("no password, and other hosts can connect: whoever does can read, change and delete everything"),
        _("set a password (docs/security.md), or CONFIG SET bind 127.0.0.1"),
    )


def secret_finding(local: bool) -> Finding:
    """Judge this process's secret, without which `lab worker` runs unsigned jobs; `local` is as in `ServerFacts`."""
    try:
        secret = key()
    except SecretError as error:
        return problem(SECRET, str(error), _("`lab worker` refuses to start until this is corrected"))
    name = SECRET_VARIABLE
    if secret is not None:
        return ok(SECRET, _("{variable} is set: jobs are signed").format(variable=name))
    if local:
        text = _("{variable} is not set: jobs are not signed, which only matters to other hosts")
        return ok(SECRET, text.format(variable=name))
    text = _("{variable} is not set: whoever can write to the server can run code on its workers")
    fix = _("set the same {variable} on every host (docs/security.md)")
    return problem(SECRET, text.format(variable=name), fix.format(variable=name))


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
