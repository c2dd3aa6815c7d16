"""With a secret, whatever is not signed is rejected before it is unpickled, and everything else still works."""

from __future__ import annotations

import operator
import pickle
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
import redis
import rq
from rq import Callback, Retry
from rq.job import Job
from rq.results import Result

import broker.messages.queues
import jobs
from broker.messages.items import Items
from broker.server.private_server import PrivateServer
from jobs.exchange import signing
from jobs.exchange.client import client
from jobs.exchange.control import signal_queue
from jobs.exchange.job import MUTABLE_FIELDS, SIGNATURE_LIFETIME, UNSIGNED_RESULT
from jobs.exchange.signing import SecretError, SignatureError
from jobs.exchange.status import Exited
from tests.support.actors import TIMEOUT
from tests.support.waiting import wait_until

SECRET = "a secret that is long enough for everybody"
OTHER = "another secret that is long enough, too..."


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return operator.methodcaller("touch"), (self._path,)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = PrivateServer()
    yield server.url
    server.close()


@pytest.fixture(scope="module")
def _secret() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAB_SECRET", SECRET)
        yield


@pytest.fixture(scope="module", autouse=True)
def workers(url: str, _secret: None) -> Iterator[jobs.Workers]:
    with jobs.Workers(url, "lab", 1) as workers:
        yield workers


@pytest.fixture
def connection(url: str) -> Iterator[redis.Redis]:
    with client(url) as connection:
        yield connection


@pytest.fixture
def ctx(url: str) -> Iterator[jobs.Context]:
    with jobs.get_context(url) as context:
        yield context


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Trap]:
    """Must not have been unpickled when the test ends."""
    probe = tmp_path / "probe"
    pickle.loads(pickle.dumps(Trap(probe)))
    assert probe.exists(), "the trap works"
    yield Trap(tmp_path / "sprung")
    assert not (tmp_path / "sprung").exists()


