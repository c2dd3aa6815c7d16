"""The owner of a primitive: the context that it was made from."""

from __future__ import annotations

from typing import Protocol


class Primitive(Protocol):
    """What an owner may have to delete."""

    def delete(self) -> None:
        """Remove it from the server."""


class Owner(Protocol):
    """Says where a new primitive's server is, and deletes the primitive if it has no name; `broker.Context` is one."""

    def url_for(self, name: str | None) -> str:
        """Return the server's URL; raise `InvalidArgumentError` if a name would exclude nobody there."""

    def own(self, primitive: Primitive, name: str | None) -> None:
        """Take note of a new primitive; one without a name is deleted when its owner is closed."""


_default: Owner


def set_default_owner(owner: Owner) -> None:
    """Let `owner` own what is made without a context."""
    global _default
    _default = owner


def default_owner() -> Owner:
    """Return the owner of what is made without a context."""
    return _default
