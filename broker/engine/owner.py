"""The owner of a primitive: the context that created it."""

from __future__ import annotations

from typing import Protocol

from broker.transport.scripts import BoundScript


class Primitive(Protocol):
    """A primitive, as its owner sees it."""

    def delete(self) -> None:
        """Delete it from the server."""

    @property
    def deletion(self) -> BoundScript:
        """The script that deletes it."""

    def disown(self) -> None:
        """Leave its deletion to others."""


class Owner(Protocol):
    """Gives a new primitive its server, and deletes the primitive if it has no name; `broker.Context` is one."""

    def url_for(self, name: str | None) -> str:
        """Return the server's URL; raise `InvalidArgumentError` for a name that other processes could not use."""

    def own(self, primitive: Primitive, name: str | None) -> None:
        """Register a new primitive; one without a name is deleted when its owner is closed.

        The owner does not keep it in memory.
        """

    def delete_later(self, deletion: BoundScript) -> None:
        """Run this script when the owner is closed; finalizers call this, so it takes no lock."""


_default: Owner


def set_default_owner(owner: Owner) -> None:
    """Make `owner` the owner of primitives that are created without a context."""
    global _default
    _default = owner


def default_owner() -> Owner:
    """Return the owner of primitives that are created without a context."""
    return _default
