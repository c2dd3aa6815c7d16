"""The tickets' `db` keeps a count, and under fences lets nobody in who is too late."""

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
FENCE = 1_790_000_000_000_000  # as the broker makes them: microseconds since 1970; the next one is one more


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


def test_both_stores_keep_a_count(tmp_path: Path, shared: RedisStore):
    for store in (FileStore(tmp_path / "db"), pickle.loads(pickle.dumps(shared))):
        store.write(3)
        assert store.read() == 3
        store.write(2, fence=FENCE)
        assert store.read(fence=FENCE) == store.read() == 2


def test_an_actor_that_has_not_heard_that_the_run_is_over_leaves_no_key_behind(client: redis.Redis, shared: RedisStore):
    shared.delete()
    for fence in (None, FENCE):
        with pytest.raises(RunEndedError):
            shared.write(2, fence)
        with pytest.raises(RunEndedError):
            shared.read(fence)
    assert not client.exists(KEY)


def test_what_a_killed_lab_leaves_is_forgotten(client: redis.Redis, shared: RedisStore):
    shared.read(FENCE)
    shared.write(4, FENCE)
    assert 0 < client.ttl(KEY) <= KEY_TTL


def test_it_knows_what_was_written_under_each_fence(tmp_path: Path, shared: RedisStore):
    shared.write(4, FENCE)
    shared.read(FENCE + 1)
    shared.write(3, FENCE + 2)
    shared.write(2)
    with pytest.raises(StaleFenceError):
        shared.write(1, FENCE + 1)
    assert shared.last_writes() == {FENCE: 4, FENCE + 2: 3}
    assert FileStore(tmp_path / "db").last_writes() == {}


def test_a_late_write_is_refused_and_changes_nothing(shared: RedisStore):
    shared.write(4, fence=FENCE + 1)
    with pytest.raises(StaleFenceError, match=f"fence {FENCE} is older than fence {FENCE + 1}") as late:
        shared.write(3, fence=FENCE)
    assert (late.value.fence, late.value.newest) == (FENCE, FENCE + 1)
    assert shared.read() == 4


def test_a_stale_write_does_not_get_in_between_the_next_ones_read_and_write(shared: RedisStore):
    """The next holder has read but not written: without what its read says, it would write over a sale."""
    assert shared.read(fence=FENCE) == 5
    assert shared.read(fence=FENCE + 1) == 5
    with pytest.raises(StaleFenceError):
        shared.write(4, fence=FENCE)
    shared.write(4, fence=FENCE + 1)
    assert shared.read() == 4


def test_a_late_reader_learns_that_it_is_late(shared: RedisStore):
    shared.read(fence=FENCE + 1)
    with pytest.raises(StaleFenceError):
        shared.read(fence=FENCE)
    assert shared.read() == 5  # whoever only looks has no fence, and none is asked for


def test_no_older_fence_does_anything_whatever_was_done_before(shared: RedisStore):
    """Each order of three holders' reads and writes, against the rule in one line."""
    steps = [(holder, act) for holder in range(3) for act in ("read", "write")]
    for order in itertools.permutations(steps, 4):
        shared.delete()
        shared.create(5)
        newest, kept = 0, 5
        for holder, act in order:
            late = FENCE + holder < newest
            with pytest.raises(StaleFenceError) if late else nullcontext():
                if act == "read":
                    assert shared.read(FENCE + holder) == kept
                else:
                    shared.write(holder, FENCE + holder)
            if not late:
                newest, kept = FENCE + holder, holder if act == "write" else kept
        assert shared.read() == kept


def test_a_write_whose_reply_was_lost_may_be_sent_again(shared: RedisStore):
    """It was done in time, so it is not late, although somebody else has been there meanwhile."""
    shared.write(4, fence=FENCE)
    shared.write(3, fence=FENCE + 1)
    shared.write(4, fence=FENCE)
    assert shared.read() == 3
    with pytest.raises(StaleFenceError):
        shared.write(2, fence=FENCE)
