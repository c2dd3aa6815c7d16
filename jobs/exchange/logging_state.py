"""The logging set-up of a program, which a forked child has from its parent."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

OURS = {name: logging.getLogger(name) for name in ("rq", "jobs")}  # a worker's own log lines are no program's
REDIS = "push_response"  # redis-py sets this one itself, in each process
SILENT = logging.NullHandler()


@dataclass(frozen=True)
class LoggerState:
    """How one logger is set; the root's name is empty."""

    name: str
    level: int
    propagate: bool
    disabled: bool
    handlers: list[logging.Handler] = field(default_factory=list)
    filters: list[Any] = field(default_factory=list)

    @classmethod
    def untouched(cls, name: str) -> LoggerState:
        """Return how a logger is that nobody has set."""
        return cls(name, logging.NOTSET if name else logging.WARNING, True, False)

    def restore(self) -> None:
        """Set the logger of this process so."""
        logger = logging.getLogger(self.name or None)
        if logger.level != self.level:  # else it would clear the caches of all loggers
            logger.setLevel(self.level)
        logger.propagate, logger.disabled = self.propagate, self.disabled
        logger.handlers, logger.filters = self.handlers, self.filters


def logger_states() -> list[LoggerState]:
    """Return how the loggers of this process are set, but those that nobody has touched."""
    return [
        LoggerState(
            "" if logger is logging.root else logger.name,
            logger.level,
            logger.propagate,
            logger.disabled,
            list(logger.handlers),
            list(logger.filters),
        )
        for logger in _loggers()
        if not _is_untouched(logger)
    ]


def _is_untouched(logger: logging.Logger) -> bool:
    level = logging.WARNING if logger is logging.root else logging.NOTSET
    return logger.level == level and logger.propagate and not (logger.disabled or logger.handlers or logger.filters)


def reset_logging(states: list[LoggerState]) -> None:
    """Take back what a worker has set in this process, its child: `states` are the worker's; its own log is silent."""
    for state in states:
        LoggerState.untouched(state.name).restore()
    for logger in OURS.values():
        logger.handlers, logger.propagate = [SILENT], False


def reduce_handler(handler: logging.Handler) -> tuple[object, ...]:
    """Return how a handler is pickled: without its lock, and its file to be opened again, at its end."""
    state = {name: value for name, value in vars(handler).items() if name != "lock"}
    if isinstance(handler, logging.FileHandler):
        state |= {"stream": None, "mode": "a"}
    return _handler, (type(handler),), state, None, None, _set_state


def _handler(kind: type[logging.Handler]) -> logging.Handler:
    return kind.__new__(kind)


def _set_state(handler: logging.Handler, state: dict[str, Any]) -> None:
    vars(handler).update(state)
    handler.createLock()


def _loggers() -> Iterator[logging.Logger]:
    yield logging.root
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and name != REDIS and name.partition(".")[0] not in OURS:
            yield logger
