"""The broker's managed containers and queues with the pickling of jobs, signed if there is a secret.

An item of a container without a valid signature raises `SignatureError` before it is unpickled.
"""

from __future__ import annotations

from typing import Any

from broker.managers import stores
from broker.managers.primitives import QueueArguments
from jobs.exchange import queues
from jobs.exchange.pickling import dumps, loads
from jobs.exchange.signing import sign, verify


class _SignedStore(stores.Store):
    def _dumps(self, obj: Any) -> bytes:
        return sign(dumps(obj), self._kind, self._name)

    def _loads(self, item: bytes) -> Any:
        return loads(verify(item, self._kind, self._name))


class ListStore(_SignedStore, stores.ListStore):
    """A `broker.managers.stores.ListStore` that also takes lambdas and nested functions."""


class MappingStore(_SignedStore, stores.MappingStore):
    """A `broker.managers.stores.MappingStore` that also takes lambdas and nested functions."""


class SetStore(_SignedStore, stores.SetStore):
    """A `broker.managers.stores.SetStore` that also takes lambdas and nested functions."""


class NamespaceStore(_SignedStore, stores.NamespaceStore):
    """A `broker.managers.stores.NamespaceStore` that also takes lambdas and nested functions."""


STORES: stores.Stores = {
    stores.ListStore: ListStore,
    stores.MappingStore: MappingStore,
    stores.SetStore: SetStore,
    stores.NamespaceStore: NamespaceStore,
}


class Queue(QueueArguments, queues.Queue):
    """A `broker.managers.primitives.Queue` that also takes lambdas and nested functions."""


class JoinableQueue(QueueArguments, queues.JoinableQueue):
    """A `broker.managers.primitives.JoinableQueue` that also takes lambdas and nested functions."""
