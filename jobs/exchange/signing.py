"""Seals: a mark on what travels through Redis, that only whoever knows `LAB_SECRET` can make.

What arrives from Redis is unpickled, so whoever can write there could run code wherever the lab works. With a secret,
nothing is unpickled before its seal was found right. A seal stands behind a pickle, where a reader that knows of none
does not see it: a pickle says itself where it ends.

A seal says what the thing is and where it belongs, so none fits anywhere else. HMAC-SHA256 (RFC 2104); each field goes
in with its length before it, so that no byte can move from one to the next.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import os
from pathlib import Path

from broker.errors import BrokerError

SECRET, SECRET_FILE = "LAB_SECRET", "LAB_SECRET_FILE"
SHORTEST = 32  # characters
SIZE = hashlib.sha256().digest_size  # bytes of a seal

WHOSE = f"of the {SECRET} here; whoever sends it needs the same one"

_DOMAIN = b"multiprocessing-lab seal 1"


class SecretError(BrokerError):
    """Raised for a secret that cannot be read, or is too short to keep anybody out."""


class UnsealedError(BrokerError):
    """Raised for what bears no seal of this process's secret; it was not unpickled."""


def key() -> bytes | None:
    """Return the secret, from `LAB_SECRET` or the file that `LAB_SECRET_FILE` names; None if there is none.

    A file is read once. Raises `SecretError`.
    """
    return _key(os.environ.get(SECRET, "").strip(), os.environ.get(SECRET_FILE, ""))


def seal_of(*fields: bytes) -> bytes:
    """Return the seal of these fields; there must be a secret."""
    secret = key()
    assert secret is not None
    seal = hmac.new(secret, digestmod=hashlib.sha256)
    for field in (_DOMAIN, *fields):
        seal.update(len(field).to_bytes(8, "big") + field)
    return seal.digest()


def sealed(content: bytes, kind: str, place: str) -> bytes:
    """Return `content` as a thing of this kind for this place; without a secret, as it is."""
    return content if key() is None else content + seal_of(kind.encode(), place.encode(), content)


def opened(thing: bytes, kind: str, place: str) -> bytes:
    """Return what `sealed` was given for the same kind and place; raise `UnsealedError` for anything else."""
    if key() is None:
        return thing
    content, seal = thing[:-SIZE], thing[-SIZE:]
    if not hmac.compare_digest(seal, seal_of(kind.encode(), place.encode(), content)):
        raise UnsealedError(f"refused: what stands as {kind} of {place} has no seal {WHOSE}")
    return content


def open_to_strangers(url: str) -> str | None:
    """Return a warning if jobs at this server are neither sealed nor behind a Unix socket's permissions."""
    if key() is not None or url.startswith("unix:"):
        return None
    return (
        f"warning: there is no {SECRET}, so whoever can write to this Redis server can run code on its workers; "
        f"set the same {SECRET} wherever the lab works (docs/security.md)"
    )


@functools.lru_cache(maxsize=8)
def _key(secret: str, file: str) -> bytes | None:
    if not secret and file:
        try:
            secret = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SecretError(f"{SECRET_FILE} names {file}, which cannot be read ({type(error).__name__})") from None
        if not secret:
            raise SecretError(f"{SECRET_FILE} names {file}, which is empty; write a secret into it")
    if not secret:
        return None
    if len(secret) < SHORTEST:
        raise SecretError(
            f"{SECRET} has {len(secret)} characters and needs {SHORTEST}; make one with "
            "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    return secret.encode()
