"""Signatures: only a process that knows `LAB_SECRET` can make or verify one.

What arrives from Redis is unpickled, so whoever can write to the server could run code in every process that reads
from it. With a secret, nothing is unpickled before its signature is verified. The signature follows the pickle, and a
reader that knows nothing of signatures ignores it: a pickle marks its own end.

A signature covers what the content is and where it belongs, so it is valid nowhere else. It is an HMAC-SHA256
(RFC 2104). Each field is preceded by its length, so that no byte can move from one field to the next.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import os
from pathlib import Path

from broker.errors import BrokerError

SECRET_VARIABLE, SECRET_FILE_VARIABLE = "LAB_SECRET", "LAB_SECRET_FILE"
MIN_SECRET_LENGTH = 32  # characters
SIGNATURE_SIZE = hashlib.sha256().digest_size  # bytes

NOT_VALID_HERE = f"has no valid signature for the {SECRET_VARIABLE} of this process; its sender needs the same secret"

_DOMAIN = b"multiprocessing-lab seal 1"  # separates these signatures from others that are made with the same secret


class SecretError(BrokerError):
    """Raised for a secret that cannot be read, or is too short to be safe."""


class SignatureError(BrokerError):
    """Raised for content without a valid signature; it was not unpickled."""


def key() -> bytes | None:
    """Return the secret, from `LAB_SECRET` or the file that `LAB_SECRET_FILE` names; None if there is none.

    A file is read once. Raises `SecretError`.
    """
    return _read_key(os.environ.get(SECRET_VARIABLE, "").strip(), os.environ.get(SECRET_FILE_VARIABLE, ""))


def signature(*fields: bytes) -> bytes:
    """Return the signature of these fields; there must be a secret."""
    secret = key()
    assert secret is not None
    digest = hmac.new(secret, digestmod=hashlib.sha256)
    for field in (_DOMAIN, *fields):
        digest.update(len(field).to_bytes(8, "big") + field)
    return digest.digest()


def sign(content: bytes, kind: str, name: str) -> bytes:
    """Return `content` with a signature that is valid for this kind and name only; unchanged without a secret."""
    return content if key() is None else content + signature(kind.encode(), name.encode(), content)


def verify(signed: bytes, kind: str, name: str) -> bytes:
    """Return the content that was signed for this kind and name; raise `SignatureError` for anything else."""
    if key() is None:
        return signed
    content, found = signed[:-SIGNATURE_SIZE], signed[-SIGNATURE_SIZE:]
    if not hmac.compare_digest(found, signature(kind.encode(), name.encode(), content)):
        raise SignatureError(f"rejected: content of {kind} {name} {NOT_VALID_HERE}")
    return content


def unsigned_jobs_warning(url: str) -> str | None:
    """Return a warning if jobs at this server are neither signed nor behind a Unix socket's permissions."""
    if key() is not None or url.startswith("unix:"):
        return None
    return (
        f"warning: {SECRET_VARIABLE} is not set, so whoever can write to this Redis server can run code on its "
        f"workers; set the same {SECRET_VARIABLE} on every host (docs/security.md)"
    )


@functools.lru_cache(maxsize=8)
def _read_key(secret: str, file: str) -> bytes | None:
    if not secret and file:
        try:
            secret = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SecretError(
                f"{SECRET_FILE_VARIABLE} names {file}, which cannot be read ({type(error).__name__})"
            ) from None
        if not secret:
            raise SecretError(f"{SECRET_FILE_VARIABLE} names {file}, which is empty; write a secret into it")
    if not secret:
        return None
    if len(secret) < MIN_SECRET_LENGTH:
        raise SecretError(
            f"{SECRET_VARIABLE} has {len(secret)} characters and needs {MIN_SECRET_LENGTH}; generate one with "
            "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    return secret.encode()
