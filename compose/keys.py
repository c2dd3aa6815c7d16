"""Write the files that Redis and the lab need before they start: the password, the secret, and Redis's ACL file.

This runs before every start. Existing files keep their content, unless the environment's LAB_PASSWORD or LAB_SECRET is
set. Each file is replaced atomically, so this may be killed at any moment and run again.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from urllib.parse import quote

KEYS = Path("/keys")  # the lab and its workers read these
DATA = Path("/data")  # Redis reads this: it holds the password's hash, and not the secret
LAB_USER = Path(__file__).parents[1] / "broker.acl"
# Nobody can log in as `default`. But Redis loads its append-only file as that user, and skips each transaction that the
# user may not run.
OTHER_USERS = """\
user default off resetpass ~* &* +@all
user health on nopass resetkeys resetchannels -@all +ping
"""


def main() -> None:
    """Write each file."""
    password = _write_key("password")
    _write_key("secret")
    _write(KEYS / "url", f"redis://lab:{quote(password, safe='')}@redis:6379")
    hashed = hashlib.sha256(password.encode()).hexdigest()
    _write(DATA / "users.acl", f"{OTHER_USERS}{LAB_USER.read_text().strip()} #{hashed}\n")


def _write_key(name: str) -> str:
    """Write the environment's value to the file `name`, else keep the file's own, else generate one; return it."""
    file = KEYS / name
    given = os.environ.get(f"LAB_{name.upper()}")
    value = given or (file.read_text() if file.exists() else "") or secrets.token_urlsafe(32)
    _write(file, value)
    return value


def _write(file: Path, text: str) -> None:
    draft = file.with_name(f".{file.name}")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(file)


if __name__ == "__main__":
    main()
