"""The Redis-backed twins of multiprocessing's names, for processes on this machine and for RQ jobs."""

from __future__ import annotations

from lab.programs import managers, primitives, values

TWINS = primitives.LOCKS | primitives.QUEUES | primitives.PIPES | values.FACTORIES | values.CLASSES | managers.MANAGERS