@pytest.fixture(params=["plain RQ", "other secret"])
def attacker(request: pytest.FixtureRequest, connection: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Enqueues a call without knowing the secret."""

    def enqueue(function: Callable[..., object], *args: object, **options: Any) -> Job:
        kind = Job if request.param == "plain RQ" else jobs.SignedJob
        with monkeypatch.context() as patch:
            patch.setenv("LAB_SECRET", OTHER)
            return rq.Queue("lab", connection=connection, job_class=kind).enqueue(function, args=args, **options)

    return enqueue


def queue(connection: redis.Redis, name: str = "lab") -> rq.Queue:
    return rq.Queue(name, connection=connection, job_class=jobs.SignedJob)


def push_again(job: Job) -> None:
    """Push it onto the queue, with the fields that it has on the server now."""
    job.connection.lpush("rq:queue:lab", job.id)


def assert_rejected(job: Job, why: str = "has no valid signature") -> None:
    """It has failed with a reason, and the worker runs the next valid job."""
    plain = Job(job.id, connection=job.connection)  # asks RQ without unpickling
    wait_until(lambda: plain.get_status() == "failed")
    result = plain.latest_result()
    assert result is not None
    assert result.exc_string is not None
    assert "SignatureError: rejected: " in result.exc_string
    assert why in result.exc_string
    assert SECRET not in result.exc_string
    assert queue(job.connection).enqueue(operator.add, 1, 2).latest_result(timeout=TIMEOUT).return_value == 3


def test_signed_jobs_and_items_work(ctx: jobs.Context) -> None:
    there, back = ctx.Pipe()
    items, tasks = ctx.Queue(), ctx.JoinableQueue()
    process = ctx.Process(target=echo, args=(back, items, tasks))
    process.start()
    there.send("hello")
    assert there.recv() == "hello"
    assert items.get(timeout=TIMEOUT) == "an item"
    assert tasks.get(timeout=TIMEOUT) == "a task"
    tasks.task_done()
    process.join(TIMEOUT)
    assert process.exitcode == 0
    assert process.job.latest_result(timeout=TIMEOUT).return_value == "done"
    with ctx.Pool(1) as pool:
        assert pool.map(abs, [-1, 2]) == [1, 2]


def echo(end: Any, items: Any, tasks: Any) -> str:
    end.send(end.recv())
    items.put("an item")
    tasks.put("a task")
    return "done"


def test_a_process_without_the_secret_is_rejected(url: str, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    monkeypatch.setenv("LAB_SECRET", OTHER)
    with jobs.get_context(url) as context:
        process = context.Process(target=print)
        process.start()
        process.join(TIMEOUT)
        assert process.exitcode == 1
    assert "has no valid signature for the LAB_SECRET of this process" in capfd.readouterr().err


def test_an_attackers_job(attacker: Any, trap: Trap) -> None:
    assert_rejected(attacker(print, trap))


@pytest.mark.parametrize("field", ["meta", "result", "data"])
def test_a_forged_pickle(connection: redis.Redis, trap: Trap, field: str) -> None:
    job = saved_job(connection)
    pickled = pickle.dumps(trap)
    connection.hset(job.key, field, zlib.compress(pickled) if field == "data" else pickled)
    push_again(job)
    assert_rejected(job)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("success_callback_name", "os.abort"),
        ("failure_callback_name", "os.abort"),
        ("stopped_callback_name", "os.abort"),
        ("webhooks", "[]"),
        ("timeout", "1"),
        ("description", "something else"),
        ("dependency_ids", '["x"]'),
        ("group_id", "x"),
        ("sealed_until", "99999999999"),
        ("anything", "that a later RQ may know"),
    ],
)
def test_a_changed_field(connection: redis.Redis, field: str, value: str) -> None:
    job = saved_job(connection)
    connection.hset(job.key, field, value)
    push_again(job)
    assert_rejected(job)


def saved_job(connection: redis.Redis) -> Job:
    """A valid job for queue lab that is in no queue yet."""
    job = queue(connection).create_job(print, timeout=10)
    job.save()
    return job


def test_an_attackers_callbacks_are_not_imported(
    attacker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = tmp_path / "imported"
    (tmp_path / "evil.py").write_text(f"open({str(done)!r}, 'w')\ndef run(*_): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    callback = Callback("evil.run")
    assert_rejected(attacker(print, on_success=callback, on_failure=callback, on_stopped=callback))
    assert not done.exists()


def test_another_id(connection: redis.Redis) -> None:
    good = saved_job(connection)
    copy = Job("copied", connection=connection)
    connection.hset(copy.key, mapping=connection.hgetall(good.key))
    push_again(copy)
    assert_rejected(copy, "job copied has no valid signature")
    connection.delete(good.key)


def test_another_queue(connection: redis.Redis) -> None:
    job = queue(connection, "elsewhere").enqueue(print)
    push_again(job)
    assert_rejected(job, "was signed for queue elsewhere, but came from lab")


def test_an_expired_signature(connection: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        now = time.time()
        patch.setattr(time, "time", lambda: now - SIGNATURE_LIFETIME - 1)
        job = saved_job(connection)
    push_again(job)
    assert_rejected(job, "was signed more than 7 days ago")


@pytest.mark.parametrize(
    "field", sorted(MUTABLE_FIELDS - {"status", "enqueue_at_front", "retries_left", "repeats_left"})
)
def test_invalid_values_in_rqs_own_fields_do_not_stop_the_worker(connection: redis.Redis, field: str) -> None:
    job = saved_job(connection)
    connection.hset(job.key, field, b"\xff")
    push_again(job)
    assert queue(connection).enqueue(operator.add, 1, 2).latest_result(timeout=TIMEOUT).return_value == 3


def test_rqs_own_retry_runs(connection: redis.Redis, tmp_path: Path) -> None:
    job = queue(connection).enqueue(fail_once, tmp_path / "tried", retry=Retry(max=1))
    wait_until(lambda: job.get_status() == "finished")
    assert job.latest_result().return_value == "at last"


def fail_once(tried: Path) -> str:
    if not tried.exists():
        tried.touch()
        raise RuntimeError("for the first time")
    return "at last"


def test_a_result_without_a_signature_is_not_unpickled(connection: redis.Redis, trap: Trap) -> None:
    job = queue(connection).enqueue(operator.add, 1, 2)
    assert job.latest_result(timeout=TIMEOUT).return_value == 3
    plain = Job(job.id, connection=connection)
    Result.create(plain, Result.Type.SUCCESSFUL, ttl=60, return_value=trap)
    assert job.latest_result().return_value == UNSIGNED_RESULT
    assert UNSIGNED_RESULT in [result.return_value for result in job.results()]


@pytest.mark.parametrize("kind", ["SimpleQueue", "Queue", "JoinableQueue"])
def test_an_item_without_a_signature_is_discarded(
    ctx: jobs.Context, connection: redis.Redis, trap: Trap, kind: str
) -> None:
    items = getattr(ctx, kind)()
    forge(items, pickle.dumps(trap))
    items.put("good")
    assert items.get() == "good"
    if kind == "JoinableQueue":
        items.task_done()
        over = threading.Thread(target=items.join, daemon=True)
        over.start()
        over.join(TIMEOUT)
        assert not over.is_alive(), "the discarded one still counts as unfinished"


def test_an_item_of_another_queue_is_discarded(ctx: jobs.Context) -> None:
    one, other = ctx.Queue(), ctx.Queue()
    forge(other, one._dumps("for one"))
    with pytest.raises(Empty):
        other.get(timeout=0.1)
    forge(one, one._dumps("for one"))
    assert one.get() == "for one"


def test_a_forged_message_in_a_pipe_is_discarded(ctx: jobs.Context, trap: Trap) -> None:
    here, there = ctx.Pipe()
    forge(there._inbox, b"=" + pickle.dumps(trap))
    here.send_bytes(b"good")
    assert there.recv_bytes() == b"good"
    forge(here._inbox, there._inbox._dumps(b"=" + pickle.dumps("turned round")))
    assert not here.poll()


def forge(items: Any, payload: bytes) -> None:
    """Put these bytes among the items, as anyone who can write to the server can."""
    plain = broker.messages.queues.SimpleQueue.at(items._url, items.name)
    plain._dumps = lambda obj: obj
    plain._kind, plain._key = items._kind, items._key
    Items._configure(plain, maxsize=items._maxsize)
    plain._put(payload, float("inf"))


def test_forged_signals_and_status_messages_change_nothing(ctx: jobs.Context, trap: Trap) -> None:
    process = ctx.Process(target=wait_for, args=(go := ctx.Event(),))
    process.start()
    wait_until(lambda: process.pid is not None)
    for strange in (pickle.dumps(trap), pickle.dumps(9)):
        forge(signal_queue(ctx.url, process.job.id), strange)
    for strange in (pickle.dumps(trap), pickle.dumps((process.job.id, Exited(3)))):
        forge(ctx.children().status.queue, strange)
    go.set()
    process.join(TIMEOUT)
    assert process.exitcode == 0


def wait_for(event: Any) -> None:
    event.wait()


def test_an_unusable_secret_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LAB_SECRET", "short")
    with pytest.raises(SecretError, match="has 5 characters and needs 32; generate one with"):
        signing.key()
    monkeypatch.delenv("LAB_SECRET")
    monkeypatch.setenv("LAB_SECRET_FILE", str(tmp_path / "secret"))
    with pytest.raises(SecretError, match="cannot be read"):
        signing.key()
    (tmp_path / "secret").write_text("")
    with pytest.raises(SecretError, match="is empty"):
        signing.key()
    (tmp_path / "secret").write_text(SECRET + "\n")
    assert signing.key() == SECRET.encode()


def test_no_byte_can_move_from_one_field_to_the_next() -> None:
    assert signing.signature(b"a", b"bc") != signing.signature(b"ab", b"c") != signing.signature(b"abc")
    signed = signing.sign(b"content", "queue", "name")
    for kind, place in (("simple", "name"), ("queue", "nam"), ("queuen", "ame")):
        with pytest.raises(SignatureError):
            signing.verify(signed, kind, place)
    for broken in (b"", b"content", signed[:-1], signed[1:], bytes([signed[0] ^ 1]) + signed[1:]):
        with pytest.raises(SignatureError):
            signing.verify(broken, "queue", "name")


def test_without_a_secret_nothing_is_added(connection: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAB_SECRET")
    assert signing.sign(b"content", "queue", "name") == signing.verify(b"content", "queue", "name") == b"content"
    job = saved_job(connection)
    assert job.to_dict().keys() == Job.fetch(job.id, connection=connection).to_dict().keys()
    connection.delete(job.key)
