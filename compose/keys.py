"""Make what has to be there before Redis starts: the password, the secret, and the list of Redis's users.

It runs before every start and changes nothing, unless the environment's LAB_PASSWORD or LAB_SECRET says otherwise. Each
file appears whole, so this may be killed at any moment and run again.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from urllib.parse import quote

KEYS = Path("/keys")  # the lab and its workers read these
DATA = Path("/data")  # and Redis this: the password's hash, and nothing of the secret
LAB_USER = Path(__file__).parents[1] / "broker.acl"
# Nobody is let in as `default`, but as that user Redis loads its append-only file, and leaves out each transaction that
# it might not run.
OTHERS = """\
user default off resetpass ~* &* +@all
user health on nopass resetkeys resetchannels -@all +ping
"""


def main() -> None:
    """Make what is missing."""
    password = _kept("password")
    _kept("secret")
    _write(KEYS / "url", f"redis://lab:{quote(password, safe='')}@redis:6379")
    hashed = hashlib.sha256(password.encode()).hexdigest()
    _write(DATA / "users.acl", f"{OTHERS}{LAB_USER.read_text().strip()} #{hashed}\n")


def _kept(name: str) -> str:
    """Let the file `name` have what the environment says, else what it has, else something new; return that."""
    file = KEYS / name
    said = os.environ.get(f"LAB_{name.upper()}")
    value = said or (file.read_text() if file.exists() else "") or secrets.token_urlsafe(32)
    _write(file, value)
    return value


def _write(file: Path, text: str) -> None:
    draft = file.with_name(f".{file.name}")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(file)


if __name__ == "__main__":
    main()
