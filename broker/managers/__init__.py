"""Managers, and the containers that they create; the names are those of `multiprocessing.managers`."""

from multiprocessing.managers import BaseProxy, RemoteError, SharedMemoryManager, Token

from broker.managers.base_manager import BaseManager
from broker.managers.sync_manager import SyncManager

__all__ = ["BaseManager", "BaseProxy", "RemoteError", "SharedMemoryManager", "SyncManager", "Token"]
