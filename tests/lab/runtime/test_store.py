"""The tickets' `db` stores a count, and refuses reads and writes under an old fence."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
import redis

from lab.errors import CorruptStoreError, RunEndedError, StaleFenceError
from lab.runtime.event_log import KEY_TTL
from lab.runtime.store import FileStore, RedisStore

KEY = "lab:test:db"
FENCE = 1_790_000_000_000_000  # like the broker's: microseconds since 1970; the next one is larger by one


@pytest.fixture
def shared(url: str) -> Iterator[RedisStore]:
    store = RedisStore(url, KEY)
    store.create(5)
    yield store
    store.delete()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"count": "5"}', '{"count": true}', '{"left": 5}'])
def test_a_corrupt_db_is_named(tmp_path: Path, client: redis.Redis, shared: RedisStore, text: str):
    (tmp_path / "db").write_text(text)
    client.hset(KEY, "text", text)
    for store in (FileStore(tmp_path / "db"), shared):
        with pytest.raises(CorruptStoreError, match="is corrupt: it should hold"):
            store.read()


def test_both_stores_store_a_count(tmp_path: Path, shared: RedisStore):
    for store in (FileStore(tmp_path / "db"), pickle.loads(pickle.dumps(shared))):
        store.write(3)
        assert store.read() == 3
        store.write(2, fence=FENCE)
        assert store.read(fence=FENCE) == store.read() == 2


def test_an_actor_that_outlives_the_run_creates_no_key(client: redis.Redis, shared: RedisStore):
    shared.delete()
    for fence in (None, FENCE):
        with pytest.raises(RunEndedError):
            shared.write(2, fence)
        with pytest.raises(RunEndedError):
            shared.read(fence)
    assert not client.exists(KEY)


def test_the_key_of_a_killed_lab_expires(client: redis.Redis, shared: RedisStore):
    shared.read(FENCE)
    shared.write(4, FENCE)
    assert 0 < client.ttl(KEY) <= KEY_TTL


def test_the_last_write_under_each_fence(tmp_path: Path, shared: RedisStore):
    shared.write(4, FENCE)
    shared.read(FENCE + 1)
    shared.write(3, FENCE + 2)
    shared.write(2)
    with pytest.raises(StaleFenceError):
        shared.write(1, FENCE + 1)
    assert shared.last_writes() == {FENCE: 4, FENCE + 2: 3}
    assert FileStore(tmp_path / "db").last_writes() == {}


def test_a_stale_write_is_refused_and_changes_nothing(shared: RedisStore):
    shared.write(4, fence=FENCE + 1)
    with pytest.raises(StaleFenceError, match=f"fence {FENCE} is older than fence {FENCE + 1}") as raised:
        shared.write(3, fence=FENCE)
    assert (raised.value.fence, raised.value.newest) == (FENCE, FENCE + 1)
    assert shared.read() == 4


def test_a_stale_write_is_refused_between_the_next_holders_read_and_write(shared: RedisStore):
    """The next holder has read but not written: if its read did not raise the fence, it would overwrite a sale."""
    assert shared.read(fence=FENCE) == 5
    assert shared.read(fence=FENCE + 1) == 5
    with pytest.raises(StaleFenceError):
        shared.write(4, fence=FENCE)
    shared.write(4, fence=FENCE + 1)
    assert shared.read() == 4


def test_a_stale_read_is_refused(shared: RedisStore):
    shared.read(fence=FENCE + 1)
    with pytest.raises(StaleFenceError):
        shared.read(fence=FENCE)
    assert shared.read() == 5  # a read without a fence is always allowed


@pytest.mark.slow
def test_nothing_is_done_under_an_older_fence_in_any_order(shared: RedisStore):
    """Every order of three holders' reads and writes, compared with the rule."""
    steps = [(holder, operation) for holder in range(3) for operation in ("read", "write")]
    for order in itertools.permutations(steps, 4):
        shared.delete()
        shared.create(5)
        newest, stored = 0, 5
        for holder, operation in order:
            stale = FENCE + holder < newest
            with pytest.raises(StaleFenceError) if stale else nullcontext():
                if operation == "read":
                    assert shared.read(FENCE + holder) == stored
                else:
                    shared.write(holder, FENCE + holder)
            if not stale:
                newest, stored = FENCE + holder, holder if operation == "write" else stored
        assert shared.read() == stored


def test_a_write_can_be_sent_again_if_its_reply_was_lost(shared: RedisStore):
    """It was done in time, so it is not refused, although another holder has written in between."""
    shared.write(4, fence=FENCE)
    shared.write(3, fence=FENCE + 1)
    shared.write(4, fence=FENCE)
    assert shared.read() == 3
    with pytest.raises(StaleFenceError):
        shared.write(2, fence=FENCE)
